import { LabError } from '../../util/errors.js';
import { systemClock } from '../../util/clock.js';
import { wait } from '../../util/wait.js';
import type { Call, CallEnd } from '../calls/call-log.js';
import { nodeOf } from '../calls/call-log.js';
import { MAX_CALLS } from '../calls/calls.js';
import type { CallProgress, CallReport } from '../calls/report.js';
import { progressOf, reportCalls } from '../calls/report.js';
import { newToken } from './endpoint.js';
import type { Phone } from './phone.js';
import type { CallScript } from './script.js';
import { playCall } from './script.js';

export interface UserCallOptions {
  /** Who calls, in turn. */
  readonly callers: readonly Phone[];
  /** What they call, in turn. */
  readonly targets: readonly string[];
  /** New calls a second. */
  readonly rate: number;
  readonly calls: number;
  readonly script: CallScript;
  /** Aborting it ends the run in order: no new call, the present ones go on to their end. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CallProgress) => void;
  readonly answerTimeoutMs?: number;
}

/** Calls under way between phones. */
export interface UserCallRun {
  /** Failed calls are a result, not an error. */
  readonly result: Promise<CallReport>;
  /** No new call from now on; the present ones go on to their end. May be repeated. */
  stop(): void;
}

const DEFAULT_ANSWER_TIMEOUT_MS = 15_000;
const PROGRESS_EVERY_MS = 200;

/** Puts calls of users on the platform, at an even rate. Throws RangeError for an amount not in 1..MAX_CALLS. */
export function startUserCalls(options: UserCallOptions): UserCallRun {
  const { rate, calls } = options;
  if (!(rate > 0) || !(calls >= 1 && calls <= MAX_CALLS)) {
    throw new RangeError(`cannot make ${calls} calls at ${rate} a second (1..${MAX_CALLS})`);
  }
  const stop = new AbortController();
  return { result: run(options, stop), stop: () => stop.abort() };
}

async function run(options: UserCallOptions, stop: AbortController): Promise<CallReport> {
  const all = new Map<string, Call>();
  let toldMs = 0;
  const note = (call: Call): void => {
    all.set(call.callId, call);
    if (performance.now() - toldMs < PROGRESS_EVERY_MS) return;
    toldMs = performance.now();
    options.onProgress?.(progressOf(all));
  };
  const stopToo = (): void => stop.abort();
  options.signal?.addEventListener('abort', stopToo);
  if (options.signal?.aborted === true) stopToo();
  const running: Promise<void>[] = [];
  try {
    const startMs = performance.now();
    for (let n = 0; n < options.calls && !stop.signal.aborted; n++) {
      running.push(oneCall(options, n, note));
      await wait(startMs + ((n + 1) * 1_000) / options.rate - performance.now(), stop.signal);
    }
    await Promise.all(running);
  } finally {
    options.signal?.removeEventListener('abort', stopToo);
  }
  return reportCalls(all);
}

async function oneCall(
  options: UserCallOptions,
  n: number,
  note: (call: Call) => void,
): Promise<void> {
  const caller = options.callers[n % options.callers.length];
  const target = options.targets[n % options.targets.length];
  if (caller === undefined || target === undefined) throw new LabError('nobody to call');
  const callId = newToken();
  const sentAtMs = systemClock.wallMs();
  const sent: Call = { callId, sentAtMs, answeredAtMs: null, node: null, end: null };
  note(sent);
  const timeoutMs = options.answerTimeoutMs ?? DEFAULT_ANSWER_TIMEOUT_MS;
  const attempt = await caller.call(target, { callId, timeoutMs });
  const atMs = systemClock.wallMs();
  if (attempt.kind !== 'answered') {
    const end: CallEnd =
      attempt.kind === 'refused'
        ? { kind: 'refused', atMs, status: attempt.status }
        : { kind: 'unanswered', atMs };
    note({ ...sent, end });
    return;
  }
  const answered = { ...sent, answeredAtMs: atMs, node: nodeOf(attempt.call.target) };
  note(answered);
  const why = await playCall(attempt.call, options.script);
  const endMs = systemClock.wallMs();
  const end: CallEnd =
    why === null ? { kind: 'completed', atMs: endMs } : { kind: 'lost', atMs: endMs, why };
  note({ ...answered, end });
}
