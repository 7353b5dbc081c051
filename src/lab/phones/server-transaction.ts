import type { SipRequest } from '../standin/sip-message.js';
import { cseqOf, headerOf } from '../standin/sip-message.js';
import type { ResponseParts, SipAddress } from '../standin/sip-response.js';
import { replyAddress, writeResponse } from '../standin/sip-response.js';

const T1_MS = 500;
const T2_MS = 4_000;
/** Without an ACK a final answer to an INVITE is repeated this long. */
const REPEAT_FOR_MS = 32_000;

/** A request that came: what was last answered, for whoever did not get it. */
export class ServerTransaction {
  readonly #request: SipRequest;
  readonly #source: SipAddress;
  readonly #send: (bytes: Buffer, to: SipAddress) => void;
  #last: Buffer | null = null;
  #again: NodeJS.Timeout | undefined;

  constructor(
    request: SipRequest,
    source: SipAddress,
    send: (bytes: Buffer, to: SipAddress) => void,
  ) {
    this.#request = request;
    this.#source = source;
    this.#send = send;
  }

  /** Answers; a final answer to an INVITE is repeated until its ACK. */
  reply(parts: ResponseParts): void {
    this.#last = writeResponse(this.#request, this.#source, parts);
    this.repeat();
    clearTimeout(this.#again);
    if (this.#request.method === 'INVITE' && parts.status >= 200) this.#untilAck(T1_MS, 0);
  }

  /** Sends the last answer once more, if there is one. */
  repeat(): void {
    if (this.#last !== null) this.#send(this.#last, replyAddress(this.#request, this.#source));
  }

  /** Ends the repetition when this ACK belongs to this INVITE. */
  acknowledge(ack: SipRequest): void {
    if (this.#request.method !== 'INVITE') return;
    const isSameCall = headerOf(ack, 'call-id') === headerOf(this.#request, 'call-id');
    const isSameNumber = cseqOf(ack)?.number === cseqOf(this.#request)?.number;
    if (isSameCall && isSameNumber) this.stop();
  }

  /** Repeats nothing more by itself. */
  stop(): void {
    clearTimeout(this.#again);
  }

  #untilAck(pauseMs: number, sinceMs: number): void {
    if (sinceMs >= REPEAT_FOR_MS) return;
    this.#again = setTimeout(() => {
      this.repeat();
      this.#untilAck(Math.min(pauseMs * 2, T2_MS), sinceMs + pauseMs);
    }, pauseMs);
  }
}
