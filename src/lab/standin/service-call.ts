import { randomBytes } from 'node:crypto';
import type { CallOwner, CallTools, NewCall } from './call-owner.js';
import { Leg } from './leg.js';
import { calledLeg } from './leg-parts.js';
import { answerSdp } from './sdp-answer.js';
import type { ServerTransaction } from './server-transaction.js';
import { headerOf, type SipRequest } from './sip-message.js';
import type { ResponseParts } from './sip-response.js';
import { refuse, type Untagged } from './sip-stack.js';

/** The even ports named in our SDP, one per call in turn; nothing is sent or received there. */
const RTP_PORTS = { first: 16_384, last: 30_998 } as const;
const NOT_ACCEPTABLE: Untagged = { status: 488, reason: 'Not Acceptable Here' };
const TERMINATED: Untagged = { status: 487, reason: 'Request Terminated' };

/** Calls that end here: echo, tone, park, load, record and the conference rooms. All are merely answered. */
export class ServiceCalls implements CallOwner {
  readonly #tools: CallTools;
  readonly #cancelRings = new Map<Leg, () => void>();
  #nextPort: number = RTP_PORTS.first;

  constructor(tools: CallTools) {
    this.#tools = tools;
  }

  /** Rings and answers; 488 for media that we cannot play. */
  begin(call: NewCall): void {
    const { switch: core, counters, legs, timers, ringMs, okHeaders } = this.#tools;
    const { invite } = call;
    const sdp = this.#answerOffer(invite.request);
    if (sdp === null) {
      counters.failedCallsIn += 1;
      return refuse(invite, NOT_ACCEPTABLE);
    }
    const { uuid } = core.createCall(call.info);
    const localTag = randomBytes(8).toString('hex');
    const leg = new Leg(calledLeg(uuid, localTag, invite), this.#tools, {
      onClosing: (_, reason) => core.endCall(uuid, reason),
      onEnd: (ended) => this.#forget(ended),
    });
    legs.add(leg, this, call.merge);
    counters.callsIn += 1;
    invite.respond({
      status: 180,
      reason: 'Ringing',
      toTag: localTag,
      isDialogForming: true,
      headers: okHeaders.slice(0, 3),
    });
    core.ringCall(uuid);
    this.#cancelRings.set(
      leg,
      timers.after(ringMs, () => this.#answer(leg, sdp)),
    );
  }

  onRequest(leg: Leg, transaction: ServerTransaction): void {
    const { method } = transaction.request;
    if (method === 'BYE') {
      transaction.respond({ status: 200, reason: 'OK', toTag: leg.parts.localTag });
      leg.ended();
    } else if (method === 'INVITE' || method === 'UPDATE') this.#reoffer(leg, transaction);
    else if (method === 'REFER') refuse(transaction, { status: 603, reason: 'Decline' });
    else transaction.respond({ status: 200, reason: 'OK', toTag: leg.parts.localTag });
  }

  onCancel(leg: Leg, cancel: SipRequest): void {
    this.#refuseEarly(
      leg,
      TERMINATED,
      cancel.method === 'BYE' ? 'NORMAL_CLEARING' : 'ORIGINATOR_CANCEL',
    );
  }

  hangup(leg: Leg, cause: string): void {
    if (leg.state === 'early') {
      const headers = [['Retry-After', '300']] as const;
      this.#refuseEarly(leg, { status: 503, reason: 'Service Unavailable', headers }, cause);
    } else {
      this.#tools.switch.endCall(leg.parts.uuid, cause);
      leg.hangup(cause);
    }
  }

  #answer(leg: Leg, sdp: string): void {
    if (leg.accept(this.#ok(leg, sdp))) this.#tools.switch.answerCall(leg.parts.uuid);
  }

  #ok(leg: Leg, sdp: string): ResponseParts {
    return {
      status: 200,
      reason: 'OK',
      toTag: leg.parts.localTag,
      isDialogForming: true,
      headers: this.#tools.okHeaders,
      ...(sdp === '' ? {} : { body: { type: 'application/sdp', text: sdp } }),
    };
  }

  /** A re-INVITE or UPDATE: answered at once with our side of the media, unchanged. */
  #reoffer(leg: Leg, transaction: ServerTransaction): void {
    const { request } = transaction;
    const hasOffer = request.body.length > 0 || request.method === 'INVITE';
    const sdp = hasOffer ? this.#answerOffer(request) : '';
    if (sdp === null) return refuse(transaction, NOT_ACCEPTABLE);
    leg.retarget(request);
    if (request.method === 'INVITE') leg.acceptAgain(transaction, this.#ok(leg, sdp));
    else transaction.respond(this.#ok(leg, sdp));
  }

  #refuseEarly(leg: Leg, parts: Untagged, cause: string): void {
    const { switch: core, counters } = this.#tools;
    core.endCall(leg.parts.uuid, cause);
    if (leg.refuse(parts)) counters.failedCallsIn += 1;
  }

  #forget(leg: Leg): void {
    this.#cancelRings.get(leg)?.();
    this.#cancelRings.delete(leg);
    this.#tools.legs.remove(leg);
    this.#tools.switch.endCall(leg.parts.uuid, 'NORMAL_CLEARING');
  }

  /** Our SDP for this offer, or null when nothing in it suits. */
  #answerOffer(request: SipRequest): string | null {
    const port = this.#nextPort;
    this.#nextPort = port >= RTP_PORTS.last ? RTP_PORTS.first : port + 2;
    const media = { host: this.#tools.local.host, port };
    const offer = request.body.toString('latin1');
    return answerSdp(offer, media, this.#tools.counters.callsIn + 1);
  }
}

/** What a name of ours does, or null for one that is somebody else's. Pure. */
export function serviceOf(
  user: string,
  request: SipRequest,
): readonly [application: string, data: string] | null {
  const fixed = SERVICES.get(user);
  if (fixed !== undefined) return fixed;
  const room = /^conf-([a-z0-9-]{1,32})$/.exec(user)?.[1] ?? roomOfToken(user, request);
  return room === null ? null : ['conference', `${room}@carna`];
}

const SERVICES: ReadonlyMap<string, readonly [string, string]> = new Map([
  ['echo', ['echo', '']],
  ['tone', ['playback', 'tone_stream://%(500,500,440);loops=-1']],
  ['park', ['park', '']],
  ['load', ['park', '']],
  ['record', ['record', '']],
]);

export const isToken = (user: string): boolean => /^ct_[0-9a-f]{32}$/.test(user);

/** The room that a dispatcher found behind a token: without its word the token opens nothing. */
function roomOfToken(user: string, request: SipRequest): string | null {
  const room = headerOf(request, 'x-carna-room');
  return isToken(user) && /^[a-z0-9-]{1,32}$/.test(room) ? room : null;
}
