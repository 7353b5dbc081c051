import { relaunchOf } from '../../topology/task-id.js';
import type { MarathonApp, Started } from './answers.js';

/** Why a kill was not even sent: the tasks are not those that the caller means. */
export interface StaleTasks {
  readonly kind: 'stale';
  /** Not listed at all. */
  readonly missing: readonly string[];
  /** Listed as a later incarnation of the same instance: Marathon would kill that one. */
  readonly relaunched: readonly { readonly id: string; readonly now: string }[];
}

/** What became of a kill-and-scale that Marathon accepted. */
export type KillVerdict =
  /** The instances fell by the number of the tasks: the deployment is under way, or already over. */
  | ({ readonly kind: 'started' } & Started)
  /** Marathon answered 200 and did nothing: it knows none of the ids any more. */
  | ({ readonly kind: 'nothing-done' } & Started)
  /** Accepted, but what it did could not be seen; `why` says what was seen instead. */
  | ({ readonly kind: 'unverified'; readonly why: string } & Started);

/** Which of the tasks the app does not list under exactly their ids; undefined when it lists all. Pure. */
export function findStale(
  app: MarathonApp | undefined,
  taskIds: readonly string[],
): StaleTasks | undefined {
  const listed = (app?.tasks ?? []).map((task) => task.id);
  const missing: string[] = [];
  const relaunched: { id: string; now: string }[] = [];
  for (const id of taskIds.filter((wanted) => !listed.includes(wanted))) {
    const now = relaunchOf(id, listed);
    if (now === undefined) missing.push(id);
    else relaunched.push({ id, now });
  }
  return missing.length + relaunched.length === 0
    ? undefined
    : { kind: 'stale', missing, relaunched };
}

/**
 * Whether the kill did what it was asked, from the app before and after it. Marathon lowers the
 * instances before it answers, so that they tell at once; the tasks themselves still run. Pure.
 */
export function judgeKill(
  before: MarathonApp,
  after: MarathonApp | undefined,
  killed: number,
  started: Started,
): KillVerdict {
  const { deploymentId, version } = started;
  const same = { deploymentId, version };
  if (after === undefined) return { kind: 'unverified', why: 'the app is gone', ...same };
  if (before.instances - after.instances === killed) return { kind: 'started', ...same };
  const isUnderWay = after.deploymentIds.includes(deploymentId);
  if (after.instances === before.instances && !isUnderWay) return { kind: 'nothing-done', ...same };
  const expected = before.instances - killed;
  const why = `instances went from ${before.instances} to ${after.instances}, expected ${expected}`;
  return { kind: 'unverified', why, ...same };
}
