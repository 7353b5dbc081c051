import { LabError } from '../../util/errors.js';
import type { SipRequest, SipResponse } from '../standin/sip-message.js';
import { headerOf, parseUri, tagOf, uriOf, valuesOf } from '../standin/sip-message.js';
import type { SipAddress } from '../standin/sip-response.js';
import type { OutRequest } from './request.js';

interface DialogParts {
  readonly callId: string;
  /** From of our requests, with our tag. */
  readonly local: string;
  readonly remote: string;
  readonly routes: readonly string[];
  readonly target: string;
  /** Number of our last request. */
  readonly cseq: number;
}

/** What two ends know of their call (RFC 3261 12): writes the requests inside it. */
export class Dialog {
  readonly callId: string;
  readonly #local: string;
  readonly #remote: string;
  readonly #routes: readonly string[];
  #target: string;
  #cseq: number;

  constructor(parts: DialogParts) {
    this.callId = parts.callId;
    this.#local = parts.local;
    this.#remote = parts.remote;
    this.#routes = parts.routes;
    this.#target = parts.target;
    this.#cseq = parts.cseq;
  }

  /** The caller's side, from the 2xx that answered `invite`. */
  static ofCaller(invite: OutRequest, answer: SipResponse): Dialog {
    return new Dialog({
      callId: invite.callId,
      local: invite.from,
      remote: headerOf(answer, 'to'),
      routes: [...valuesOf(answer, 'record-route')].reverse(),
      target: uriOf(headerOf(answer, 'contact')),
      cseq: invite.cseq,
    });
  }

  /** The called side, which gave `tag` in its answer. */
  static ofCalled(invite: SipRequest, tag: string): Dialog {
    return new Dialog({
      callId: headerOf(invite, 'call-id'),
      local: `${headerOf(invite, 'to')};tag=${tag}`,
      remote: headerOf(invite, 'from'),
      routes: valuesOf(invite, 'record-route'),
      target: uriOf(headerOf(invite, 'contact')),
      cseq: 0,
    });
  }

  get localTag(): string {
    return tagOf(this.#local) ?? '';
  }

  get remoteTag(): string {
    return tagOf(this.#remote) ?? '';
  }

  /** URI of the far end's Contact. */
  get target(): string {
    return this.#target;
  }

  /** A re-INVITE or its answer may name a new Contact. */
  retarget(contact: string): void {
    if (contact !== '') this.#target = uriOf(contact);
  }

  /** The next request of this side. */
  next(method: string, parts: Pick<OutRequest, 'headers' | 'body'> = {}): OutRequest {
    this.#cseq++;
    return { ...this.#request(method, this.#cseq), ...parts };
  }

  /** The ACK to the 2xx of the INVITE with this number. */
  ack(cseq: number): OutRequest {
    return this.#request('ACK', cseq);
  }

  /** Where requests go. Throws LabError when no route and no Contact names a host. */
  nextHop(): SipAddress {
    const hop = parseUri(uriOf(this.#routes[0] ?? this.#target));
    if (hop === null) throw new LabError(`no way to ${this.#routes[0] ?? this.#target}`);
    return { host: hop.host, port: hop.port };
  }

  #request(method: string, cseq: number): OutRequest {
    return {
      method,
      uri: this.#target,
      from: this.#local,
      to: this.#remote,
      callId: this.callId,
      cseq,
      routes: this.#routes,
    };
  }
}
