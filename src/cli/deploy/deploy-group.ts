import type { Locked } from '../../marathon/client/reply.js';
import { isSamePlan } from '../../marathon/deploy/deploy-plan.js';
import type { AppProgress, WatchedApp } from '../../marathon/deploy/app-progress.js';
import { earlierTasksOf } from '../../marathon/deploy/earlier-tasks.js';
import { appsOfGroup } from '../../marathon/deploy/group-apps.js';
import { CarnaError, MarathonAmbiguousError } from '../../util/errors.js';
import { isAgreed } from '../consent.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { deployPlanLines } from '../render/deploy-text.js';
import { uncut } from '../scale/run.js';
import type { DeployFlags } from './deploy-line.js';
import { DeployTeller } from './deploy-teller.js';
import type { GroupFile, GroupLook, LookWish } from './look-at-group.js';
import { isStillSo, lookAtGroup } from './look-at-group.js';
import type { MarathonWork } from './marathon-work.js';
import { orRethrow } from './lost-answer.js';
import { checkLimits, unlessLeft, waitUnlocked } from './wait-unlocked.js';
import type { WatchEnd } from './watch-apps.js';
import { lookAtApps, watchApps } from './watch-apps.js';

/** What is asked of a deploy beyond its file. */
export interface DeployOptions extends LookWish {
  readonly isDryRun: boolean;
  readonly isYes: boolean;
  /** All that was given, for the command that goes on. */
  readonly flags: DeployFlags;
}

/**
 * Brings one group to what the file says and waits until it is there. Asks Marathon for a dry run first, and
 * again just before the change: what was agreed to is what happens. A change is sent once; when its answer is
 * lost, it is looked for before anything else.
 */
export async function deployGroup(
  work: MarathonWork,
  file: GroupFile,
  options: DeployOptions,
): Promise<ExitCode> {
  const tell = new DeployTeller(work, file, options.flags);
  const look = await lookUnlocked(work, file, options, tell);
  if (look === 'late' || look === 'left') return tell.notBegun(look);
  tell.planned(look);
  const { plan, underWay } = look;
  if (plan.changes.length === 0) {
    const [running] = underWay;
    if (running !== undefined && options.isDryRun) return tell.nothing([]);
    if (running === undefined) {
      const open = await unlessLeft(work, readOpen(work, look));
      return open === 'left' ? tell.notBegun(open) : tell.nothing(open);
    }
    return attach(work, look, running, tell);
  }
  if (plan.refusals.length > 0) return tell.refused();
  if (options.isDryRun) return tell.dryRun();
  if (!(await isDeployAgreed(work, look, options))) {
    work.context.printError('nothing was changed');
    return EXIT.no;
  }
  return put(work, file, options, look, tell);
}

/** Follows the deployment that is under way already. */
async function attach(
  work: MarathonWork,
  look: GroupLook,
  deploymentId: string,
  tell: DeployTeller,
): Promise<ExitCode> {
  tell.begun('attached', deploymentId);
  const end = await watchToEnd(work, tell, deploymentId, heldApps(look));
  const open = end === 'done' ? await readOpen(work, look) : [];
  return open.length > 0 ? tell.nothing(open) : tell.ended(end, deploymentId);
}

/** Sends the change, as long as it is still the one that was agreed to; waits for others' locks. */
async function put(
  work: MarathonWork,
  file: GroupFile,
  options: DeployOptions,
  agreed: GroupLook,
  tell: DeployTeller,
): Promise<ExitCode> {
  for (;;) {
    const now = await lookUnlocked(work, file, options, tell);
    if (now === 'late' || now === 'left') return tell.notBegun(now);
    if (!isSamePlan(now.plan, agreed.plan)) return tell.changedMeanwhile();
    const watched = await unlessLeft(work, readWatched(work, now));
    if (watched === 'left') return tell.notBegun(watched);
    // Since the look's first reading seconds may have passed: a count that somebody changed is not sent back.
    const isCurrent = await unlessLeft(work, isStillSo(work, now));
    const limits = checkLimits(work);
    if (limits !== 'free') return tell.notBegun(limits);
    if (!isCurrent) continue;
    const sent = await send(work, file, options, now);
    if (sent.kind === 'locked') {
      tell.locked(sent.deploymentIds);
      const unlocked = await waitUnlocked(work, sent.deploymentIds);
      if (unlocked !== 'free') return tell.notBegun(unlocked);
      continue;
    }
    tell.begun('started', sent.deploymentId);
    return finish(work, tell, sent.deploymentId, watched);
  }
}

type Sent = { readonly kind: 'started'; readonly deploymentId: string | null } | Locked;

