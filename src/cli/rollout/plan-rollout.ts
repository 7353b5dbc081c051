import type { DrainLimits } from '../../topology/drain-check.js';
import type { Role } from '../../topology/node.js';
import { ROLES } from '../../topology/node.js';
import { DEFAULT_WIRING } from '../../topology/wiring.js';
import type { MarathonApp } from '../../marathon/client/answers.js';
import { findDifferences } from '../../marathon/deploy/differences.js';
import type { AppWanted, Definition } from '../../marathon/deploy/group-apps.js';
import type { Blocks } from '../../marathon/rollout/find-blocks.js';
import { findBlocks } from '../../marathon/rollout/find-blocks.js';
import type { Pace } from '../../marathon/rollout/pace.js';
import { paceOf } from '../../marathon/rollout/pace.js';
import type { RolloutLook } from '../../marathon/rollout/rollout-look.js';
import { MarathonRefusedError } from '../../util/errors.js';
import { readLoads } from '../load-reader.js';
import { readFresh } from '../own-drains.js';
import { lookAtRollout } from './look-at-rollout.js';
import type { MarathonWork } from '../deploy/marathon-work.js';

/** What is asked of a rollout. */
export interface RolloutWish {
  readonly appId: string;
  /** Null: a restart with the present definition. */
  readonly wanted: AppWanted | null;
  readonly batch: number;
  readonly limits: DrainLimits;
}

/** How the restart is asked of Marathon. */
export type RolloutChange =
  | { readonly kind: 'put'; readonly definition: Definition }
  /** The restart is the change of the strategy itself: Marathon replaces all tasks for it. */
  | { readonly kind: 'update'; readonly update: Definition }
  | { readonly kind: 'restart' };

/** A rollout as it would be done now. */
export interface RolloutPlan {
  readonly kind: 'plan';
  readonly look: RolloutLook;
  readonly pace: Pace;
  readonly change: RolloutChange;
  /** Places in which the file differs from what Marathon holds. */
  readonly differences: readonly string[];
  /** Why the role cannot spare a node. */
  readonly blocks: readonly string[];
  /** Nodes that are out of service already; they are replaced first. */
  readonly broken: readonly string[];
  /** Calls on the app's nodes now, as far as their agents said. */
  readonly calls: number;
  /** A drain is cut after so long. */
  readonly graceMs: number;
}

/** What there is to do. */
export type RolloutOutlook =
  | RolloutPlan
  | { readonly kind: 'unknown' }
  /** Marathon holds that definition already; whether all tasks run it is another matter. */
  | { readonly kind: 'nothing'; readonly app: MarathonApp }
  /** A rollout to the same end is under way. */
  | {
      readonly kind: 'under-way';
      readonly deploymentId: string;
      readonly look: RolloutLook;
      readonly graceMs: number;
    }
  | { readonly kind: 'locked'; readonly deploymentIds: readonly string[] };

/** Agents that are asked for their calls. */
const MAX_ASKED = 1_000;
/** Marathon's own, where a definition says none. */
const DEFAULT_GRACE_S = 5;

/**
 * Looks at the app, asks Marathon by a dry run whether the file is a change, and what can be spared. Throws
 * RegistryNotSentError while that would be judged by an old registry.
 */
export async function planRollout(work: MarathonWork, wish: RolloutWish): Promise<RolloutOutlook> {
  const { marathon, stop } = work;
  const { appId, wanted } = wish;
  const present = await marathon.readDefinition(appId, stop);
  const look = present && (await lookAtRollout(work, appId, roleOf(wanted?.definition ?? present)));
  if (present === undefined || look === undefined) return { kind: 'unknown' };
  const own = wanted?.definition['upgradeStrategy'] ?? present['upgradeStrategy'];
  const definition = wanted && { ...wanted.definition, instances: look.app.instances };
  const isChange = definition === null || (await isAChange(work, appId, definition, present));
  const grace = (wanted?.definition ?? present)['taskKillGracePeriodSeconds'];
  const graceMs = (typeof grace === 'number' ? grace : DEFAULT_GRACE_S) * 1_000;
  if (look.app.deploymentIds.length > 0) {
    const same = definition === null || !isChange;
    return underWayOrLocked(work, look, same, graceMs);
  }
  if (!isChange) return { kind: 'nothing', app: look.app };
  const checks = present['healthChecks'];
  const hasChecks = Array.isArray(checks) && checks.length > 0;
  const { healthy, ...spare } = await readSpare(work, wish, look, hasChecks);
  const pace = paceOf({ instances: look.app.instances, healthy }, wish.batch, own);
  const change = changeOf(definition, pace);
  const differences = wanted === null ? [] : findDifferences(wanted.definition, present);
  return { kind: 'plan', look, pace, change, differences, graceMs, ...spare };
}

