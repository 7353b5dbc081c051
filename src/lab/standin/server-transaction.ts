import type { Timers } from './timers.js';
import { headerOf, tagOf, topVia, type SipRequest } from './sip-message.js';
import {
  replyAddress,
  writeResponse,
  type ResponseParts,
  type SipAddress,
} from './sip-response.js';

/** RFC 3261 17.1.1.1, in milliseconds. */
export const T1_MS = 500;
export const T2_MS = 4000;
export const T4_MS = 5000;
/** How long a lost message is waited for. */
export const GIVE_UP_MS = 64 * T1_MS;

/** Beyond this many transactions new requests are refused without memory of them. */
export const MAX_TRANSACTIONS = 50_000;

export type TransactionState = 'proceeding' | 'accepted' | 'completed' | 'confirmed' | 'terminated';
export type TransactionEvent = 'provisional' | 'success' | 'failure' | 'ack' | 'timeout';

type Table = Readonly<
  Record<TransactionState, Readonly<Partial<Record<TransactionEvent, TransactionState>>>>
>;

/** RFC 3261 17.2.1 with the state `accepted` of RFC 6026. A pair without entry changes nothing. */
export const INVITE_TABLE: Table = {
  proceeding: { provisional: 'proceeding', success: 'accepted', failure: 'completed' },
  accepted: { success: 'accepted', timeout: 'terminated' },
  completed: { ack: 'confirmed', timeout: 'terminated' },
  confirmed: { timeout: 'terminated' },
  terminated: {},
};

/** RFC 3261 17.2.2. */
export const OTHER_TABLE: Table = {
  proceeding: { provisional: 'proceeding', success: 'completed', failure: 'completed' },
  accepted: {},
  completed: { timeout: 'terminated' },
  confirmed: {},
  terminated: {},
};

/** How long a state lasts at most. */
const LASTS_MS: Readonly<Partial<Record<TransactionState, number>>> = {
  accepted: GIVE_UP_MS,
  completed: GIVE_UP_MS,
  confirmed: T4_MS,
};

export interface TransactionParts {
  readonly timers: Timers;
  readonly send: (bytes: Buffer, to: SipAddress) => void;
  readonly onEnd: (key: string) => void;
}

/** One request and its answers over UDP: repeats the last answer, forgets itself in time. */
export class ServerTransaction {
  readonly key: string;
  readonly request: SipRequest;
  readonly source: SipAddress;
  state: TransactionState = 'proceeding';
  readonly #parts: TransactionParts;
  readonly #table: Table;
  #last: Buffer | null = null;
  #cancelEnd: () => void = () => undefined;
  #cancelRepeat: () => void = () => undefined;

  constructor(key: string, request: SipRequest, source: SipAddress, parts: TransactionParts) {
    this.key = key;
    this.request = request;
    this.source = source;
    this.#parts = parts;
    this.#table = request.method === 'INVITE' ? INVITE_TABLE : OTHER_TABLE;
  }

  get hasFinal(): boolean {
    return this.state !== 'proceeding';
  }

  /** Sends an answer. A second final answer to an INVITE is ignored unless both are 2xx. */
  respond(parts: ResponseParts): void {
    const event = eventOf(parts.status);
    if (this.#table[this.state][event] === undefined) return;
    this.#last = writeResponse(this.request, this.source, parts);
    this.#send();
    this.#step(event);
    if (this.state === 'completed' && this.request.method === 'INVITE') this.#repeat(T1_MS);
  }

  /** The request came again. */
  again(): void {
    // RFC 6026: in `accepted` the 2xx is repeated by its dialog, not by us.
    if (this.state === 'proceeding' || this.state === 'completed') this.#send();
  }

  /** An ACK for a refused INVITE came. */
  acknowledge(): void {
    this.#step('ack');
  }

  #step(event: TransactionEvent): void {
    const next = this.#table[this.state][event];
    if (next === undefined || next === this.state) return;
    this.state = next;
    if (next !== 'completed') this.#cancelRepeat();
    this.#cancelEnd();
    const lastsMs = LASTS_MS[next];
    if (lastsMs !== undefined) {
      this.#cancelEnd = this.#parts.timers.after(lastsMs, () => this.#step('timeout'));
    }
    if (next === 'terminated') this.#parts.onEnd(this.key);
  }

  /** Timer G: the refusal is repeated until its ACK. */
  #repeat(afterMs: number): void {
    this.#cancelRepeat = this.#parts.timers.after(afterMs, () => {
      if (this.state !== 'completed') return;
      this.#send();
      this.#repeat(Math.min(afterMs * 2, T2_MS));
    });
  }

  #send(): void {
    if (this.#last !== null) this.#parts.send(this.#last, replyAddress(this.request, this.source));
  }
}

const eventOf = (status: number): TransactionEvent => {
  if (status < 200) return 'provisional';
  return status < 300 ? 'success' : 'failure';
};

/** What makes two requests the same transaction: RFC 3261 17.2.3. ACK and CANCEL find their INVITE by `method`. */
export function transactionKey(request: SipRequest, method = request.method): string {
  const via = topVia(request);
  const branch = via?.params.get('branch') ?? '';
  const name = method === 'ACK' ? 'INVITE' : method;
  const sentBy = `${via?.host ?? ''}:${via?.port ?? 5060}`;
  if (branch.startsWith('z9hG4bK')) return [branch, sentBy, name].join('\0');
  const cseq = headerOf(request, 'cseq').split(/\s/)[0] ?? '';
  const from = tagOf(headerOf(request, 'from')) ?? '';
  return [branch, sentBy, name, headerOf(request, 'call-id'), from, cseq].join('\0');
}
