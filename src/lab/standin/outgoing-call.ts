import type { CallInfo } from './call.js';
import type { CallOwner, CallTools } from './call-owner.js';
import type { ClientTransaction } from './client-transaction.js';
import { UNAVAILABLE, causeOf, failureOf } from './failure.js';
import { Leg, type LegEvents } from './leg.js';
import { callingLeg } from './leg-parts.js';
import { headerOf, tagOf, type SipResponse } from './sip-message.js';
import { newBranch, type RequestParts, type SipBody } from './sip-request.js';
import type { SipAddress } from './sip-response.js';
import type { Untagged } from './sip-stack.js';

/** A next hop that says nothing at all for so long is given up for the next one. */
export const SILENCE_MS = 1500;
/** How long the far end may ring. */
export const RING_LIMIT_MS = 120_000;

export type InviteParts = Omit<RequestParts, 'branch' | 'method' | 'local' | 'routes' | 'cseq'>;

export interface OutgoingListener {
  /** 101 to 199. */
  readonly onProgress: (response: SipResponse) => void;
  /** `acknowledge` is to be called once by whoever takes the leg. */
  readonly onAnswer: (leg: Leg, response: SipResponse) => void;
  readonly onFailure: (answer: Untagged) => void;
}

export interface OutgoingParts {
  readonly tools: CallTools;
  readonly owner: CallOwner;
  readonly events: LegEvents;
  readonly invite: InviteParts;
  readonly info: CallInfo;
  /** The channel that makes the call. */
  readonly callUuid: string;
  /** Tried in order: the next one on 503 or silence only. */
  readonly hops: readonly SipAddress[];
  readonly listener: OutgoingListener;
}

/** One try at one next hop. */
interface Attempt {
  readonly uuid: string;
  transaction: ClientTransaction | null;
  isHeard: boolean;
}

/** A call that we make: from the first INVITE to the answer, over to another next hop if need be. */
export class OutgoingCall {
  readonly #parts: OutgoingParts;
  #isOver = false;
  #hop = 0;
  #current: Attempt | null = null;
  #leg: Leg | null = null;
  #cseq = 1;
  #ack: { readonly body: SipBody | null } | null = null;
  #cancelTimers: () => void = () => undefined;

  constructor(parts: OutgoingParts) {
    this.#parts = parts;
  }

  start(): void {
    const { tools } = this.#parts;
    tools.legs.outgoing += 1;
    const cancelLimit = tools.timers.after(RING_LIMIT_MS, () => {
      this.#current?.transaction?.cancel();
      this.#fail(UNAVAILABLE, 'NO_ANSWER');
    });
    this.#cancelTimers = cancelLimit;
    this.#attempt();
  }

