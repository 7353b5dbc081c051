import type { AppProgress, SeenNode, WatchedApp } from '../../marathon/deploy/app-progress.js';
import { deriveAppProgress } from '../../marathon/deploy/app-progress.js';
import { messageOf } from '../../util/errors.js';
import type { Follower } from './follower.js';
import { isAway, whileFollowing } from './follower.js';
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
  return whileFollowing(work, deploymentId, (follower) => watch(work, watched, follower, show));
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
    if (!isAway(err)) throw err;
    return { apps: last.apps, away: messageOf(err) };
  }
}

/** How far each app is now. */
export async function lookAtApps(
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
