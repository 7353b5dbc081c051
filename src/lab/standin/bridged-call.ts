import { randomBytes } from 'node:crypto';
import { hopsOf, inviteFor } from './b-leg.js';
import { outboundInfo } from './call-info.js';
import { ALLOW, type CallOwner, type CallTools, type NewCall } from './call-owner.js';
import { Leg, type LegEvents } from './leg.js';
import { calledLeg } from './leg-parts.js';
import { bodyOf } from './message-parts.js';
import { OutgoingCall } from './outgoing-call.js';
import { Relay } from './relay.js';
import type { ServerTransaction } from './server-transaction.js';
import { headerOf, type SipRequest, type SipResponse } from './sip-message.js';
import { refuse, type Untagged } from './sip-stack.js';
import { Transfer } from './transfer.js';

export type BridgeState = 'calling' | 'bridged' | 'transferring' | 'over';
export type BridgeEvent = 'answered' | 'referred' | 'joined' | 'refused' | 'hangup';

/** The life of a call from leg to leg. A pair without entry changes nothing. */
export const BRIDGE_TABLE: Readonly<
  Record<BridgeState, Readonly<Partial<Record<BridgeEvent, BridgeState>>>>
> = {
  calling: { answered: 'bridged', refused: 'over', hangup: 'over' },
  bridged: { referred: 'transferring', hangup: 'over' },
  transferring: { joined: 'bridged', refused: 'bridged', hangup: 'over' },
  over: {},
};

const RELAYED = new Set(['INVITE', 'UPDATE', 'INFO', 'MESSAGE']);
const PENDING: Untagged = { status: 491, reason: 'Request Pending' };

/** A call through us: the leg that called, the leg that we call, and whatever passes between them. */
export class BridgedCall implements CallOwner {
  state: BridgeState = 'calling';
  readonly #tools: CallTools;
  readonly #call: NewCall;
  readonly #relay: Relay;
  readonly #events: LegEvents;
  readonly #sdps = new Map<Leg, string>();
  /** The legs that are up, the caller first. */
  #legs: readonly Leg[] = [];
  #outgoing: OutgoingCall | null = null;
  #transfer: Transfer | null = null;
  #hasRung = false;

