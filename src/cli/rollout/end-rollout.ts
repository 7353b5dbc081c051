import type { Cancelled } from '../../marathon/client/marathon-client.js';
import { FOLLOW_POLL_MS, followDeployment } from '../../marathon/follow-deployment.js';
import { CarnaError, MarathonAmbiguousError } from '../../util/errors.js';
import { leftMs } from '../deploy/marathon-work.js';
import type { MarathonWork } from '../deploy/marathon-work.js';

/** What is done with a rollout whose new version is worse. */
export type OnWorse = 'stop' | 'roll-back';

/** How a rollout was ended. */
export type RolloutEnded =
  /** It stopped where it stood. */
  | { readonly kind: 'stopped' }
  /** Marathon brings the earlier definition back. */
  | { readonly kind: 'rolling-back'; readonly deploymentId: string }
  /** There was nothing to end any more. */
  | { readonly kind: 'over' }
  /** It could not be ended, for that reason. */
  | { readonly kind: 'not-ended'; readonly why: string };

const TRIES = 3;
const PAUSE_MS = 1_000;

/** Ends a deployment. To end it twice does no harm, so that a lost answer is followed by another try. */
export async function endRollout(
  work: MarathonWork,
  deploymentId: string,
  how: OnWorse,
): Promise<RolloutEnded> {
  const { marathon, context } = work;
  // Ctrl-C must not leave it open whether a worse version goes on.
  const never = new AbortController().signal;
  let why = '';
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      const isForced = how === 'stop';
      return endedBy(await marathon.cancelDeployment(deploymentId, isForced, never));
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      why = err.message;
      if (err instanceof MarathonAmbiguousError && (await isGone(work, deploymentId, never))) {
        return { kind: how === 'stop' ? 'stopped' : 'over' };
      }
    }
    await context.wait(PAUSE_MS, never);
  }
  return { kind: 'not-ended', why };
}

/** Waits until the roll-back is over; false when it goes on after the deadline or the operator left. */
export async function awaitRollBack(work: MarathonWork, deploymentId: string): Promise<boolean> {
  const { source, context, stop } = work;
  const timing = { deadlineMs: leftMs(work), pollMs: FOLLOW_POLL_MS };
  const end = await followDeployment(source, context, deploymentId, timing, () => undefined, stop);
  return end.kind === 'succeeded' || end.kind === 'vanished';
}

function endedBy(cancelled: Cancelled): RolloutEnded {
  switch (cancelled.kind) {
    case 'stopped':
      return { kind: 'stopped' };
    case 'rolling-back':
      return { kind: 'rolling-back', deploymentId: cancelled.deploymentId };
    case 'unknown':
      return { kind: 'over' };
    case 'locked':
      return { kind: 'not-ended', why: cancelled.message };
  }
}

async function isGone(
  { marathon }: MarathonWork,
  deploymentId: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return !(await marathon.readDeployments(signal)).some(({ id }) => id === deploymentId);
  } catch (err) {
    if (err instanceof CarnaError) return false;
    throw err;
  }
}
