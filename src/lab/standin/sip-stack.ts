import { createHash, randomBytes } from 'node:crypto';
import { ClientTransactions } from './client-transaction.js';
import type { StandinLogger } from './logger.js';
import { MAX_TRANSACTIONS, ServerTransaction, transactionKey } from './server-transaction.js';
import { parseSip, topVia, type SipRequest } from './sip-message.js';
import {
  replyAddress,
  writeResponse,
  type ResponseParts,
  type SipAddress,
} from './sip-response.js';
import type { Timers } from './timers.js';

/** A refusal or an answer before its To-tag is known. */
export type Untagged = Omit<ResponseParts, 'toTag'>;

/** What came in that was no use, by kind. */
export interface SipCounters {
  malformed: number;
  keepalives: number;
  strayResponses: number;
  overLimit: number;
}

/** What stands above the transactions. */
export interface StackUser {
  /** A new request, but for OPTIONS, ACK and CANCEL. */
  readonly onRequest: (transaction: ServerTransaction) => void;
  /** An ACK that belongs to a 2xx. */
  readonly onAck: (ack: SipRequest) => void;
  /** A CANCEL and the INVITE that it means, if there is one. */
  readonly onCancel: (cancel: ServerTransaction, invite: ServerTransaction | undefined) => void;
  /** The answer to OPTIONS, outside and inside a dialog. */
  readonly answerOptions: (request: SipRequest) => Untagged;
  /** What a request gets when there is no room for its transaction. */
  readonly refusal: Untagged;
}

export interface StackParts {
  readonly timers: Timers;
  readonly log: StandinLogger;
  readonly send: (bytes: Buffer, to: SipAddress) => void;
  readonly user: StackUser;
}

/** SIP over UDP up to its transactions, both sides of them. It keeps no socket and knows no dialog. */
export class SipStack {
  readonly counters: SipCounters = { malformed: 0, keepalives: 0, strayResponses: 0, overLimit: 0 };
  readonly clients: ClientTransactions;
  readonly #parts: StackParts;
  readonly #servers = new Map<string, ServerTransaction>();

  constructor(parts: StackParts) {
    this.#parts = parts;
    this.clients = new ClientTransactions(parts);
  }

  get transactionCount(): number {
    return this.#servers.size + this.clients.size;
  }

  /** Takes one datagram; never throws. */
  receive(datagram: Buffer, source: SipAddress): void {
    const message = parseSip(datagram);
    switch (message.kind) {
      case 'request':
        return this.#request(message, source);
      case 'response':
        if (!this.clients.receive(message)) this.counters.strayResponses += 1;
        return;
      case 'keepalive':
        this.counters.keepalives += 1;
        return;
      case 'malformed':
        this.counters.malformed += 1;
        this.#parts.log.warn({ why: message.why, source: source.host }, 'malformed sip ignored');
    }
  }

  #request(request: SipRequest, source: SipAddress): void {
    if (request.method === 'OPTIONS') return this.#options(request, source);
    if (request.method === 'ACK') return this.#ack(request);
    const key = transactionKey(request);
    const known = this.#servers.get(key);
    if (known !== undefined) return known.again();
    if (this.#servers.size >= MAX_TRANSACTIONS) return this.#overLimit(request, source);
    const transaction = new ServerTransaction(key, request, source, {
      timers: this.#parts.timers,
      send: this.#parts.send,
      onEnd: (ended) => this.#servers.delete(ended),
    });
    this.#servers.set(key, transaction);
    const { user } = this.#parts;
    if (request.method !== 'CANCEL') user.onRequest(transaction);
    else user.onCancel(transaction, this.#servers.get(transactionKey(request, 'INVITE')));
  }

  /** OPTIONS needs no memory: the same question gets the same answer, its tag is made from the question. */
  #options(request: SipRequest, source: SipAddress): void {
    const text = topVia(request)?.text ?? '';
    const toTag = createHash('sha1').update(text).digest('hex').slice(0, 16);
    const answer = { ...this.#parts.user.answerOptions(request), toTag };
    this.#parts.send(writeResponse(request, source, answer), replyAddress(request, source));
  }

  #ack(request: SipRequest): void {
    const invite = this.#servers.get(transactionKey(request));
    if (invite?.state === 'completed') invite.acknowledge();
    else this.#parts.user.onAck(request);
  }

  #overLimit(request: SipRequest, source: SipAddress): void {
    this.counters.overLimit += 1;
    const answer = writeResponse(request, source, { ...this.#parts.user.refusal, toTag: 'full' });
    this.#parts.send(answer, replyAddress(request, source));
  }
}

/** Refuses with a tag of its own. */
export function refuse(transaction: ServerTransaction, parts: Untagged): void {
  transaction.respond({ ...parts, toTag: randomBytes(8).toString('hex') });
}
