import { LabError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import type { SipResponse } from '../standin/sip-message.js';
import { headerOf } from '../standin/sip-message.js';
import type { SipAddress } from '../standin/sip-response.js';
import { answerCalls } from './answering.js';
import { Dialog } from './dialog.js';
import type { Challenge } from './digest.js';
import { digestResponse, parseChallenge } from './digest.js';
import { newToken } from './endpoint.js';
import type { AnswerPlan } from './answering.js';
import { PhoneCall } from './phone-call.js';
import type { OutRequest } from './request.js';
import { audioSdp } from './request.js';
import type { Switchboard } from './switchboard.js';

export interface PhoneIdentity {
  readonly user: string;
  readonly domain: string;
  readonly password: string;
  /** The load-balancers that it speaks to, the best first; it registers at each. */
  readonly edges: readonly SipAddress[];
}

/** What became of a call. */
export type CallAttempt =
  | { readonly kind: 'answered'; readonly call: PhoneCall }
  | { readonly kind: 'refused'; readonly status: number }
  /** Nobody answered finally in time. */
  | { readonly kind: 'unanswered' };

export interface CallParts {
  readonly timeoutMs: number;
  /** Of every INVITE of this call; told before the first is sent. */
  readonly callId?: string;
  readonly onRinging?: () => void;
}

interface SendParts {
  readonly timeoutMs: number;
  readonly silenceMs?: number;
  readonly onRinging?: () => void;
}

interface Exchange {
  readonly request: OutRequest;
  readonly response: SipResponse | null;
}

/** A load-balancer that says nothing at all for so long is away. */
const EDGE_SILENCE_MS = 2_000;
/** How long a registrar may take. */
const REGISTER_TIMEOUT_MS = 8_000;
/** After a CANCEL the final answer still comes, if anybody is there. */
const CANCEL_TIMEOUT_MS = 4_000;

/** The first without credentials, then with them; a nonce may be another node's more than once. */
const MAX_ATTEMPTS = 4;

/** A SIP phone of the lab: registers with digest, calls and is called. It sends no audio. */
export class Phone {
  readonly aor: string;
  readonly contact: string;
  readonly #board: Switchboard;
  readonly #identity: PhoneIdentity;
  readonly #registration = newToken();
  #registers = 0;

  constructor(board: Switchboard, identity: PhoneIdentity) {
    const { host, port } = board.endpoint.address;
    this.#board = board;
    this.#identity = identity;
    this.aor = `sip:${identity.user}@${identity.domain}`;
    this.contact = `sip:${identity.user}@${host}:${port}`;
  }

  /** Answers calls from now on as planned. */
  answer(plan: AnswerPlan): void {
    answerCalls(this.#board, { user: this.#identity.user, contact: this.contact }, plan);
  }

  /**
   * Registers for `expiresS` seconds (0 = leaves) at each of its load-balancers, lest it cannot be reached when
   * one is away; 200 when one of them takes it, else the final status of one, or null for silence.
   */
  async register(expiresS: number): Promise<number | null> {
    const statuses = await Promise.all(
      this.#identity.edges.map((edge, line) => this.#registerAt(edge, line, expiresS)),
    );
    return statuses.includes(200) ? 200 : (statuses.find((status) => status !== null) ?? null);
  }

  async #registerAt(edge: SipAddress, line: number, expiresS: number): Promise<number | null> {
    const q = (1 - line / (2 * this.#identity.edges.length)).toFixed(2);
    const out = (): OutRequest => ({
      method: 'REGISTER',
      uri: `sip:${this.#identity.domain}`,
      from: `<${this.aor}>;tag=${newToken()}`,
      to: `<${this.aor}>`,
      callId: `${this.#registration}-${line}`,
      cseq: ++this.#registers,
      headers: [
        ['Contact', `<${this.contact};line=${line}>;q=${q}`],
        ['Expires', String(expiresS)],
      ],
    });
    const { response } = await this.#authenticated(out, edge, { timeoutMs: REGISTER_TIMEOUT_MS });
    return response?.status ?? null;
  }

  /** Calls a URI, through the next load-balancer when one does not answer or has no time (RFC 3263 4.3). */
  async call(target: string, parts: CallParts): Promise<CallAttempt> {
    let cseq = 0;
    const callId = parts.callId ?? newToken();
    const from = `<${this.aor}>;tag=${newToken()}`;
    const { host } = this.#board.endpoint.address;
    const text = audioSdp(host, 1, 'sendrecv');
    const out = (): OutRequest => ({
      method: 'INVITE',
      uri: target,
      from,
      to: `<${target}>`,
      callId,
      cseq: ++cseq,
      headers: [['Contact', `<${this.contact}>`]],
      body: { type: 'application/sdp', text },
    });
    const { response, request } = await this.#throughAnyEdge(out, parts);
    if (response === null) return { kind: 'unanswered' };
    if (response.status >= 300) return { kind: 'refused', status: response.status };
    const dialog = Dialog.ofCaller(request, response);
    const sdp = response.body.toString('latin1');
    const call = new PhoneCall(this.#board.endpoint, dialog, this.contact, sdp);
    this.#board.add(call);
    call.acknowledge(request.cseq);
    return { kind: 'answered', call };
  }

  async #throughAnyEdge(next: () => OutRequest, parts: CallParts): Promise<Exchange> {
    const { edges } = this.#identity;
    for (const edge of edges.slice(0, -1)) {
      const found = await this.#authenticated(next, edge, { ...parts, silenceMs: EDGE_SILENCE_MS });
      if (found.response !== null && found.response.status !== 503) return found;
    }
    const last = edges.at(-1);
    if (last === undefined) throw new LabError(`${this.aor} has no load-balancer`);
    return this.#authenticated(next, last, parts);
  }

  /** Sends, and again with credentials when they are asked for, or when another node does not know their nonce. */
  async #authenticated(
    next: () => OutRequest,
    edge: SipAddress,
    parts: SendParts,
  ): Promise<Exchange> {
    let request = next();
    for (let attempt = 1; ; attempt++) {
      const response = await this.#send(request, edge, parts);
      const challenge = response === null ? null : challengeIn(response);
      const isRefused = attempt > 1 && challenge?.isStale === false;
      if (challenge === null || isRefused || attempt === MAX_ATTEMPTS) return { request, response };
      request = this.#signed(next(), challenge, response?.status === 407);
    }
  }

  #signed(out: OutRequest, challenge: Challenge, isProxy: boolean): OutRequest {
    const { user, password } = this.#identity;
    const { method, uri } = out;
    const once = { cnonce: newToken(), count: 1 };
    const value = digestResponse(challenge, { user, password, method, uri, ...once });
    const name = isProxy ? 'Proxy-Authorization' : 'Authorization';
    return { ...out, headers: [...(out.headers ?? []), [name, value]] };
  }

  /** Gives up with a CANCEL what rings too long. */
  async #send(out: OutRequest, edge: SipAddress, parts: SendParts): Promise<SipResponse | null> {
    const { timeoutMs, silenceMs, onRinging } = parts;
    const stop = new AbortController();
    const transaction = this.#board.endpoint.request(out, edge, {
      timeoutMs: timeoutMs + (out.method === 'INVITE' ? CANCEL_TIMEOUT_MS : 0),
      ...(silenceMs === undefined ? {} : { silenceMs }),
      onProvisional: ({ status }) => status > 100 && onRinging?.(),
    });
    const late = wait(timeoutMs, stop.signal).then(() => {
      if (!stop.signal.aborted && out.method === 'INVITE') transaction.cancel();
    });
    const response = await transaction.final;
    stop.abort();
    await late;
    return response;
  }
}

function challengeIn(response: SipResponse): Challenge | null {
  if (response.status !== 401 && response.status !== 407) return null;
  const name = response.status === 407 ? 'proxy-authenticate' : 'www-authenticate';
  return parseChallenge(headerOf(response, name));
}
