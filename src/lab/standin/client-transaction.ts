import { cseqOf, headerOf, topVia, type SipResponse } from './sip-message.js';
import { ackOfRefusal, cancelOf, writeRequest, type RequestParts } from './sip-request.js';
import type { SipAddress } from './sip-response.js';
import { GIVE_UP_MS, MAX_TRANSACTIONS, T1_MS, T2_MS, T4_MS } from './server-transaction.js';
import type { Timers } from './timers.js';

/** How long an INVITE may ring at the far end before its transaction is given up: RFC 3261's timer C. */
export const MAX_PROCEEDING_MS = 180_000;

export type ClientState = 'calling' | 'proceeding' | 'accepted' | 'completed' | 'terminated';
export type ClientEvent = 'provisional' | 'success' | 'failure' | 'timeout';

type Table = Readonly<Record<ClientState, Readonly<Partial<Record<ClientEvent, ClientState>>>>>;

/** RFC 3261 17.1.1 with the state `accepted` of RFC 6026. A pair without entry changes nothing. */
export const INVITE_CLIENT_TABLE: Table = {
  calling: {
    provisional: 'proceeding',
    success: 'accepted',
    failure: 'completed',
    timeout: 'terminated',
  },
  proceeding: {
    provisional: 'proceeding',
    success: 'accepted',
    failure: 'completed',
    timeout: 'terminated',
  },
  // The 2xx comes again until its ACK arrives: whoever owns the dialog sends that ACK.
  accepted: { success: 'accepted', timeout: 'terminated' },
  completed: { failure: 'completed', timeout: 'terminated' },
  terminated: {},
};

/** RFC 3261 17.1.2; its `trying` is `calling` here. */
export const OTHER_CLIENT_TABLE: Table = {
  calling: {
    provisional: 'proceeding',
    success: 'completed',
    failure: 'completed',
    timeout: 'terminated',
  },
  proceeding: { success: 'completed', failure: 'completed', timeout: 'terminated' },
  accepted: {},
  completed: { timeout: 'terminated' },
  terminated: {},
};

export interface ClientListener {
  /** A provisional answer, the final one, and each repetition of a 2xx to an INVITE. */
  readonly onResponse: (response: SipResponse) => void;
  /** No final answer in time. */
  readonly onSilence: () => void;
}

const IGNORED: ClientListener = { onResponse: () => undefined, onSilence: () => undefined };

export interface ClientParts {
  readonly timers: Timers;
  readonly send: (bytes: Buffer, to: SipAddress) => void;
}

/** One request of ours over UDP: repeated until it is answered, acknowledged when refused. */
export class ClientTransaction {
  readonly request: RequestParts;
  readonly to: SipAddress;
  state: ClientState = 'calling';
  readonly #all: ClientTransactions;
  readonly #parts: ClientParts;
  readonly #listener: ClientListener;
  readonly #isInvite: boolean;
  #isCancelled = false;
  #cancelRepeat: () => void = () => undefined;
  #cancelEnd: () => void = () => undefined;

  constructor(
    all: ClientTransactions,
    parts: ClientParts,
    request: RequestParts,
    to: SipAddress,
    listener: ClientListener,
  ) {
    this.request = request;
    this.to = to;
    this.#all = all;
    this.#parts = parts;
    this.#listener = listener;
    this.#isInvite = request.method === 'INVITE';
    const bytes = writeRequest(request);
    parts.send(bytes, to);
    this.#repeat(bytes, T1_MS);
    this.#endAfter(GIVE_UP_MS);
  }

  /** CANCEL, now or at the first provisional answer; the INVITE is not repeated any more. */
  cancel(): void {
    if (this.#isCancelled || (this.state !== 'calling' && this.state !== 'proceeding')) return;
    this.#isCancelled = true;
    this.#cancelRepeat();
    if (this.state === 'proceeding') this.#sendCancel();
  }

  receive(response: SipResponse): void {
    const event = eventOf(response.status);
    const before = this.state;
    const next = (this.#isInvite ? INVITE_CLIENT_TABLE : OTHER_CLIENT_TABLE)[before][event];
    if (next === undefined) return;
    if (this.#isInvite && event === 'failure') this.#acknowledge(response);
    this.#enter(next);
    if (before === 'calling' && this.#isCancelled && next === 'proceeding') this.#sendCancel();
    if (before !== 'completed') this.#listener.onResponse(response);
  }

  #enter(next: ClientState): void {
    if (next === this.state) return;
    this.state = next;
    if (this.#isInvite || next === 'completed') this.#cancelRepeat();
    if (next === 'proceeding' && this.#isInvite) this.#endAfter(MAX_PROCEEDING_MS);
    if (next === 'accepted' || next === 'completed') {
      this.#endAfter(this.#isInvite ? GIVE_UP_MS : T4_MS);
    }
  }

  #sendCancel(): void {
    this.#endAfter(GIVE_UP_MS);
    this.#all.start(cancelOf(this.request), this.to, IGNORED);
  }

  #acknowledge(response: SipResponse): void {
    this.#parts.send(writeRequest(ackOfRefusal(this.request, headerOf(response, 'to'))), this.to);
  }

  #endAfter(ms: number): void {
    this.#cancelEnd();
    this.#cancelEnd = this.#parts.timers.after(ms, () => {
      const isUnanswered = this.state === 'calling' || this.state === 'proceeding';
      this.#cancelRepeat();
      this.state = 'terminated';
      this.#all.forget(this);
      if (isUnanswered) this.#listener.onSilence();
    });
  }

  #repeat(bytes: Buffer, afterMs: number): void {
    this.#cancelRepeat = this.#parts.timers.after(afterMs, () => {
      this.#parts.send(bytes, this.to);
      this.#repeat(bytes, this.#isInvite ? afterMs * 2 : Math.min(afterMs * 2, T2_MS));
    });
  }
}

/** The requests of ours that are under way. */
export class ClientTransactions {
  readonly #parts: ClientParts;
  readonly #open = new Map<string, ClientTransaction>();

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#open.size;
  }

  /** How many have no final answer yet. */
  get unanswered(): number {
    return [...this.#open.values()].filter((t) => t.state === 'calling' || t.state === 'proceeding')
      .length;
  }

  /** Sends a request; null when MAX_TRANSACTIONS are under way, and then the listener hears nothing. */
  start(request: RequestParts, to: SipAddress, listener: ClientListener): ClientTransaction | null {
    if (this.#open.size >= MAX_TRANSACTIONS) return null;
    const transaction = new ClientTransaction(this, this.#parts, request, to, listener);
    this.#open.set(keyOf(request.branch, request.method), transaction);
    return transaction;
  }

  /** Sends what has no answer: the ACK of a 2xx. */
  sendAck(request: RequestParts, to: SipAddress): void {
    this.#parts.send(writeRequest(request), to);
  }

  /** False when the response answers nothing of ours. */
  receive(response: SipResponse): boolean {
    const branch = topVia(response)?.params.get('branch') ?? '';
    const transaction = this.#open.get(keyOf(branch, cseqOf(response)?.method ?? ''));
    transaction?.receive(response);
    return transaction !== undefined;
  }

  forget(transaction: ClientTransaction): void {
    this.#open.delete(keyOf(transaction.request.branch, transaction.request.method));
  }
}

const keyOf = (branch: string, method: string): string => `${branch}\0${method}`;

const eventOf = (status: number): ClientEvent => {
  if (status < 200) return 'provisional';
  return status < 300 ? 'success' : 'failure';
};
