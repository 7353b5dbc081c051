import { randomUUID } from 'node:crypto';
import { callNameOf, forwardsLeft, taggedFrom } from './b-leg.js';
import { outboundInfo } from './call-info.js';
import type { CallOwner, CallTools, NewCall } from './call-owner.js';
import type { Leg, LegEvents } from './leg.js';
import { bodyOf, pickHeaders, withoutTag } from './message-parts.js';
import { OutgoingCall, type InviteParts } from './outgoing-call.js';
import type { Relay } from './relay.js';
import type { ServerTransaction } from './server-transaction.js';
import { headerOf, parseUri, uriOf, valuesOf } from './sip-message.js';
import type { SipRequest, SipResponse } from './sip-message.js';
import type { SipAddress } from './sip-response.js';
import { refuse, type Untagged } from './sip-stack.js';

/** The party that stays is offered the new one's media again after glare, this much later: RFC 3261 14.1. */
const GLARE_WAIT_MS = 2100;
const SUBSCRIPTION_S = 180;

export interface TransferParts {
  readonly tools: CallTools;
  readonly owner: CallOwner;
  readonly events: LegEvents;
  readonly call: NewCall;
  readonly referrer: Leg;
  readonly stays: Leg;
  /** What the party that stays said last of its media. */
  readonly sdp: string;
  readonly hops: readonly SipAddress[];
  readonly relay: Relay;
  /** The target has answered with this session description. */
  readonly onJoined: (leg: Leg, sdp: string) => void;
  readonly onRefused: () => void;
}

/** A blind transfer (RFC 3515): the target is called for the party that stays, the referrer hears how it goes. */
export class Transfer {
  readonly referrer: Leg;
  readonly #parts: TransferParts;
  #uri = '';
  #referredBy = '';
  #outgoing: OutgoingCall | null = null;

  constructor(parts: TransferParts) {
    this.#parts = parts;
    this.referrer = parts.referrer;
  }

  /** Answers the REFER: 202, or a refusal and false. */
  accepts(transaction: ServerTransaction): boolean {
    const { request } = transaction;
    const targets = valuesOf(request, 'refer-to');
    const uri = uriOf(targets[0] ?? '');
    if (targets.length !== 1 || (parseUri(uri)?.user ?? '') === '') {
      refuse(transaction, { status: 400, reason: 'Bad Refer-To' });
      return false;
    }
    if (/[?&]replaces=/i.test(uri) || /;\s*method=(?!INVITE)/i.test(uri)) {
      refuse(transaction, { status: 501, reason: 'Only Blind Transfer' });
      return false;
    }
    this.#uri = this.#withDomain(uri.replace(/\?.*$/, ''));
    this.referrer.retarget(request);
    const by = headerOf(request, 'referred-by');
    this.#referredBy = by || `<${uriOf(this.referrer.parts.to)}>`;
    transaction.respond({
      ...{ status: 202, reason: 'Accepted', toTag: this.referrer.parts.localTag },
      headers: this.#parts.tools.okHeaders.slice(0, 1),
    });
    return true;
  }

  start(): void {
    const { tools, call, hops, owner, events, stays } = this.#parts;
    this.#notify({ status: 100, reason: 'Trying' }, false);
    this.#outgoing = new OutgoingCall({
      ...{ tools, owner, events, hops, callUuid: stays.parts.uuid },
      invite: this.#invite(call.invite.request),
      info: outboundInfo(this.#uri, call.info, tools.profileName),
      listener: {
        onProgress: (response) => this.#notify(response, false),
        onAnswer: (leg, response) => this.#answered(leg, response),
        onFailure: (answer) => {
          this.#notify(answer, true);
          this.#parts.onRefused();
        },
      },
    });
    this.#outgoing.start();
  }

  /** The call is over meanwhile. */
  cancel(): void {
    this.#notify({ status: 487, reason: 'Request Terminated' }, true);
    this.#outgoing?.cancel('ORIGINATOR_CANCEL');
  }

  /** A phone that knows us only by our address means the domain of the call. */
  #withDomain(uri: string): string {
    const { call, tools } = this.#parts;
    const [target, own] = [parseUri(uri), call.invite.request.uri];
    if (target?.host !== tools.local.host) return uri;
    return own.replace(
      /^(sips?:)(?:[^@;?]*@)?/i,
      (_, scheme: string) => `${scheme}${target.user}@`,
    );
  }

  #invite(first: SipRequest): InviteParts {
    const { stays, tools, sdp } = this.#parts;
    const isCaller = stays.parts.invite !== null;
    return {
      uri: this.#uri,
      maxForwards: forwardsLeft(first),
      from: taggedFrom(withoutTag(stays.parts.to)),
      to: `<${this.#uri}>`,
      callId: randomUUID(),
      headers: [
        ...tools.okHeaders.slice(0, 1),
        ...(isCaller ? pickHeaders(first, ['P-Asserted-Identity', 'Privacy']) : []),
        ...pickHeaders(first, ['X-Carna-User']),
        ['X-Carna-Call', callNameOf(first)],
        ['Referred-By', this.#referredBy],
      ],
      // Whoever was put on hold before the transfer is not on hold for the new party.
      body: {
        type: 'application/sdp',
        text: sdp.replace(/^a=(?:sendonly|recvonly|inactive)(?=\r?$)/gm, 'a=sendrecv'),
      },
    };
  }

  #answered(leg: Leg, response: SipResponse): void {
    this.#outgoing?.acknowledge(null);
    const sdp = bodyOf(response)?.text ?? '';
    this.#notify(response, true);
    this.#parts.onJoined(leg, sdp);
    this.#offer(leg, sdp, true);
  }

  /** Tells the party that stays where its media go from now on. */
  #offer(leg: Leg, sdp: string, mayRepeat: boolean): void {
    const { stays, tools, relay } = this.#parts;
    if (sdp === '' || stays.state !== 'confirmed') return;
    relay.isOffering = true;
    let isDone = false;
    const sent = stays.request(
      'INVITE',
      tools.okHeaders.slice(0, 1),
      { type: 'application/sdp', text: sdp },
      {
        onResponse: (response) => {
          if (response.status < 200) return;
          if (response.status < 300) stays.sendAck(sent?.cseq ?? 0, null);
          if (isDone) return;
          isDone = true;
          relay.isOffering = false;
          if (response.status !== 491 || !mayRepeat) return;
          tools.timers.after(GLARE_WAIT_MS, () => {
            if (!relay.isOffering && leg.state === 'confirmed') this.#offer(leg, sdp, false);
          });
        },
        onSilence: () => this.#parts.owner.hangup(stays, 'RECOVERY_ON_TIMER_EXPIRE'),
      },
    );
    if (sent === null) relay.isOffering = false;
  }

  #notify(answer: Untagged | SipResponse, isLast: boolean): void {
    if (this.referrer.state !== 'confirmed') return;
    const state = isLast ? 'terminated;reason=noresource' : `active;expires=${SUBSCRIPTION_S}`;
    const ignored = { onResponse: () => undefined, onSilence: () => undefined };
    this.referrer.request(
      'NOTIFY',
      [
        ...this.#parts.tools.okHeaders.slice(0, 1),
        ['Event', 'refer'],
        ['Subscription-State', state],
      ],
      {
        type: 'message/sipfrag;version=2.0',
        text: `SIP/2.0 ${answer.status} ${answer.reason}\r\n`,
      },
      ignored,
    );
  }
}