async function send(
  work: MarathonWork,
  file: GroupFile,
  options: DeployOptions,
  look: GroupLook,
): Promise<Sent> {
  try {
    return await work.marathon.putGroup(look.groupId, look.body, uncut);
  } catch (err) {
    if (!(err instanceof MarathonAmbiguousError)) throw err;
    const found = await orRethrow(err, lookAtGroup({ ...work, stop: uncut }, file, options));
    if (found.kind === 'locked') return found;
    if (found.plan.changes.length > 0) throw err;
    // What was under way before holds apps that this change leaves alone.
    const deploymentId = found.underWay.find((id) => !look.underWay.includes(id)) ?? null;
    return { kind: 'started', deploymentId };
  }
}

/** The look, once no deployment holds an app that would change. */
async function lookUnlocked(
  work: MarathonWork,
  file: GroupFile,
  options: DeployOptions,
  tell: DeployTeller,
): Promise<GroupLook | 'late' | 'left'> {
  for (;;) {
    const look = await unlessLeft(work, lookAtGroup(work, file, options));
    if (look === 'left') return look;
    const holding = look.kind === 'locked' ? look.deploymentIds : holdersOf(look);
    if (look.kind === 'look' && (holding.length === 0 || options.isDryRun)) return look;
    tell.locked(holding);
    const unlocked = await waitUnlocked(work, holding);
    if (unlocked !== 'free') return unlocked;
  }
}

function holdersOf({ plan, present }: GroupLook): readonly string[] {
  const changed = present.filter(({ id }) => plan.changes.some(({ appId }) => appId === id));
  return [...new Set(changed.flatMap(({ deploymentIds }) => deploymentIds))];
}

/** A first deploy takes nothing away: nobody is asked. */
async function isDeployAgreed(
  work: MarathonWork,
  { groupId, plan, notes }: GroupLook,
  { isYes }: DeployOptions,
): Promise<boolean> {
  const { context, isJson } = work;
  if (plan.changes.every(({ did }) => did === 'start')) return true;
  return isAgreed(context, {
    verb: 'deploy',
    warning: () => (isYes ? [] : deployPlanLines(groupId, plan, notes, context.paint).slice(0, 1)),
    question: `Deploy ${groupId}? [y/N] `,
    isYes,
    isJson,
  });
}

/** What is watched of somebody's deployment: the apps that it holds. */
function heldApps({ body, present }: GroupLook): readonly WatchedApp[] {
  const held = present.filter(({ deploymentIds }) => deploymentIds.length > 0);
  return held.map(({ id }) => {
    const role = appsOfGroup(body).find((app) => app.id === id)?.role ?? null;
    return { appId: id, role, oldTaskIds: [], isRemoved: false };
  });
}

/** Apps that are not where the file wants them although Marathon holds it, as after a restart ended half-way. */
async function readOpen(work: MarathonWork, { body }: GroupLook): Promise<readonly AppProgress[]> {
  const watched: WatchedApp[] = [];
  for (const { id: appId, role } of appsOfGroup(body)) {
    const app = await work.marathon.readApp(appId, work.stop);
    const oldTaskIds = app === undefined ? [] : earlierTasksOf(app);
    watched.push({ appId, role, oldTaskIds, isRemoved: false });
  }
  return (await lookAtApps(work, watched)).filter(({ isDone }) => !isDone);
}

/** What is to be watched, with the tasks that must be gone in the end: read before the change is sent. */
async function readWatched(
  { marathon, stop }: MarathonWork,
  { plan }: GroupLook,
): Promise<readonly WatchedApp[]> {
  const watched: WatchedApp[] = [];
  for (const { appId, role, did } of plan.changes) {
    const isReplaced = did === 'restart' || did === 'stop';
    const now = isReplaced ? await marathon.readApp(appId, stop) : undefined;
    const oldTaskIds = (now?.tasks ?? []).map(({ id }) => id);
    watched.push({ appId, role, oldTaskIds, isRemoved: did === 'stop' });
  }
  return watched;
}

async function finish(
  work: MarathonWork,
  tell: DeployTeller,
  deploymentId: string | null,
  watched: readonly WatchedApp[],
): Promise<ExitCode> {
  return tell.ended(await watchToEnd(work, tell, deploymentId, watched), deploymentId);
}

/** Watches to the end; when an error ends the watching, it is said before that Marathon goes on. */
async function watchToEnd(
  work: MarathonWork,
  tell: DeployTeller,
  deploymentId: string | null,
  watched: readonly WatchedApp[],
): Promise<WatchEnd> {
  try {
    return await watchApps(work, deploymentId, watched, (look) => tell.progress(look));
  } catch (err) {
    if (err instanceof CarnaError) tell.ended('left', deploymentId);
    throw err;
  }
}
