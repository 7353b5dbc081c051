import { FOLLOW_POLL_MS, followDeployment } from '../../marathon/follow-deployment.js';
import { CarnaError } from '../../util/errors.js';
import { leftMs } from './marathon-work.js';
import type { MarathonWork } from './marathon-work.js';

/** Between two tries where Marathon names no deployment that could be waited for. */
const RETRY_MS = 1_000;

/** How waiting for others' deployments ended. */
export type Unlocked = 'free' | 'late' | 'left';

/** Waits until the deployments that hold an app are over, at most until the command's deadline. */
export async function waitUnlocked(
  work: MarathonWork,
  deploymentIds: readonly string[],
): Promise<Unlocked> {
  const { context, source, stop } = work;
  for (const id of deploymentIds) {
    const timing = { deadlineMs: leftMs(work), pollMs: FOLLOW_POLL_MS };
    const end = await followDeployment(source, context, id, timing, () => undefined, stop);
    if (end.kind === 'late') return 'late';
    if (end.kind === 'stopped') return 'left';
  }
  if (deploymentIds.length === 0) await context.wait(RETRY_MS, stop);
  return checkLimits(work);
}

/** Whether a command may begin anything now, or its time is over or the operator left. */
export function checkLimits(work: MarathonWork): Unlocked {
  if (work.stop.aborted) return 'left';
  return leftMs(work) > 0 ? 'free' : 'late';
}

/** What is read before anything is sent; 'left' when it failed because the operator left. */
export async function unlessLeft<T>(
  { stop }: Pick<MarathonWork, 'stop'>,
  read: Promise<T>,
): Promise<T | 'left'> {
  try {
    return await read;
  } catch (err) {
    if (stop.aborted && err instanceof CarnaError) return 'left';
    throw err;
  }
}
