import { BridgedCall } from './bridged-call.js';
import { forwardsLeft } from './b-leg.js';
import { callInfoOf } from './call-info.js';
import { ALLOW, type CallTools, type NewCall } from './call-owner.js';
import { MAX_DIALOGS, mergeKey } from './dialog.js';
import { LegTable } from './leg-table.js';
import type { StandinLogger } from './logger.js';
import type { MediaSwitch } from './media-switch.js';
import { ServiceCalls, isToken, serviceOf } from './service-call.js';
import type { ServerTransaction } from './server-transaction.js';
import { headerOf, parseUri, tagOf, valuesOf, type SipRequest } from './sip-message.js';
import type { SipAddress } from './sip-response.js';
import { SipStack, refuse, type SipCounters, type Untagged } from './sip-stack.js';
import type { Timers } from './timers.js';

const BUSY: Untagged = {
  status: 503,
  reason: 'Maximum Calls In Progress',
  headers: [['Retry-After', '300']],
};
const NO_DIALOG: Untagged = { status: 481, reason: 'Call/Transaction Does Not Exist' };

export interface UasParts {
  readonly local: SipAddress;
  readonly nodeName: string;
  readonly profileName: string;
  readonly ringMs: number;
  readonly switch: MediaSwitch;
  readonly timers: Timers;
  readonly log: StandinLogger;
  readonly send: (bytes: Buffer, to: SipAddress) => void;
}

/**
 * SIP over UDP as the media node speaks it: answers the calls for its own names, passes every other one on
 * through the dispatchers. It keeps no socket.
 */
export class Uas {
  readonly #parts: UasParts;
  readonly #stack: SipStack;
  readonly #tools: CallTools;
  readonly #services: ServiceCalls;

