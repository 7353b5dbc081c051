import type { DeploymentEnd } from '../../marathon/follow-deployment.js';
import { FOLLOW_POLL_MS, followDeployment, isPassing } from '../../marathon/follow-deployment.js';
import { CarnaError } from '../../util/errors.js';
import { leftMs } from './marathon-work.js';
import type { MarathonWork } from './marathon-work.js';

/** A deployment that is followed beside something else. */
export interface Follower {
  /** Null while it is under way. Throws what ended the following. */
  end(): DeploymentEnd | null;
}

/**
 * Follows a deployment while `watch` runs, at most until the command's deadline; null: there is none to
 * follow, it counts as over. When it returns or throws nothing is followed any more.
 */
export async function whileFollowing<T>(
  work: MarathonWork,
  deploymentId: string | null,
  watch: (follower: Follower) => Promise<T>,
): Promise<T> {
  const leave = new AbortController();
  const follower = followInBackground(work, deploymentId, leave.signal);
  try {
    return await watch(follower);
  } finally {
    leave.abort();
    await follower.over;
  }
}

/** Beside what it says of the deployment: `over` resolves when nothing is followed; it never rejects. */
function followInBackground(
  work: MarathonWork,
  deploymentId: string | null,
  signal: AbortSignal,
): Follower & { readonly over: Promise<void> } {
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

/** Whether something that is asked for cannot answer just now, and the last known answer must do. */
export function isAway(err: unknown): err is CarnaError {
  if (!(err instanceof CarnaError)) return false;
  return !err.code.startsWith('CARNA_MARATHON') || isPassing(err);
}
