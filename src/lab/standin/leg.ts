import type { ClientListener, ClientTransactions } from './client-transaction.js';
import { DIALOG_TABLE, dialogKey, routeTo, targetOf } from './dialog.js';
import type { DialogEvent, DialogRoute, DialogState } from './dialog.js';
import type { LegParts } from './leg-parts.js';
import { GIVE_UP_MS, T1_MS, T2_MS, type ServerTransaction } from './server-transaction.js';
import { cseqOf, valuesOf } from './sip-message.js';
import type { SipRequest, SipResponse } from './sip-message.js';
import { newBranch, type RequestParts, type SipBody } from './sip-request.js';
import type { ResponseParts, SipAddress } from './sip-response.js';
import type { Timers } from './timers.js';

const SHUTDOWN_REASON = 'SIP;cause=701;text="SYSTEM_SHUTDOWN"';
const MAX_FORWARDS = 70;

export interface LegTools {
  readonly local: SipAddress;
  readonly timers: Timers;
  readonly clients: ClientTransactions;
}

/** What a leg tells its owner. */
export interface LegEvents {
  /** Our BYE goes out: by `hangup`, or because an ACK never came. */
  readonly onClosing: (leg: Leg, reason: string) => void;
  /** Called once, when nothing more is to come in this dialog. */
  readonly onEnd: (leg: Leg) => void;
}

interface PendingOk {
  readonly stop: () => void;
  readonly onAck: (ack: SipRequest) => void;
}

/** One dialog and its state. What the call does with it is its owner's business. */
export class Leg {
  readonly parts: LegParts;
  readonly key: string;
  state: DialogState;
  readonly #tools: LegTools;
  readonly #events: LegEvents;
  readonly #oks = new Map<number, PendingOk>();
  #localCseq: number;
  #remoteCseq: number;
  #target: string;
  /** A hang-up that waits for the ACK. */
  #pendingReason: string | null = null;

  constructor(parts: LegParts, tools: LegTools, events: LegEvents) {
    this.parts = parts;
    this.key = dialogKey(parts.callId, parts.localTag, parts.remoteTag);
    this.state = parts.invite === null ? 'confirmed' : 'early';
    this.#tools = tools;
    this.#events = events;
    this.#localCseq = parts.localCseq;
    this.#remoteCseq = parts.remoteCseq;
    this.#target = parts.target;
  }