  constructor(parts: UasParts) {
    this.#parts = parts;
    const okHeaders = okHeadersOf(parts);
    this.#stack = new SipStack({
      ...{ timers: parts.timers, log: parts.log, send: parts.send },
      user: {
        onRequest: (transaction) => this.#request(transaction),
        onAck: (ack) => this.#tools.legs.ofRequest(ack)?.leg.acknowledge(ack),
        onCancel: (cancel, invite) => this.#cancel(cancel, invite),
        answerOptions: (request) => this.#options(request),
        refusal: BUSY,
      },
    });
    this.#tools = {
      ...parts,
      ...{ clients: this.#stack.clients, legs: new LegTable(), okHeaders },
      counters: { callsIn: 0, failedCallsIn: 0, callsOut: 0, failedCallsOut: 0 },
    };
    this.#services = new ServiceCalls(this.#tools);
  }

  /** Within a dialog, which keepalives of a proxy are, it tells whether the call still stands here. */
  #options(request: SipRequest): Untagged {
    const isWithinDialog = tagOf(headerOf(request, 'to')) !== null;
    if (isWithinDialog && this.#tools.legs.ofRequest(request) === undefined) {
      return NO_DIALOG;
    }
    if (!isWithinDialog && this.#tools.switch.isBusy) return BUSY;
    return { status: 200, reason: 'OK', headers: this.#tools.okHeaders };
  }

  get counters(): SipCounters {
    return this.#stack.counters;
  }

  get calls(): CallTools['counters'] {
    return this.#tools.counters;
  }

  /** Dialogs, and calls of ours that are still to be answered. */
  get dialogCount(): number {
    return this.#tools.legs.size;
  }

  get transactionCount(): number {
    return this.#stack.transactionCount;
  }

  /** Requests of ours that nobody has answered yet. */
  get pendingRequests(): number {
    return this.#stack.clients.unanswered;
  }

  /** Takes one datagram; never throws. */
  receive(datagram: Buffer, source: SipAddress): void {
    this.#stack.receive(datagram, source);
  }

  /** Ends the call of a channel from this side: BYE, or a refusal while it rings, or a BYE after its ACK. */
  hangup(uuid: string, cause: string): void {
    this.#tools.legs.hangup(uuid, cause);
  }

  #request(transaction: ServerTransaction): void {
    const { request } = transaction;
    const required = valuesOf(request, 'require');
    if (required.length > 0) {
      const headers = [['Unsupported', required.join(', ')]] as const;
      refuse(transaction, { status: 420, reason: 'Bad Extension', headers });
    } else if (tagOf(headerOf(request, 'to')) !== null) this.#inDialog(transaction);
    else if (request.method === 'INVITE') this.#invite(transaction);
    else if (request.method === 'BYE' || request.method === 'UPDATE')
      refuse(transaction, NO_DIALOG);
    else if (this.#parts.switch.isPaused('inbound')) refuse(transaction, BUSY);
    else if (request.method === 'INFO') refuse(transaction, NO_DIALOG);
    else {
      const headers = [['Allow', ALLOW]] as const;
      refuse(transaction, { status: 405, reason: 'Method Not Allowed', headers });
    }
  }

  #invite(invite: ServerTransaction): void {
    const { counters, legs } = this.#tools;
    invite.respond({ status: 100, reason: 'Trying', toTag: null });
    const merge = mergeKey(invite.request);
    const refusal = legs.hasMerge(merge)
      ? { status: 482, reason: 'Request merged' }
      : this.#refusalOf(invite.request);
    if (refusal === null) return this.#begin(invite, merge);
    if (refusal.status !== 482) counters.failedCallsIn += 1;
    refuse(invite, refusal);
  }

  #refusalOf(request: SipRequest): Untagged | null {
    if (this.#isFull()) return BUSY;
    const user = parseUri(request.uri)?.user ?? '';
    if (serviceOf(user, request) !== null) return null;
    if (user === '') return { status: 404, reason: 'Not Found' };
    if (isToken(user)) return { status: 403, reason: 'Forbidden' };
    return forwardsLeft(request) < 0 ? { status: 483, reason: 'Too Many Hops' } : null;
  }

  #isFull(): boolean {
    const isRefused = this.#parts.switch.refusalOfNewCall() !== null;
    if (isRefused || this.#tools.legs.size < MAX_DIALOGS) return isRefused;
    this.counters.overLimit += 1;
    return true;
  }

  #begin(invite: ServerTransaction, merge: string): void {
    const { request, source } = invite;
    const service = serviceOf(parseUri(request.uri)?.user ?? '', request);
    const info = callInfoOf(request, source, this.#parts.profileName, service);
    const call: NewCall = { invite, merge, info };
    if (service !== null) this.#services.begin(call);
    else new BridgedCall(this.#tools, call).begin();
  }

  #cancel(cancel: ServerTransaction, invite: ServerTransaction | undefined): void {
    if (invite === undefined) return refuse(cancel, NO_DIALOG);
    const owned = this.#tools.legs.ofInvite(invite);
    const ok: Untagged = { status: 200, reason: 'OK' };
    if (owned === undefined) return refuse(cancel, ok);
    cancel.respond({ ...ok, toTag: owned.leg.parts.localTag });
    if (owned.leg.state === 'early') owned.owner.onCancel(owned.leg, cancel.request);
  }

  #inDialog(transaction: ServerTransaction): void {
    const { request } = transaction;
    const owned = this.#tools.legs.ofRequest(request);
    if (owned === undefined || owned.leg.state === 'ended') return refuse(transaction, NO_DIALOG);
    const { leg, owner } = owned;
    if (!leg.notes(request)) {
      return refuse(transaction, { status: 500, reason: 'CSeq out of order' });
    }
    if (request.method !== 'BYE' || leg.state !== 'early') {
      return owner.onRequest(leg, transaction);
    }
    transaction.respond({ status: 200, reason: 'OK', toTag: leg.parts.localTag });
    owner.onCancel(leg, request);
  }
}

function okHeadersOf(parts: UasParts): CallTools['okHeaders'] {
  const { local, nodeName } = parts;
  return [
    ['Contact', `<sip:mod_sofia@${local.host}:${local.port};transport=udp>`],
    ['Server', 'carna-stand-in'],
    ['X-Carna-Node', nodeName],
    ['Allow', ALLOW],
    ['Accept', 'application/sdp'],
  ];
}
