import type { CallTools } from './call-owner.js';
import type { Leg } from './leg.js';
import { bodyOf, pickHeaders } from './message-parts.js';
import type { ServerTransaction } from './server-transaction.js';
import type { SipRequest, SipResponse } from './sip-message.js';
import type { ResponseParts } from './sip-response.js';
import { refuse } from './sip-stack.js';

/** What is passed on with a request, and with a refusal. */
const REQUEST_HEADERS = ['Info-Package', 'Content-Disposition', 'Reason'];
const REFUSAL_HEADERS = ['Retry-After', 'Warning', 'Reason', 'Accept', 'Recv-Info'];

export interface RelayParts {
  readonly tools: CallTools;
  /** A dialog turned out to be dead: 408, 481 or silence, RFC 3261 12.2.1.2. */
  readonly onLost: () => void;
  /** A session description that this leg gave. */
  readonly onSdp: (leg: Leg, sdp: string) => void;
}

/** Passes requests within one call from leg to leg, session descriptions unchanged, answers back. */
export class Relay {
  /** An offer is on its way: any other gets 491 meanwhile. */
  isOffering = false;
  readonly #parts: RelayParts;

  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  pass(from: Leg, to: Leg, transaction: ServerTransaction): void {
    const { request } = transaction;
    const isOffer = request.method === 'INVITE' || request.method === 'UPDATE';
    if (isOffer && this.isOffering) {
      return refuse(transaction, { status: 491, reason: 'Request Pending' });
    }
    if (request.method === 'INVITE') {
      transaction.respond({ status: 100, reason: 'Trying', toTag: null });
    }
    if (isOffer) this.isOffering = true;
    from.retarget(request);
    this.#note(from, request);
    const contact = isOffer ? this.#parts.tools.okHeaders.slice(0, 1) : [];
    const headers = [...contact, ...pickHeaders(request, REQUEST_HEADERS)];
    let answer: (response: SipResponse) => void = () => undefined;
    const sent = to.request(request.method, headers, bodyOf(request), {
      onResponse: (response) => answer(response),
      onSilence: () => this.#lost(transaction, { status: 408, reason: 'Request Timeout' }),
    });
    if (sent === null) {
      if (isOffer) this.isOffering = false;
      return refuse(transaction, { status: 500, reason: 'Server Internal Error' });
    }
    const acknowledge = this.#acknowledger(to, sent.cseq);
    answer = (response) => this.#answer({ from, to, transaction, response, acknowledge });
  }

  #answer(parts: {
    readonly from: Leg;
    readonly to: Leg;
    readonly transaction: ServerTransaction;
    readonly response: SipResponse;
    readonly acknowledge: Acknowledger;
  }): void {
    const { from, to, transaction, response, acknowledge } = parts;
    const { request } = transaction;
    if (response.status < 200) return;
    if (transaction.hasFinal) return acknowledge.again();
    if (response.status >= 300) return this.#refused(from, transaction, response);
    to.retarget(response);
    this.#note(to, response);
    const ok = this.#ok(from, request, response);
    if (request.method !== 'INVITE') {
      if (request.method === 'UPDATE') this.isOffering = false;
      transaction.respond(ok);
    } else if (request.body.length > 0) {
      acknowledge.now(null);
      this.isOffering = false;
      from.acceptAgain(transaction, ok);
    } else {
      // No offer in the request: it came in the answer, and the answer to it comes in the ACK.
      from.acceptAgain(transaction, ok, (ack) => {
        this.#note(from, ack);
        acknowledge.now(bodyOf(ack));
        this.isOffering = false;
      });
    }
  }

  #ok(from: Leg, request: SipRequest, response: SipResponse): ResponseParts {
    const body = bodyOf(response);
    const isOffer = request.method === 'INVITE' || request.method === 'UPDATE';
    return {
      status: response.status,
      reason: response.reason,
      toTag: from.parts.localTag,
      isDialogForming: request.method === 'INVITE',
      headers: isOffer ? this.#parts.tools.okHeaders : [],
      ...(body === null ? {} : { body }),
    };
  }

  #refused(from: Leg, transaction: ServerTransaction, response: SipResponse): void {
    const { status, reason } = response;
    const answer: ResponseParts = {
      status,
      reason,
      toTag: from.parts.localTag,
      headers: pickHeaders(response, REFUSAL_HEADERS),
    };
    if (status === 408 || status === 481) this.#lost(transaction, answer);
    else {
      this.#release(transaction);
      transaction.respond(answer);
    }
  }

  #lost(transaction: ServerTransaction, answer: Omit<ResponseParts, 'toTag'>): void {
    this.#release(transaction);
    refuse(transaction, answer);
    this.#parts.onLost();
  }

  #release(transaction: ServerTransaction): void {
    const { method } = transaction.request;
    if (method === 'INVITE' || method === 'UPDATE') this.isOffering = false;
  }

  #note(leg: Leg, message: SipRequest | SipResponse): void {
    const body = bodyOf(message);
    if (body?.type.toLowerCase().startsWith('application/sdp') === true) {
      this.#parts.onSdp(leg, body.text);
    }
  }

  #acknowledger(to: Leg, cseq: number): Acknowledger {
    let sent: { readonly body: ReturnType<typeof bodyOf> } | null = null;
    return {
      now: (body) => {
        sent = { body };
        to.sendAck(cseq, body);
      },
      again: () => {
        if (sent !== null) to.sendAck(cseq, sent.body);
      },
    };
  }
}

interface Acknowledger {
  readonly now: (body: ReturnType<typeof bodyOf>) => void;
  /** The 2xx came again. */
  readonly again: () => void;
}