  /** Notes a request of the far end; false for one that is older than the last. */
  notes(request: SipRequest): boolean {
    const cseq = cseqOf(request)?.number ?? 0;
    if (cseq <= this.#remoteCseq) return false;
    this.#remoteCseq = cseq;
    return true;
  }

  /** The far end moved: its new Contact, in a request or in the answer to one. */
  retarget(message: SipRequest | SipResponse): void {
    if (valuesOf(message, 'contact').length > 0) this.#target = targetOf(message);
  }

  /** 200 to the INVITE that began the leg; false when it is no longer early. */
  accept(ok: ResponseParts, onAck: (ack: SipRequest) => void = () => undefined): boolean {
    const { invite } = this.parts;
    if (invite === null || !this.#step('answer')) return false;
    const confirm = (ack: SipRequest): void => {
      this.#step('ack');
      onAck(ack);
      if (this.#pendingReason !== null) this.hangup(this.#pendingReason);
    };
    this.#repeatOk(invite, ok, confirm, () => {
      if (this.#step('over')) this.#bye(this.#pendingReason ?? 'RECOVERY_ON_TIMER_EXPIRE');
    });
    return true;
  }

  /** 200 to a later INVITE of the far end. */
  acceptAgain(
    transaction: ServerTransaction,
    ok: ResponseParts,
    onAck: (ack: SipRequest) => void = () => undefined,
  ): void {
    this.#repeatOk(transaction, ok, onAck, () => this.hangup('RECOVERY_ON_TIMER_EXPIRE'));
  }

  /** A final refusal of the INVITE that began the leg; false when it is no longer early. */
  refuse(parts: Omit<ResponseParts, 'toTag'>): boolean {
    if (!this.#step('refuse')) return false;
    this.parts.invite?.respond({ ...parts, toTag: this.parts.localTag });
    this.#end();
    return true;
  }

  /** The ACK of a 2xx of ours came. */
  acknowledge(ack: SipRequest): void {
    const cseq = cseqOf(ack)?.number ?? 0;
    const pending = this.#oks.get(cseq);
    if (pending === undefined) return;
    this.#oks.delete(cseq);
    pending.stop();
    pending.onAck(ack);
  }

  /** BYE, or after the ACK when that is still to come (RFC 3261 15). Nothing for one that is ending. */
  hangup(reason: string): void {
    if (this.state === 'answered') this.#pendingReason = reason;
    else if (this.#step('hangup')) this.#bye(reason);
  }

  /** The far end said BYE, and its answer is sent. */
  ended(): void {
    if (this.#step('bye')) this.#end();
  }

  /** A request within the dialog; null when it cannot be sent. */
  request(
    method: string,
    headers: readonly (readonly [string, string])[],
    body: SipBody | null,
    listener: ClientListener,
  ): RequestParts | null {
    const way = routeTo(this.#target, this.parts.routes);
    if (way === null) return null;
    this.#localCseq += 1;
    const parts = this.#parts(method, this.#localCseq, way, headers, body);
    return this.#tools.clients.start(parts, way.hop, listener) === null ? null : parts;
  }

  /** The ACK of a 2xx to our INVITE with this CSeq. */
  sendAck(cseq: number, body: SipBody | null): void {
    const way = routeTo(this.#target, this.parts.routes);
    if (way === null) return;
    this.#tools.clients.sendAck(this.#parts('ACK', cseq, way, [], body), way.hop);
  }

  #parts(
    method: string,
    cseq: number,
    way: DialogRoute,
    headers: readonly (readonly [string, string])[],
    body: SipBody | null,
  ): RequestParts {
    const { from, to, callId } = this.parts;
    return {
      method,
      ...{ uri: way.uri, routes: way.routes, local: this.#tools.local, branch: newBranch() },
      ...{ maxForwards: MAX_FORWARDS, from, to, callId, cseq, headers, body },
    };
  }

  /** RFC 3261 13.3.1.4: the 200 is repeated until its ACK; without one it is given up after GIVE_UP_MS. */
  #repeatOk(
    transaction: ServerTransaction,
    ok: ResponseParts,
    onAck: (ack: SipRequest) => void,
    onGiveUp: () => void,
  ): void {
    const { timers } = this.#tools;
    const cseq = cseqOf(transaction.request)?.number ?? 0;
    let cancelRepeat: () => void = () => undefined;
    const repeat = (afterMs: number): void => {
      cancelRepeat = timers.after(afterMs, () => {
        transaction.respond(ok);
        repeat(Math.min(afterMs * 2, T2_MS));
      });
    };
    const cancelGiveUp = timers.after(GIVE_UP_MS, () => {
      cancelRepeat();
      this.#oks.delete(cseq);
      onGiveUp();
    });
    const stop = (): void => {
      cancelRepeat();
      cancelGiveUp();
    };
    this.#oks.set(cseq, { stop, onAck });
    transaction.respond(ok);
    repeat(T1_MS);
  }

  #bye(reason: string): void {
    this.#events.onClosing(this, reason);
    const text = reason === 'SYSTEM_SHUTDOWN' ? SHUTDOWN_REASON : reasonText(reason);
    const over = (): void => {
      if (this.#step('over')) this.#end();
    };
    const listener: ClientListener = {
      onResponse: (response) => void (response.status >= 200 && over()),
      onSilence: over,
    };
    if (this.request('BYE', [['Reason', text]], null, listener) === null) over();
  }

  #end(): void {
    for (const { stop } of this.#oks.values()) stop();
    this.#oks.clear();
    this.#events.onEnd(this);
  }

  #step(event: DialogEvent): boolean {
    const next = DIALOG_TABLE[this.state][event];
    if (next === undefined) return false;
    this.state = next;
    return true;
  }
}

/** A whole Reason value is passed on as it is, a cause of FreeSWITCH's becomes one. */
const reasonText = (reason: string): string =>
  reason.includes(';') ? reason : `Q.850;cause=16;text="${reason}"`;
