import type { Change } from '../../marathon/client/reply.js';
import { earlierTasksOf } from '../../marathon/deploy/earlier-tasks.js';
import { isSameState } from '../../marathon/deploy/same-state.js';
import { CarnaError, MarathonAmbiguousError } from '../../util/errors.js';
import { isAgreed } from '../consent.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import type { MarathonWork } from '../deploy/marathon-work.js';
import { orRethrow } from '../deploy/lost-answer.js';
import { checkLimits, unlessLeft, waitUnlocked } from '../deploy/wait-unlocked.js';
import { uncut } from '../scale/run.js';
import { closeRollout } from './close-rollout.js';
import type { OnWorse } from './end-rollout.js';
import type { RolloutEnd } from './follow-rollout.js';
import { followRollout } from './follow-rollout.js';
import type { RolloutOutlook, RolloutPlan, RolloutWish } from './plan-rollout.js';
import { oldTasksOf, planRollout } from './plan-rollout.js';
import type { RolloutTeller } from './rollout-teller.js';

/** What is asked of a rollout beyond its file. */
export interface RolloutOptions extends RolloutWish {
  readonly onWorse: OnWorse;
  readonly readyMs: number;
  readonly isForced: boolean;
  readonly isDryRun: boolean;
  readonly isYes: boolean;
}

/**
 * Replaces the nodes of one app, one by one, and stops when the new version is worse. Follows the rollout that is
 * under way already when it leads to the same. A change is sent once; when its answer is lost, it is looked for.
 */
export async function rolloutRole(
  work: MarathonWork,
  options: RolloutOptions,
  tell: RolloutTeller,
): Promise<ExitCode> {
  const outlook = await planUnlocked(work, options, tell);
  if (outlook === 'late' || outlook === 'left') return tell.notBegun(outlook);
  switch (outlook.kind) {
    case 'unknown': {
      const line = `Marathon has no ${options.appId}. Bring it up first: carna deploy FILE`;
      tell.say({ did: 'unknown-app' }, [line]);
      return EXIT.no;
    }
    case 'nothing':
      return tell.nothing(outlook.app.tasks.length, earlierTasksOf(outlook.app));
    case 'under-way': {
      const { deploymentId, look } = outlook;
      tell.say({ did: 'attached', deploymentId }, [`Following deployment ${deploymentId}.`]);
      return follow(work, options, tell, deploymentId, oldTasksOf(look.app), look.role);
    }
    case 'plan':
      return begin(work, options, tell, outlook);
  }
}

async function begin(
  work: MarathonWork,
  options: RolloutOptions,
  tell: RolloutTeller,
  plan: RolloutPlan,
): Promise<ExitCode> {
  const { appId, isForced, isDryRun, isYes } = options;
  tell.planned(plan);
  if (plan.blocks.length > 0 && !isForced) {
    tell.say({ did: 'refused' }, ['Nothing was changed. When it must be: --force']);
    return EXIT.held;
  }
  if (isDryRun) {
    tell.say({ did: 'dry-run' }, ['Nothing was changed (--dry-run).']);
    return EXIT.done;
  }
  const agreed = await isAgreed(work.context, {
    verb: 'rollout',
    warning: () => [],
    question: `Roll out ${appId}? [y/N] `,
    isYes,
    isJson: work.isJson,
  });
  if (agreed) return send(work, options, tell, plan);
  work.context.printError('nothing was changed');
  return EXIT.no;
}

