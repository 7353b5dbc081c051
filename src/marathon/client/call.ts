import type { BackoffLimits } from '../../util/backoff.js';
import { backoffMs } from '../../util/backoff.js';
import type { Clock } from '../../util/clock.js';
import { cutText } from '../../util/cut-text.js';
import type { CarnaError } from '../../util/errors.js';
import {
  DeadlineError,
  MarathonAmbiguousError,
  MarathonAnswerError,
  MarathonUnavailableError,
} from '../../util/errors.js';
import type { Answer, NoAnswer, Question } from './exchange.js';
import { exchange } from './exchange.js';
import { isRedirect, MAX_REDIRECTS, redirectTarget } from './redirect.js';
import type { ApiRequest } from './request.js';
import { isRead, nameOf } from './request.js';
import type { MarathonSettings } from './settings.js';

/** Time and chance, from outside. */
export interface MarathonPorts {
  readonly clock: Clock;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly random: () => number;
}

/** A status below 500 with its JSON; undefined where the body is none. */
export interface Reply {
  readonly status: number;
  readonly json: unknown;
}

/** Settings, checked. */
export interface Target extends Omit<MarathonSettings, 'baseUrls' | 'credentials'> {
  readonly bases: readonly URL[];
  readonly authorization: string | undefined;
}

/** How often all addresses are tried, by a call that may be repeated. */
const MAX_ROUNDS = 3;
const ROUND_PAUSE: BackoffLimits = { minMs: 200, maxMs: 2_000 };

type Try =
  | { readonly kind: 'reply'; readonly reply: Reply }
  /** `isUndone`: the request has surely changed nothing. */
  | { readonly kind: 'failed'; readonly isUndone: boolean; readonly error: CarnaError };

/**
 * Sends a request to the first Marathon that answers; the one that answered is asked first the next time.
 *
 * A read is repeated, by other addresses first. A change is repeated only while it surely has not
 * arrived; otherwise it ends with MarathonAmbiguousError.
 * Throws MarathonUnavailableError, MarathonAnswerError, DeadlineError, MarathonAmbiguousError.
 */
export class Caller {
  readonly #target: Target;
  readonly #ports: MarathonPorts;
  #first = 0;

  constructor(target: Target, ports: MarathonPorts) {
    this.#target = target;
    this.#ports = ports;
  }

  async call(request: ApiRequest, signal: AbortSignal): Promise<Reply> {
    const endMs = this.#ports.clock.monoMs() + this.#target.callTimeoutMs;
    const { bases } = this.#target;
    let last: CarnaError = new DeadlineError(nameOf(request), this.#target.callTimeoutMs);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const order = bases.map((_, k) => (this.#first + k) % bases.length);
      for (const index of order) {
        const leftMs = endMs - this.#ports.clock.monoMs();
        const base = bases[index];
        if (leftMs <= 0 || signal.aborted || base === undefined) throw last;
        const result = await this.#ask(base, request, leftMs, signal);
        if (result.kind === 'reply') {
          this.#first = index;
          return result.reply;
        }
        if (!result.isUndone) throw ambiguous(request, result.error);
        last = result.error;
      }
      if (round < MAX_ROUNDS - 1) {
        const pauseMs = backoffMs(round, ROUND_PAUSE, this.#ports.random);
        if (this.#ports.clock.monoMs() + pauseMs >= endMs) throw last;
        await this.#ports.wait(pauseMs, signal);
      }
    }
    throw last;
  }

  /** One address, with the redirects that it gives. */
  async #ask(base: URL, request: ApiRequest, leftMs: number, signal: AbortSignal): Promise<Try> {
    let url = new URL(`${base.pathname.replace(/\/$/, '')}${request.path}`, base);
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const what = `${nameOf(request)} at ${url.origin}`;
      const question = questionFor(this.#target, url, request, leftMs);
      const result = await exchange(question, this.#target.maxAnswerBytes, signal);
      if (result.kind === 'failed') {
        const error = errorOf(what, result, question.answerTimeoutMs);
        return { kind: 'failed', isUndone: isRead(request) || !result.wasSent, error };
      }
      if (!isRedirect(result.answer.status)) return toTry(what, isRead(request), result.answer);
      try {
        url = redirectTarget(what, url, request, result.answer.location);
      } catch (err) {
        if (!(err instanceof MarathonAnswerError)) throw err;
        return { kind: 'failed', isUndone: true, error: err };
      }
    }
    const error = new MarathonAnswerError(
      `${nameOf(request)}: more than ${MAX_REDIRECTS} redirects`,
    );
    return { kind: 'failed', isUndone: true, error };
  }
}

/** What is asked of one server; a change and its dry run get all the time that is left for the answer. Pure. */
export function questionFor(
  target: Target,
  url: URL,
  request: ApiRequest,
  leftMs: number,
  accept = 'application/json',
): Question {
  const { authorization, caPem, tryTimeoutMs } = target;
  const answerTimeoutMs = request.method === 'GET' ? Math.min(tryTimeoutMs, leftMs) : leftMs;
  return {
    url,
    method: request.method,
    headers: {
      accept,
      'user-agent': 'carna',
      ...(authorization === undefined ? {} : { authorization }),
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(request.body === undefined ? {} : { body: request.body }),
    ...(caPem === undefined ? {} : { caPem }),
    connectTimeoutMs: Math.min(tryTimeoutMs, leftMs),
    answerTimeoutMs,
  };
}

/** The error that stands for an answer that did not come. Pure. */
export function errorOf(what: string, failed: NoAnswer, timeoutMs: number): CarnaError {
  if (failed.fault === 'late') return new DeadlineError(`${what}: ${failed.why}`, timeoutMs);
  if (failed.fault === 'answer') return new MarathonAnswerError(`${what}: ${failed.why}`);
  return new MarathonUnavailableError(`${what}: ${failed.why}`);
}

function toTry(what: string, isHarmless: boolean, answer: Answer): Try {
  const { status, contentType, body } = answer;
  if (status >= 500) {
    // Marathon's own 503 may be a timeout inside: the change can still happen.
    const error = new MarathonUnavailableError(`${what}: answered ${status}`);
    return { kind: 'failed', isUndone: isHarmless, error };
  }
  if (status === 202 && body.length === 0) return { kind: 'reply', reply: { status, json: null } };
  const json = toJson(body);
  const isRefused = status >= 400 && status !== 404;
  if (json !== undefined || isRefused) return { kind: 'reply', reply: { status, json } };
  const found =
    body.length === 0 ? 'an empty body' : `${cutText(contentType, 80) || 'something'} that is none`;
  const error = new MarathonAnswerError(`${what}: ${status}, expected JSON, found ${found}`);
  return { kind: 'failed', isUndone: isHarmless || status === 404, error };
}

function ambiguous(request: ApiRequest, cause: CarnaError): MarathonAmbiguousError {
  const why = `it may or may not have happened, look before repeating (${cause.message})`;
  return new MarathonAmbiguousError(`${nameOf(request)}: ${why}`, { cause });
}

function toJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}
