import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { CarnaError, RegistryAmbiguousError, RegistrySessionOverError } from '../util/errors.js';
import { Doorbell } from '../util/doorbell.js';
import { wait } from '../util/wait.js';
import { isRejected } from './operations.js';
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

interface Candidate {
  readonly path: string;
  readonly name: string;
  readonly zkSessionId: bigint;
  readonly czxid: bigint;
}

/** A watch may be lost; then this finds out. */
const RECHECK_MS = 5_000;
const RETRY_MS = 200;
const RESIGNED_PAUSE_MS = 1_000;
const REMOVE_ATTEMPTS = 3;

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
  const race: Race = { session, dir, options, log, bell, lead, stop };
  try {
    while (!stop.aborted) await runOnce(race);
  } finally {
    stop.removeEventListener('abort', ringOnStop);
    for (const off of offs) off();
  }
}

interface Race {
  readonly session: ZkSession;
  readonly dir: string;
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
    candidate = await enrol(race, guid);
    const hasResigned = (await isMyTurn(race, candidate)) && (await leadTerm(race, candidate));
    if (hasResigned) pauseMs = RESIGNED_PAUSE_MS;
  } catch (err) {
    if (!(err instanceof CarnaError)) throw unwrapped(err);
    log.warn({ err }, 'the election was disturbed, will retry');
    pauseMs = RETRY_MS;
  } finally {
    await leave(race, guid, candidate);
  }
  // The place is free by now. Who lost its session queues up again at once: it may be the only standby.
  if (pauseMs > 0 && !isClosed(session)) await wait(pauseMs * (1 + random(race)), stop);
}

/** Marks an error of `lead`, which is the caller's and not ours to retry. */
class LeadFailure extends Error {}

function unwrapped(err: unknown): unknown {
  return err instanceof LeadFailure ? err.cause : err;
}

/** A create whose answer was lost is looked up by its GUID: it is ours if our session owns it. */
async function enrol(race: Race, guid: string): Promise<Candidate> {
  const { session, dir, options } = race;
  await session.ensurePath(dir);
  const sid = session.zkSessionId;
  let path: string | null = null;
  try {
    const data = Buffer.from(options.candidateId);
    path = await session.create(`${dir}/c-${guid}-`, data, { ephemeral: true, sequential: true });
  } catch (err) {
    if (!(err instanceof RegistryAmbiguousError)) throw err;
    await session.whenConnected(2 * session.zkSessionTimeoutMs);
    const name = (await session.getChildren(dir))?.find((child) => child.includes(guid));
    path = name === undefined ? null : `${dir}/${name}`;
  }
  const stat = path === null ? null : await session.exists(path, { watch: true });
  if (path === null || stat === null || sid === null || stat.ephemeralOwner !== sid) {
    throw new RegistrySessionOverError('the candidate did not outlive its enrolment');
  }
  return { path, name: path.slice(dir.length + 1), zkSessionId: sid, czxid: stat.czxid };
}

/** Resolves true when no candidate stands before ours, false when we are told to stop. Throws when ours is gone. */
async function isMyTurn(race: Race, candidate: Candidate): Promise<boolean> {
  const { session, stop, log } = race;
  while (!stop.aborted) {
    if (session.zkSessionId !== candidate.zkSessionId) throw goneError();
    if (session.state === 'connected') {
      const before = await predecessor(race, candidate);
      if (before === null) return true;
      // One-shot watch on the predecessor only; the look and the watch are one operation.
      const isThere = await session.exists(`${race.dir}/${before}`, { watch: true });
      if (isThere === null) continue;
      await changeOf(race, candidate, `${race.dir}/${before}`);
      log.debug({ predecessor: before }, 'woken to look at the line again');
    } else {
      await race.bell.wait(RECHECK_MS, stop);
    }
  }
  return false;
}

async function predecessor(race: Race, candidate: Candidate): Promise<string | null> {
  const names = (await race.session.getChildren(race.dir)) ?? [];
  const line = names.filter((name) => /-\d{10}$/.test(name)).sort(bySequence);
  const place = line.indexOf(candidate.name);
  if (place === -1) throw goneError();
  return line[place - 1] ?? null;
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
    void checkCandidate(session, candidate).then((stands) => {
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

/** False only when ZooKeeper says so; without an answer nothing is concluded. Leaves a new watch. */
async function checkCandidate(session: ZkSession, candidate: Candidate): Promise<boolean> {
  try {
    const stat = await session.exists(candidate.path, { watch: true });
    return stat?.ephemeralOwner === candidate.zkSessionId;
  } catch (err) {
    if (err instanceof CarnaError) return true;
    throw err;
  }
}

/** Best effort and by GUID, since a create whose answer never came may have made a znode, too. */
async function leave(race: Race, guid: string, candidate: Candidate | null): Promise<void> {
  const { session, dir } = race;
  for (let attempt = 0; attempt < REMOVE_ATTEMPTS && session.state === 'connected'; attempt++) {
    try {
      const known = candidate === null ? await session.getChildren(dir) : [candidate.name];
      const name = known?.find((child) => child.includes(guid));
      if (name !== undefined) await session.remove(`${dir}/${name}`);
      return;
    } catch (err) {
      if (isRejected(err, 'NO_NODE')) return;
      if (!(err instanceof CarnaError)) throw err;
    }
  }
}

function bySequence(a: string, b: string): number {
  return Number(a.slice(-10)) - Number(b.slice(-10));
}

function isClosed(session: ZkSession): boolean {
  return session.state === 'closed';
}

function goneError(): RegistrySessionOverError {
  return new RegistrySessionOverError('the candidate is gone');
}

function random(race: Race): number {
  return (race.options.random ?? Math.random)();
}
