import type { IncomingMessage } from 'node:http';
import type { CarnaError } from '../../util/errors.js';
import {
  MarathonAnswerError,
  MarathonRefusedError,
  MarathonUnavailableError,
} from '../../util/errors.js';
import type { Target } from './call.js';
import { errorOf, questionFor } from './call.js';
import { openAnswer } from './exchange.js';
import { isRedirect, MAX_REDIRECTS, redirectTarget } from './redirect.js';
import type { ApiRequest } from './request.js';
import { eventsRequest, nameOf } from './request.js';

/**
 * Opens the event stream of the first Marathon that gives one; a non-leader redirects to the leader,
 * always. The caller destroys it.
 *
 * Throws MarathonUnavailableError, MarathonAnswerError, MarathonRefusedError or DeadlineError: that of the last address.
 */
export async function openEvents(
  target: Target,
  types: readonly string[],
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const request = eventsRequest(types);
  let last: CarnaError = new MarathonUnavailableError(`${nameOf(request)}: stopped`);
  for (const base of target.bases) {
    if (signal.aborted) break;
    const opened = await openAt(target, base, request, signal);
    if (opened.kind === 'open') return opened.stream;
    last = opened.error;
  }
  throw last;
}

type Opened =
  | { readonly kind: 'open'; readonly stream: IncomingMessage }
  | { readonly kind: 'failed'; readonly error: CarnaError };

async function openAt(
  target: Target,
  base: URL,
  request: ApiRequest,
  signal: AbortSignal,
): Promise<Opened> {
  let url = new URL(`${base.pathname.replace(/\/$/, '')}${request.path}`, base);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const what = `${nameOf(request)} at ${url.origin}`;
    const question = questionFor(target, url, request, target.tryTimeoutMs, 'text/event-stream');
    const opened = await openAnswer(question, signal);
    if (opened.kind === 'failed') {
      return { kind: 'failed', error: errorOf(what, opened, question.answerTimeoutMs) };
    }
    const stream = opened.answer;
    const status = stream.statusCode ?? 0;
    const error = errorOfHead(what, status, stream.headers['content-type'] ?? '');
    if (error === undefined) return { kind: 'open', stream };
    discard(stream);
    if (!isRedirect(status)) return { kind: 'failed', error };
    try {
      url = redirectTarget(what, url, request, stream.headers.location);
    } catch (err) {
      if (!(err instanceof MarathonAnswerError)) throw err;
      return { kind: 'failed', error: err };
    }
  }
  const error = new MarathonAnswerError(`${nameOf(request)}: more than ${MAX_REDIRECTS} redirects`);
  return { kind: 'failed', error };
}

function errorOfHead(what: string, status: number, type: string): CarnaError | undefined {
  if (status === 200 && type.startsWith('text/event-stream')) return undefined;
  if (status >= 500) return new MarathonUnavailableError(`${what}: answered ${status}`);
  if (status >= 400) return new MarathonRefusedError(what, status, 'no event stream');
  const found = `${status} with ${type === '' ? 'no content type' : type}`;
  return new MarathonAnswerError(`${what}: expected text/event-stream, found ${found}`);
}

/** An answer that nobody reads may still fail. */
function discard(stream: IncomingMessage): void {
  stream.on('error', () => undefined);
  stream.destroy();
}