  constructor(tools: CallTools, call: NewCall) {
    this.#tools = tools;
    this.#call = call;
    this.#relay = new Relay({
      tools,
      onLost: () => this.#finish('RECOVERY_ON_TIMER_EXPIRE'),
      onSdp: (leg, sdp) => void this.#sdps.set(leg, sdp),
    });
    this.#events = {
      onClosing: (leg, reason) => this.#closing(leg, reason),
      onEnd: (leg) => this.#forget(leg),
    };
  }

  /** Takes the call in and makes its B leg. */
  begin(): void {
    const { legs, switch: core, counters } = this.#tools;
    const { invite, info, merge } = this.#call;
    const { uuid } = core.createCall(info);
    const a = new Leg(
      calledLeg(uuid, randomBytes(8).toString('hex'), invite),
      this.#tools,
      this.#events,
    );
    this.#legs = [a];
    legs.add(a, this, merge);
    counters.callsIn += 1;
    this.#noteSdp(a, invite.request);
    this.#outgoing = new OutgoingCall({
      ...{ tools: this.#tools, owner: this, events: this.#events, callUuid: uuid },
      ...{ invite: inviteFor(invite.request, this.#tools.okHeaders), hops: hopsOf(invite) },
      info: outboundInfo(invite.request.uri, info, this.#tools.profileName),
      listener: {
        onProgress: (response) => this.#progress(a, response),
        onAnswer: (b, response) => this.#answered(a, b, response),
        onFailure: (answer) => this.#failed(a, answer),
      },
    });
    this.#outgoing.start();
  }

  onRequest(leg: Leg, transaction: ServerTransaction): void {
    const { method } = transaction.request;
    const other = this.#otherOf(leg);
    if (method === 'BYE') return this.#bye(leg, transaction);
    if (this.state !== 'bridged' || other === null) return refuse(transaction, PENDING);
    if (method === 'REFER') return this.#refer(leg, other, transaction);
    if (RELAYED.has(method)) return this.#relay.pass(leg, other, transaction);
    refuse(transaction, { status: 405, reason: 'Method Not Allowed', headers: [['Allow', ALLOW]] });
  }

  onCancel(leg: Leg, cancel: SipRequest): void {
    const cause = cancel.method === 'BYE' ? 'NORMAL_CLEARING' : 'ORIGINATOR_CANCEL';
    this.#outgoing?.cancel(cause);
    this.#step('hangup');
    this.#refuse(leg, { status: 487, reason: 'Request Terminated' }, cause);
  }

  hangup(_leg: Leg, cause: string): void {
    this.#finish(cause);
  }

  #progress(a: Leg, response: SipResponse): void {
    const body = bodyOf(response);
    a.parts.invite?.respond({
      status: response.status,
      reason: response.reason,
      toTag: a.parts.localTag,
      isDialogForming: true,
      headers: this.#tools.okHeaders.slice(0, 3),
      ...(body === null ? {} : { body }),
    });
    if (this.#hasRung || response.status !== 180) return;
    this.#hasRung = true;
    this.#tools.switch.ringCall(a.parts.uuid);
  }

  #answered(a: Leg, b: Leg, response: SipResponse): void {
    const { switch: core, okHeaders } = this.#tools;
    this.#step('answered');
    this.#legs = [a, b];
    this.#noteSdp(b, response);
    const hasOffer = (a.parts.invite?.request.body.length ?? 0) > 0;
    if (hasOffer) this.#outgoing?.acknowledge(null);
    const body = bodyOf(response);
    const ok = {
      ...{ status: 200, reason: 'OK', toTag: a.parts.localTag, isDialogForming: true },
      headers: okHeaders,
      ...(body === null ? {} : { body }),
    };
    a.accept(ok, (ack) => {
      this.#noteSdp(a, ack);
      this.#outgoing?.acknowledge(bodyOf(ack));
    });
    core.answerCall(b.parts.uuid);
    core.answerCall(a.parts.uuid);
    core.bridgeCalls(a.parts.uuid, b.parts.uuid);
  }

  #failed(a: Leg, answer: Untagged): void {
    this.#step('refused');
    this.#refuse(a, answer, 'NORMAL_CLEARING');
  }

  #refuse(leg: Leg, answer: Untagged, cause: string): void {
    this.#tools.switch.endCall(leg.parts.uuid, cause);
    if (leg.refuse(answer)) this.#tools.counters.failedCallsIn += 1;
  }

  #bye(leg: Leg, transaction: ServerTransaction): void {
    const reason = headerOf(transaction.request, 'reason') || 'NORMAL_CLEARING';
    transaction.respond({ status: 200, reason: 'OK', toTag: leg.parts.localTag });
    leg.ended();
    // Who has referred the call may leave before it is answered elsewhere.
    if (this.state === 'transferring' && this.#transfer?.referrer === leg) return;
    this.#finish(reason);
  }

  #refer(referrer: Leg, stays: Leg, transaction: ServerTransaction): void {
    if (this.#relay.isOffering) return refuse(transaction, PENDING);
    const transfer = new Transfer({
      ...{ tools: this.#tools, owner: this, events: this.#events, call: this.#call },
      ...{ referrer, stays, sdp: this.#sdps.get(stays) ?? '', hops: hopsOf(this.#call.invite) },
      relay: this.#relay,
      onJoined: (leg, sdp) => this.#joined(referrer, stays, leg, sdp),
      onRefused: () => this.#transferRefused(referrer),
    });
    if (!transfer.accepts(transaction)) return;
    this.#transfer = transfer;
    this.#step('referred');
    transfer.start();
  }

  #joined(referrer: Leg, stays: Leg, leg: Leg, sdp: string): void {
    const { switch: core } = this.#tools;
    this.#step('joined');
    this.#transfer = null;
    this.#legs = [stays, leg];
    this.#sdps.set(leg, sdp);
    core.answerCall(leg.parts.uuid);
    core.unbridgeCall(stays.parts.uuid);
    core.bridgeCalls(stays.parts.uuid, leg.parts.uuid);
    core.endCall(referrer.parts.uuid, 'BLIND_TRANSFER');
    referrer.hangup('BLIND_TRANSFER');
  }

  #transferRefused(referrer: Leg): void {
    this.#transfer = null;
    this.#step('refused');
    if (referrer.state !== 'confirmed') this.#finish('NORMAL_CLEARING');
  }

  /** A leg of ours closes by itself: the rest of the call goes with it, unless it was let go. */
  #closing(leg: Leg, reason: string): void {
    this.#tools.switch.endCall(leg.parts.uuid, reason);
    if (this.#legs.includes(leg)) this.#finish(reason);
  }

  #finish(reason: string): void {
    if (!this.#step('hangup')) return;
    const legs = this.#legs;
    this.#legs = [];
    this.#transfer?.cancel();
    // A BYE before the ACK would be a protocol error of ours.
    this.#outgoing?.acknowledge(null);
    this.#outgoing?.cancel(reason);
    for (const leg of legs) {
      const cause = reason.includes(';') ? 'NORMAL_CLEARING' : reason;
      this.#tools.switch.endCall(leg.parts.uuid, cause);
      if (leg.state === 'early') {
        this.#refuse(leg, { status: 503, reason: 'Service Unavailable' }, cause);
      } else leg.hangup(reason);
    }
  }

  #forget(leg: Leg): void {
    this.#tools.legs.remove(leg);
    this.#sdps.delete(leg);
    this.#tools.switch.endCall(leg.parts.uuid, 'NORMAL_CLEARING');
  }

  #otherOf(leg: Leg): Leg | null {
    return this.#legs.find((other) => other !== leg) ?? null;
  }

  #noteSdp(leg: Leg, message: SipRequest | SipResponse): void {
    const body = bodyOf(message);
    if (body !== null) this.#sdps.set(leg, body.text);
  }

  #step(event: BridgeEvent): boolean {
    const next = BRIDGE_TABLE[this.state][event];
    if (next === undefined) return false;
    this.state = next;
    return true;
  }
}
