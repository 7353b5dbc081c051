import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { CarnaError, RegistrySessionOverError } from '../util/errors.js';
import { Doorbell } from '../util/doorbell.js';
import { wait } from '../util/wait.js';
import { CandidateLine, goneError } from './candidate-line.js';
import type { Candidate } from './candidate-line.js';
import type { ZkSession } from './session.js';

/** One term of leadership. */
export interface Term {
  /** Aborts when leadership is over: the session is lost, the candidate is gone, or we are told to stop. */
  readonly signal: AbortSignal;
  /** Creation of the candidate's znode, for tracing only: it is no fencing token. */
  readonly czxid: bigint;
  /**
   * False from the moment the connection is in doubt: begin no write then. It may turn true again within
   * the term. What was begun before is fenced by the epoch in PostgreSQL.
   */
  mayWrite(): boolean;
}

export interface LeaderOptions {
  /** Stored in the candidate's znode, for people. */
  readonly candidateId: string;
  readonly log: Logger;
  readonly random?: () => number;
}

/** A watch may be lost; then this finds out. */
const RECHECK_MS = 5_000;
const RETRY_MS = 200;
const RESIGNED_PAUSE_MS = 1_000;

/**
 * Takes part in the election below `dir` until `stop` aborts, and calls `lead` whenever this candidate is
 * the first in line. A `lead` that returns by itself has resigned and queues up again; one that throws ends
 * the whole with its error. In every case the candidate's znode is removed first, so that the next in line
 * takes over at once.
 *
 * Each candidate is an ephemeral sequential znode with a GUID in its name and watches its predecessor only.
 */
export async function runForLeader(
  session: ZkSession,
  dir: string,
  options: LeaderOptions,
  lead: (term: Term) => Promise<void>,
  stop: AbortSignal,
): Promise<void> {
  const log = options.log.child({ component: 'leader', candidateId: options.candidateId });
  const bell = new Doorbell();
  const offs = [session.onState(() => bell.ring()), session.onWatchEvent(() => bell.ring())];
  const ringOnStop = (): void => bell.ring();
  stop.addEventListener('abort', ringOnStop);
  const line = new CandidateLine(session, dir, options.candidateId);
  const race: Race = { session, line, options, log, bell, lead, stop };
  try {
    while (!stop.aborted) await runOnce(race);
  } finally {
    stop.removeEventListener('abort', ringOnStop);
    for (const off of offs) off();
  }
}

interface Race {
  readonly session: ZkSession;
  readonly line: CandidateLine;
  readonly options: LeaderOptions;
  readonly log: Logger;
  readonly bell: Doorbell;
  readonly lead: (term: Term) => Promise<void>;
  readonly stop: AbortSignal;
}

/** One candidacy: enrol, wait for the turn, lead, leave. Registry failures end it; the next one starts after a pause. */
async function runOnce(race: Race): Promise<void> {
  const { session, log, stop } = race;
  if (session.state !== 'connected') {
    if (isClosed(session)) throw new RegistrySessionOverError('the session was closed');
    await race.bell.wait(RECHECK_MS, stop);
    return;
  }
  const guid = randomUUID();
  let candidate: Candidate | null = null;
  let pauseMs = 0;
  try {
    candidate = await race.line.enrol(guid);
    const hasResigned = (await isMyTurn(race, candidate)) && (await leadTerm(race, candidate));
    if (hasResigned) pauseMs = RESIGNED_PAUSE_MS;
  } catch (err) {
    if (!(err instanceof CarnaError)) throw unwrapped(err);
    log.warn({ err }, 'the election was disturbed, will retry');
    pauseMs = RETRY_MS;
  } finally {
    await race.line.leave(guid, candidate);
  }
  // The place is free by now. Who lost its session queues up again at once: it may be the only standby.
  if (pauseMs > 0 && !isClosed(session)) await wait(pauseMs * (1 + random(race)), stop);
}

/** Marks an error of `lead`, which is the caller's and not ours to retry. */
class LeadFailure extends Error {}

function unwrapped(err: unknown): unknown {
  return err instanceof LeadFailure ? err.cause : err;
}

/** Resolves true when no candidate stands before ours, false when we are told to stop. Throws when ours is gone. */
async function isMyTurn(race: Race, candidate: Candidate): Promise<boolean> {
  const { session, stop, log } = race;
  while (!stop.aborted) {
    if (session.zkSessionId !== candidate.zkSessionId) throw goneError();
    if (session.state === 'connected') {
      const before = await race.line.predecessor(candidate);
      if (before === null) return true;
      // One-shot watch on the predecessor only; the look and the watch are one operation.
      const isThere = await session.exists(before, { watch: true });
      if (isThere === null) continue;
      await changeOf(race, candidate, before);
      log.debug({ predecessor: before }, 'woken to look at the line again');
    } else {
      await race.bell.wait(RECHECK_MS, stop);
    }
  }
  return false;
}

/** Waits until the predecessor or our own candidate is gone, the state changes, or it is time to look anyway. */
async function changeOf(race: Race, candidate: Candidate, path: string): Promise<void> {
  const woken = new AbortController();
  const wake = (): void => woken.abort();
  const offs = [
    race.session.onState(wake),
    race.session.onWatchEvent((event) => {
      if (event.kind === 'deleted' && (event.path === path || event.path === candidate.path))
        wake();
    }),
  ];
  race.stop.addEventListener('abort', wake);
  if (race.stop.aborted) wake();
  await wait(RECHECK_MS * (1 + random(race)), woken.signal);
  race.stop.removeEventListener('abort', wake);
  for (const off of offs) off();
}

/** True when `lead` returned although the term was not over. */
async function leadTerm(race: Race, candidate: Candidate): Promise<boolean> {
  const { session, stop, log } = race;
  const over = new AbortController();
  const end = (why: string): void => over.abort(new Error(why));
  const isOurs = (): boolean => session.zkSessionId === candidate.zkSessionId;
  const onStop = (): void => end('told to stop');
  const look = (): void => {
    void race.line.stands(candidate).then((stands) => {
      if (!stands) end('the candidate is gone');
    });
  };
  const offs = [
    session.onState((state) => {
      if (!isOurs()) end('the session is lost');
      else if (state === 'connected') look();
    }),
    session.onWatchEvent((event) => {
      if (event.path === candidate.path) look();
    }),
  ];
  const timer = setInterval(look, RECHECK_MS);
  stop.addEventListener('abort', onStop);
  if (stop.aborted) onStop();
  if (!isOurs()) end('the session is lost');
  const mayWrite = (): boolean => !over.signal.aborted && isOurs() && session.state === 'connected';
  log.info({ czxid: candidate.czxid.toString(16) }, 'leading');
  try {
    await race.lead({ signal: over.signal, czxid: candidate.czxid, mayWrite });
    return !over.signal.aborted;
  } catch (err) {
    throw new LeadFailure('the leader failed', { cause: err });
  } finally {
    stop.removeEventListener('abort', onStop);
    clearInterval(timer);
    for (const off of offs) off();
    const why: unknown = over.signal.reason;
    log.info({ why: why instanceof Error ? why.message : 'resigned' }, 'no longer leading');
  }
}

function isClosed(session: ZkSession): boolean {
  return session.state === 'closed';
}

function random(race: Race): number {
  return (race.options.random ?? Math.random)();
}