  /** Withdraws the call; its listener hears nothing more. */
  cancel(cause: string): void {
    if (this.#isOver) return;
    this.#current?.transaction?.cancel();
    this.#finish(cause);
  }

  /** ACK of the 2xx, now and whenever that comes again. */
  acknowledge(body: SipBody | null): void {
    if (this.#ack !== null) return;
    this.#ack = { body };
    this.#leg?.sendAck(this.#cseq, body);
  }

  #attempt(): void {
    const { tools, invite, info, callUuid } = this.#parts;
    const hop = this.#parts.hops[this.#hop];
    if (hop === undefined || tools.switch.isPaused('outbound') || tools.switch.isStopping) {
      return this.#fail(UNAVAILABLE, 'DESTINATION_OUT_OF_ORDER');
    }
    const { uuid } = tools.switch.createCall(info, callUuid);
    tools.counters.callsOut += 1;
    tools.legs.onHangup(uuid, (cause) => {
      this.cancel(cause);
      this.#parts.listener.onFailure(UNAVAILABLE);
    });
    const attempt: Attempt = { uuid, transaction: null, isHeard: false };
    this.#current = attempt;
    const cancelSilence = tools.timers.after(SILENCE_MS, () => this.#silent(attempt));
    const cancelLimit = this.#cancelTimers;
    this.#cancelTimers = () => {
      cancelSilence();
      cancelLimit();
    };
    const request: RequestParts = {
      ...{ ...invite, method: 'INVITE', cseq: this.#cseq },
      // As the real one: a Route to the next hop, which takes it off; the dialog gets its own route set.
      routes: [`<sip:${hop.host}:${hop.port};lr>`],
      ...{ local: tools.local, branch: newBranch() },
    };
    attempt.transaction = tools.clients.start(request, hop, {
      onResponse: (response) => {
        cancelSilence();
        this.#response(attempt, request, response);
      },
      onSilence: () => this.#silent(attempt),
    });
    if (attempt.transaction === null) this.#fail(UNAVAILABLE, 'NORMAL_TEMPORARY_FAILURE');
  }

  #response(attempt: Attempt, request: RequestParts, response: SipResponse): void {
    const { status } = response;
    if (status >= 200 && status < 300) return this.#success(attempt, request, response);
    if (this.#isOver || attempt !== this.#current) return;
    if (status < 200) {
      if (status > 100) attempt.isHeard = true;
      if (status > 100) this.#parts.listener.onProgress(response);
    } else if (status === 503 && !attempt.isHeard && this.#hasNextHop) {
      this.#next(attempt, causeOf(status));
    } else this.#fail(failureOf(response), causeOf(status));
  }

  #success(attempt: Attempt, request: RequestParts, response: SipResponse): void {
    const isOurs = this.#leg?.parts.remoteTag === tagOf(headerOf(response, 'to'));
    if (isOurs && this.#ack !== null) this.#leg?.sendAck(this.#cseq, this.#ack.body);
    if (isOurs) return;
    if (this.#isOver || attempt !== this.#current) return this.#release(request, response);
    const { tools, owner, events, listener } = this.#parts;
    const leg = new Leg(callingLeg(attempt.uuid, request, response), tools, events);
    this.#leg = leg;
    this.#over();
    tools.legs.add(leg, owner, null);
    listener.onAnswer(leg, response);
  }

  /** An answer that nobody waits for any more, or of a second phone: ACK and BYE. */
  #release(request: RequestParts, response: SipResponse): void {
    const { tools } = this.#parts;
    const leg = new Leg(callingLeg('', request, response), tools, {
      onClosing: () => undefined,
      onEnd: () => undefined,
    });
    leg.sendAck(request.cseq, null);
    leg.hangup('ORIGINATOR_CANCEL');
  }

  /** Nothing was heard in time, or no final answer at all. */
  #silent(attempt: Attempt): void {
    if (this.#isOver || attempt !== this.#current) return;
    attempt.transaction?.cancel();
    if (!attempt.isHeard && this.#hasNextHop) this.#next(attempt, 'NORMAL_TEMPORARY_FAILURE');
    else this.#fail(UNAVAILABLE, 'NO_USER_RESPONSE');
  }

  get #hasNextHop(): boolean {
    return this.#hop + 1 < this.#parts.hops.length;
  }

  #next(attempt: Attempt, cause: string): void {
    this.#drop(attempt, cause);
    this.#hop += 1;
    this.#attempt();
  }

  #fail(answer: Untagged, cause: string): void {
    if (this.#isOver) return;
    this.#finish(cause);
    this.#parts.listener.onFailure(answer);
  }

  #finish(cause: string): void {
    const attempt = this.#current;
    this.#over();
    if (attempt !== null) this.#drop(attempt, cause);
  }

  #over(): void {
    this.#isOver = true;
    this.#cancelTimers();
    this.#parts.tools.legs.outgoing -= 1;
  }

  #drop(attempt: Attempt, cause: string): void {
    const { tools } = this.#parts;
    tools.counters.failedCallsOut += 1;
    tools.legs.offHangup(attempt.uuid);
    tools.switch.endCall(attempt.uuid, cause);
  }
}