function changeOf(definition: Definition | null, pace: Pace): RolloutChange {
  const { isOwn, strategy: upgradeStrategy } = pace;
  if (definition === null) {
    return isOwn ? { kind: 'restart' } : { kind: 'update', update: { upgradeStrategy } };
  }
  return { kind: 'put', definition: { ...definition, upgradeStrategy } };
}

function roleOf(definition: Definition): Role | null {
  const env = definition['env'];
  const said = typeof env === 'object' && env !== null ? (env as Definition)['CARNA_ROLE'] : null;
  return ROLES.find((role) => role === said) ?? null;
}

/**
 * Marathon's own word, so that what it normalises is no change; the strategy is what an earlier rollout may have
 * left. The dry run names one app of the group: what it says of the others is of no interest here.
 */
async function isAChange(
  { marathon, stop }: MarathonWork,
  appId: string,
  definition: Definition,
  present: Definition,
): Promise<boolean> {
  const group = appId.slice(0, appId.lastIndexOf('/'));
  const upgradeStrategy = present['upgradeStrategy'] ?? definition['upgradeStrategy'];
  const app = { ...definition, id: appId, upgradeStrategy };
  try {
    const planned = await marathon.planGroup(group, { id: group, apps: [app] }, stop);
    if (planned.kind === 'locked') return findDifferences(app, present).length > 0;
    return planned.steps.flat().some((step) => {
      return step.app === appId && step.action !== 'ScaleApplication';
    });
  } catch (err) {
    // Others of the group may need what a group of one app does not have.
    if (!(err instanceof MarathonRefusedError)) throw err;
    return findDifferences(app, present).length > 0;
  }
}

async function underWayOrLocked(
  { marathon, stop }: MarathonWork,
  look: RolloutLook,
  isSame: boolean,
  graceMs: number,
): Promise<RolloutOutlook> {
  const { id, deploymentIds } = look.app;
  const deployments = await marathon.readDeployments(stop);
  const restart = deployments.find(
    (one) => deploymentIds.includes(one.id) && one.restartedApps?.includes(id) === true,
  );
  if (restart === undefined || !isSame) return { kind: 'locked', deploymentIds };
  return { kind: 'under-way', deploymentId: restart.id, look, graceMs };
}

async function readSpare(
  { data }: MarathonWork,
  { limits, batch }: RolloutWish,
  look: RolloutLook,
  hasChecks: boolean,
): Promise<Blocks & Pick<RolloutPlan, 'calls'>> {
  const { app, role } = look;
  const { nodes, intents } = await readFresh(data);
  // A node that went since the look is one no longer.
  const own = new Map([...look.nodes].filter(([, { record }]) => nodes.has(record.nodeId)));
  const peers = new Map([...nodes].filter(([, { record }]) => record.role === role));
  const calls = await readLoads(data, peers, MAX_ASKED);
  const atOnce = Math.min(batch, app.instances);
  const input = { app, role, own, nodes, intents, calls, limits, atOnce, hasChecks };
  const ours = [...own.values()].map(({ record }) => calls.get(record.nodeId) ?? 0);
  return {
    ...findBlocks({ ...input, wiring: DEFAULT_WIRING }),
    calls: ours.reduce((sum, count) => sum + count, 0),
  };
}

/** Tasks that a rollout under way has still to replace: those of an earlier version than the app's. Pure. */
export function oldTasksOf({ tasks, version }: MarathonApp): readonly string[] {
  return tasks.filter((task) => task.version !== version).map(({ id }) => id);
}
