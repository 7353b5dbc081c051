import { runForLeader } from '../../../src/registry/leader.js';
import type { Term } from '../../../src/registry/leader.js';
import type { ZkSession } from '../../../src/registry/session.js';
import { atEnd, connected, recordingLog } from './lab.js';

/** A candidate with a session of its own; `term` is null while it does not lead. */
export interface Runner {
  readonly name: string;
  readonly session: ZkSession;
  readonly stop: AbortController;
  readonly done: Promise<void>;
  /** How often it was woken to look at the line. */
  readonly wakes: () => number;
  term: Term | null;
  terms: number;
}

/** A candidate that leads until its term ends. */
export async function candidate(name: string, dir: string, address: string): Promise<Runner> {
  const { session } = await connected(address, { zkSessionTimeoutMs: 1_000 });
  const stop = new AbortController();
  const { log, lines } = recordingLog();
  const runner: { term: Term | null; terms: number } = { term: null, terms: 0 };
  const lead = async (term: Term): Promise<void> => {
    runner.term = term;
    runner.terms += 1;
    await new Promise<void>((resolve) => term.signal.addEventListener('abort', () => resolve()));
    runner.term = null;
  };
  const done = runForLeader(session, dir, { candidateId: name, log }, lead, stop.signal);
  done.catch(() => undefined); // A run whose session is closed rejects; the tests await it where it matters.
  atEnd(() => stop.abort());
  const wakes = (): number =>
    lines.filter(({ msg }) => msg === 'woken to look at the line again').length;
  return Object.assign(runner, { name, session, stop, done, wakes });
}