/** Sends the change while it still is the one that was agreed to: looked at again just before. */
async function send(
  work: MarathonWork,
  options: RolloutOptions,
  tell: RolloutTeller,
  agreed: RolloutPlan,
): Promise<ExitCode> {
  for (;;) {
    const now = await planUnlocked(work, options, tell);
    if (now === 'late' || now === 'left') return tell.notBegun(now);
    const isBlocked = now.kind === 'plan' && now.blocks.length > 0 && !options.isForced;
    if (now.kind !== 'plan' || isBlocked || keyOf(now) !== keyOf(agreed)) {
      if (now.kind === 'plan') tell.planned(now);
      const line = `It changed meanwhile: nothing was changed. Next: ${tell.again}`;
      tell.say({ did: 'changed-meanwhile' }, [line]);
      return isBlocked ? EXIT.held : EXIT.no;
    }
    // Since the look seconds may have passed: a count that somebody changed is not sent back.
    const app = await unlessLeft(work, work.marathon.readApp(options.appId, work.stop));
    if (app === 'left') return tell.notBegun(app);
    const limits = checkLimits(work);
    if (limits !== 'free') return tell.notBegun(limits);
    if (app === undefined || !isSameState([app], [now.look.app])) continue;
    const oldTaskIds = app.tasks.map(({ id }) => id);
    const sent = await sendOnce(work, options, now);
    if (sent.kind === 'locked') {
      tellLocked(tell, sent.deploymentIds);
      const unlocked = await waitUnlocked(work, sent.deploymentIds);
      if (unlocked !== 'free') return tell.notBegun(unlocked);
      continue;
    }
    const { deploymentId } = sent;
    tell.say({ did: 'started', deploymentId }, [`Deployment ${deploymentId}.`]);
    return follow(work, options, tell, deploymentId, oldTaskIds, now.look.role);
  }
}

async function sendOnce(
  { marathon }: MarathonWork,
  { appId }: RolloutOptions,
  { change, look }: RolloutPlan,
): Promise<
  Pick<Change & { kind: 'started' }, 'kind' | 'deploymentId'> | (Change & { kind: 'locked' })
> {
  try {
    switch (change.kind) {
      case 'put':
        return await marathon.putApp(appId, change.definition, uncut);
      case 'update':
        return await marathon.updateApp(appId, change.update, uncut);
      case 'restart':
        return await marathon.restartApp(appId, uncut);
    }
  } catch (err) {
    if (!(err instanceof MarathonAmbiguousError)) throw err;
    const app = await orRethrow(err, marathon.readApp(appId, uncut));
    const [deploymentId] = app?.deploymentIds ?? [];
    // Nothing held the app just before: what holds it now, with a new version, is ours.
    if (deploymentId === undefined || app?.version === look.app.version) throw err;
    return { kind: 'started', deploymentId };
  }
}

async function follow(
  work: MarathonWork,
  { appId, onWorse, readyMs }: RolloutOptions,
  tell: RolloutTeller,
  deploymentId: string,
  oldTaskIds: readonly string[],
  role: RolloutPlan['look']['role'],
): Promise<ExitCode> {
  tell.watch(oldTaskIds);
  const run = { appId, role, deploymentId, oldTaskIds, readyMs };
  const closing = { appId, deploymentId, onWorse };
  let end: RolloutEnd;
  try {
    end = await followRollout(work, run, tell);
  } catch (err) {
    // Whatever ended the watching, Marathon goes on.
    if (err instanceof CarnaError) await closeRollout(work, tell, closing, { kind: 'left' });
    throw err;
  }
  return closeRollout(work, tell, closing, end);
}

/** What there is to do, once nobody else's deployment holds the app. */
async function planUnlocked(
  work: MarathonWork,
  options: RolloutOptions,
  tell: RolloutTeller,
): Promise<Exclude<RolloutOutlook, { kind: 'locked' }> | 'late' | 'left'> {
  for (;;) {
    const outlook = await unlessLeft(work, planRollout(work, options));
    if (outlook === 'left') return outlook;
    if (outlook.kind !== 'locked') return outlook;
    tellLocked(tell, outlook.deploymentIds);
    const unlocked = await waitUnlocked(work, outlook.deploymentIds);
    if (unlocked !== 'free') return unlocked;
  }
}

function tellLocked(tell: RolloutTeller, deploymentIds: readonly string[]): void {
  const names = deploymentIds.length === 0 ? 'a deployment' : deploymentIds.join(', ');
  tell.say({ did: 'locked', deploymentIds }, [`Waiting for ${names} to end.`]);
}

/** What was agreed to: the change and the nodes that it replaces. */
function keyOf({ change, look: { app } }: RolloutPlan): string {
  return JSON.stringify([change, app.version, app.instances]);
}
