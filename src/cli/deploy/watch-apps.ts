import type { AppProgress, SeenNode, WatchedApp } from '../../marathon/deploy/app-progress.js';
import { deriveAppProgress } from '../../marathon/deploy/app-progress.js';
import type { DeploymentEnd } from '../../marathon/follow-deployment.js';
import { FOLLOW_POLL_MS, followDeployment, isPassing } from '../../marathon/follow-deployment.js';
import { CarnaError, messageOf } from '../../util/errors.js';
import { nodesOf } from './look-at-group.js';
import { leftMs } from './marathon-work.js';
import type { MarathonWork } from './marathon-work.js';

/** One look at what a deploy brings somewhere. `away`: what could not be asked; the rest is the last known. */
export interface AppsLook {
  readonly apps: readonly AppProgress[];
  readonly away: string | null;
}

/** How watching ended; `late` and `left` go on in Marathon. */
export type WatchEnd = 'done' | 'failed' | 'late' | 'left';

const LOOK_EVERY_MS = 1_000;

/**
 * Watches until the deployment (null: none is known) is over and every app is where it shall be: its tasks
 * run, its nodes are up and listed. `show` is called after every look. Throws what waiting will not mend.
 */
export async function watchApps(
  work: MarathonWork,
  deploymentId: string | null,
  watched: readonly WatchedApp[],
  show: (look: AppsLook) => void,
): Promise<WatchEnd> {
  const leave = new AbortController();
  const follower = followOne(work, deploymentId, leave.signal);
  try {
    return await watch(work, watched, follower, show);
  } finally {
    leave.abort();
    await follower.over;
  }
}

interface Follower {
  /** Null while it is under way. Throws what ended the following. */
  end(): DeploymentEnd | null;
  readonly over: Promise<void>;
}

function followOne(work: MarathonWork, deploymentId: string | null, signal: AbortSignal): Follower {
  if (deploymentId === null) return { end: () => ({ kind: 'vanished' }), over: Promise.resolve() };
  let state: { readonly end: DeploymentEnd } | { readonly fault: unknown } | null = null;
  const timing = { deadlineMs: leftMs(work), pollMs: FOLLOW_POLL_MS };
  const { source, context } = work;
  const over = followDeployment(source, context, deploymentId, timing, () => undefined, signal)
    .then((end) => void (state = { end }))
    .catch((fault: unknown) => void (state = { fault }));
  return {
    over,
    end: () => {
      if (state !== null && 'fault' in state) throw state.fault;
      return state === null ? null : state.end;
    },
  };
}

async function watch(
  work: MarathonWork,
  watched: readonly WatchedApp[],
  follower: Follower,
  show: (look: AppsLook) => void,
): Promise<WatchEnd> {
  const { context, stop } = work;
  let last: AppsLook = { apps: [], away: null };
  for (;;) {
    last = await lookOrLast(work, watched, last);
    if (stop.aborted) return 'left';
    show(last);
    const end = follower.end();
    if (end?.kind === 'failed') return 'failed';
    const isOver = end?.kind === 'succeeded' || end?.kind === 'vanished';
    const isThere = last.apps.length === watched.length && last.apps.every((app) => app.isDone);
    if (isOver && isThere && last.away === null) return 'done';
    if (leftMs(work) <= 0) return 'late';
    await context.wait(Math.min(LOOK_EVERY_MS, leftMs(work)), stop);
  }
}

async function lookOrLast(
  work: MarathonWork,
  watched: readonly WatchedApp[],
  last: AppsLook,
): Promise<AppsLook> {
  try {
    return { apps: await lookAtApps(work, watched), away: null };
  } catch (err) {
    if (!(err instanceof CarnaError) || (isMarathons(err) && !isPassing(err))) throw err;
    return { apps: last.apps, away: messageOf(err) };
  }
}

const isMarathons = (err: CarnaError): boolean => err.code.startsWith('CARNA_MARATHON');

async function lookAtApps(
  { marathon, data, listed, stop }: MarathonWork,
  watched: readonly WatchedApp[],
): Promise<AppProgress[]> {
  const topology = await data.readTopology();
  const queue = await marathon.readQueue(stop);
  const progress: AppProgress[] = [];
  for (const one of watched) {
    const app = await marathon.readApp(one.appId, stop);
    const records = nodesOf(topology, one.appId);
    const ids = await listed.read(topology, records);
    const nodes: SeenNode[] = records.map((record) => {
      return { record, isListed: ids.has(record.nodeId) };
    });
    progress.push(deriveAppProgress(one, app, queue, nodes));
  }
  return progress;
}
