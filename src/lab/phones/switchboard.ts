import { headerOf, parseUri, tagOf } from '../standin/sip-message.js';
import type { Incoming, SipEndpoint } from './endpoint.js';
import type { PhoneCall } from './phone-call.js';

/** Gives what comes to one address to the call, or to the phone, that it is for. */
export class Switchboard {
  readonly endpoint: SipEndpoint;
  readonly #calls = new Map<string, PhoneCall>();
  readonly #users = new Map<string, (incoming: Incoming) => void>();
  readonly #ringing = new Map<string, () => void>();
  #anybody: ((incoming: Incoming) => void) | null = null;

  constructor(endpoint: SipEndpoint) {
    this.endpoint = endpoint;
    endpoint.handle({
      onRequest: (incoming) => this.#request(incoming),
      onRepeatedAnswer: (answer) =>
        this.#calls
          .get(callKey(headerOf(answer, 'call-id'), tagOf(headerOf(answer, 'from'))))
          ?.acknowledgeAgain(),
    });
  }

  /** Calls under way. */
  get calls(): readonly PhoneCall[] {
    return [...this.#calls.values()].filter((call) => !call.isOver);
  }

  /** INVITEs for this user part go to `onInvite`; `null` = for every one that nobody else has. */
  listen(user: string | null, onInvite: (incoming: Incoming) => void): void {
    if (user === null) this.#anybody = onInvite;
    else this.#users.set(user, onInvite);
  }

  /** Requests inside this call go to it until it is over. */
  add(call: PhoneCall): void {
    const key = callKey(call.callId, call.localTag);
    this.#calls.set(key, call);
    void call.forgotten().then(() => this.#calls.delete(key));
  }

  /** `onCancel` is called when the caller gives this INVITE up; forget it when it is answered. */
  awaitCancel(incoming: Incoming, onCancel: () => void): () => void {
    const callId = headerOf(incoming.message, 'call-id');
    this.#ringing.set(callId, onCancel);
    return () => void this.#ringing.delete(callId);
  }

  #request(incoming: Incoming): void {
    const { message } = incoming;
    const callId = headerOf(message, 'call-id');
    const toTag = tagOf(headerOf(message, 'to'));
    if (message.method === 'CANCEL') {
      const onCancel = this.#ringing.get(callId);
      refuse(incoming, onCancel === undefined ? 481 : 200);
      onCancel?.();
    } else if (toTag !== null) {
      const call = this.#calls.get(callKey(callId, toTag));
      if (call === undefined) refuse(incoming, 481);
      else call.receive(incoming);
    } else if (message.method === 'INVITE') {
      const ring = this.#users.get(parseUri(message.uri)?.user ?? '') ?? this.#anybody;
      if (ring === null) refuse(incoming, 404);
      else ring(incoming);
    } else refuse(incoming, message.method === 'OPTIONS' ? 200 : 405);
  }
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  404: 'Not Found',
  405: 'Method Not Allowed',
  481: 'Call/Transaction Does Not Exist',
  486: 'Busy Here',
  487: 'Request Terminated',
  503: 'Service Unavailable',
};

/** Answers without a dialog. */
export function refuse(incoming: Incoming, status: number, toTag = 'none'): void {
  incoming.reply({ status, reason: REASONS[status] ?? 'Refused', toTag });
}

function callKey(callId: string, localTag: string | null): string {
  return `${callId} ${localTag ?? ''}`;
}
