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

/** A rollout that is to be ended. */
export interface Ending {
  readonly appId: string;
  readonly deploymentId: string;
  readonly onWorse: OnWorse;
}

/** Ends a deployment. To end it twice does no harm, so that a lost answer is followed by another try. */
export async function endRollout(work: MarathonWork, ending: Ending): Promise<RolloutEnded> {
  const { deploymentId, onWorse } = ending;
  const { marathon, context } = work;
  // Ctrl-C must not leave it open whether a worse version goes on.
  const never = new AbortController().signal;
  let why = '';
  let isLost = false;
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      const isForced = onWorse === 'stop';
      const ended = endedBy(await marathon.cancelDeployment(deploymentId, isForced, never));
      if (!isLost || ended.kind !== 'over') return ended;
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      why = err.message;
      isLost ||= err instanceof MarathonAmbiguousError;
    }
    const ended = isLost ? await readEnded(work, ending, never) : null;
    if (ended !== null) return ended;
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

/** What became of it, after an answer that was lost; null: it goes on, or that cannot be seen. */
async function readEnded(
  { marathon }: MarathonWork,
  { appId, deploymentId, onWorse }: Ending,
  signal: AbortSignal,
): Promise<RolloutEnded | null> {
  try {
    const deployments = await marathon.readDeployments(signal);
    if (deployments.some(({ id }) => id === deploymentId)) return null;
    if (onWorse === 'stop') return { kind: 'stopped' };
    // The app was held until now: what restarts it is the roll-back.
    const rollBack = deployments.find(({ restartedApps, affectedApps }) =>
      (restartedApps ?? affectedApps).includes(appId),
    );
    return rollBack === undefined
      ? { kind: 'over' }
      : { kind: 'rolling-back', deploymentId: rollBack.id };
  } catch (err) {
    if (err instanceof CarnaError) return null;
    throw err;
  }
}
