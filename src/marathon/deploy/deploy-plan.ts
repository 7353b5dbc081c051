import type { Role } from '../../topology/node.js';
import type { MarathonApp, Step } from '../client/answers.js';
import type { AppWanted } from './group-apps.js';
import { nameOfApp } from './group-apps.js';

/** The nodes of an app that are in service, and the calls on them. */
export interface AtStake {
  /** Tasks that run by Marathon's word, whatever the registry says. */
  readonly tasks: number;
  /** Up or draining: they take calls or have some. */
  readonly nodes: number;
  /** On those whose agents said. */
  readonly calls: number;
  /** Nodes whose agents did not say. */
  readonly unread: number;
}

/** What Marathon would do to one app. */
export type AppChange = {
  readonly appId: string;
  /** Null: no SIP node, or not known. */
  readonly role: Role | null;
  readonly atStake: AtStake;
} & (
  | { readonly did: 'start'; readonly instances: number }
  | { readonly did: 'scale'; readonly from: number; readonly to: number }
  /** All tasks are replaced; `atOnce` of them may be away at a time. */
  | { readonly did: 'restart'; readonly instances: number; readonly atOnce: number }
  /** The app is removed with all its tasks. */
  | { readonly did: 'stop'; readonly instances: number }
);

/** What the operator asked for beyond the file. */
export interface DeployWish {
  /** Restart apps whose nodes run. */
  readonly mayRestart: boolean;
  /** Remove apps that the group no longer names. */
  readonly mayRemove: boolean;
}

/** Why a change is refused, and the command that does it right. */
export interface DeployRefusal {
  readonly appId: string;
  readonly why: string;
  readonly next: string;
}

/** What a deploy would do, in the order in which Marathon does it. */
export interface DeployPlan {
  readonly changes: readonly AppChange[];
  readonly refusals: readonly DeployRefusal[];
}

/** What the plan is made of. */
export interface DeployFacts {
  readonly wanted: readonly AppWanted[];
  readonly present: readonly MarathonApp[];
  /** Marathon's own answer to the dry run. */
  readonly steps: readonly Step[];
  readonly atStake: (appId: string) => AtStake;
  /** The role of an app that the file does not name, as far as its nodes tell. */
  readonly roleOf: (appId: string) => Role | null;
  /** How the operator calls the file in a command. */
  readonly file: string;
}

/**
 * What would happen to each app, and what of it is refused: restarts of nodes that run, removals, and fewer
 * instances by a definition. Marathon's dry run decides what is a change, so that what it normalises is none.
 *
 * Pure. An action that is not known counts as a restart.
 */
export function deriveDeployPlan(facts: DeployFacts, wish: DeployWish): DeployPlan {
  const actions = new Map<string, Set<string>>();
  for (const { action, app } of facts.steps.flat()) {
    if (app === null) continue;
    actions.set(app, (actions.get(app) ?? new Set()).add(action));
  }
  const changes = [...actions].flatMap(([appId, acts]) => changeOf(appId, acts, facts));
  return { changes, refusals: changes.flatMap((change) => refusalsOf(change, facts, wish)) };
}

/**
 * How many tasks Marathon takes away at once when it replaces those of an app with so many instances; 0: it
 * starts a new one first. Pure.
 */
export function tasksAtOnce(instances: number, upgradeStrategy: unknown): number {
  const { minimumHealthCapacity: health, maximumOverCapacity: over } = {
    minimumHealthCapacity: 1,
    maximumOverCapacity: 1,
    ...(upgradeStrategy as Readonly<Record<string, unknown>> | null | undefined),
  };
  const minimum = typeof health === 'number' ? Math.ceil(instances * health) : instances;
  const extra = typeof over === 'number' ? Math.floor(instances * over) : instances;
  // What may start beside those that run is soon ready together, and as many old ones go together.
  return Math.max(0, instances - minimum, instances - minimum === 0 ? extra : 0);
}

/** Whether two plans do the same to the same apps; the calls of the moment do not count. Pure. */
export function isSamePlan(one: DeployPlan, other: DeployPlan): boolean {
  const key = ({ changes }: DeployPlan): string =>
    JSON.stringify(changes.map((change) => ({ ...change, atStake: null })));
  return key(one) === key(other);
}

function changeOf(appId: string, acts: ReadonlySet<string>, facts: DeployFacts): AppChange[] {
  const wanted = facts.wanted.find(({ id }) => id === appId);
  const present = facts.present.find(({ id }) => id === appId);
  const role = wanted?.role ?? facts.roleOf(appId);
  const base = { appId, role, atStake: facts.atStake(appId) };
  const from = present?.instances ?? 0;
  const to = wanted?.instances ?? 0;
  if (acts.has('StopApplication')) return [{ ...base, did: 'stop', instances: from }];
  if (acts.has('StartApplication')) return [{ ...base, did: 'start', instances: to }];
  const isScale = [...acts].every((action) => action === 'ScaleApplication');
  if (isScale && from === to) return [];
  if (isScale) return [{ ...base, did: 'scale', from, to }];
  const atOnce = tasksAtOnce(to, wanted?.definition['upgradeStrategy']);
  return [{ ...base, did: 'restart', instances: to, atOnce }];
}

function refusalsOf(change: AppChange, facts: DeployFacts, wish: DeployWish): DeployRefusal[] {
  const { appId, atStake } = change;
  const name = change.role ?? nameOfApp(appId);
  const before = facts.present.find(({ id }) => id === appId)?.instances ?? 0;
  const found: DeployRefusal[] = [];
  if (change.did === 'stop' && change.instances > 0 && !wish.mayRemove) {
    const why = `${appId} is not in the file: Marathon would remove it with its ${change.instances} tasks`;
    found.push({
      appId,
      why,
      next: `put it into the file, or: carna deploy ${facts.file} --remove`,
    });
  }
  // Tasks that are not in service by the registry may have calls all the same.
  const isAtStake = atStake.nodes > 0 || (change.role !== null && atStake.tasks > 0);
  if (change.did === 'restart' && isAtStake && !wish.mayRestart) {
    const why = `${appId} would restart its ${countOf(atStake)}`;
    const next = `carna rollout ${name} ${facts.file}, or: carna deploy ${facts.file} --restart`;
    found.push({ appId, why, next });
  }
  const after = change.did === 'scale' ? change.to : change.instances;
  if (change.did !== 'stop' && after < before) {
    const why = `${appId} would go from ${before} to ${after} instances, and Marathon would choose whom to kill`;
    found.push({ appId, why, next: `carna scale ${name} ${after}` });
  }
  return found;
}

function countOf({ tasks, nodes, calls, unread }: AtStake): string {
  if (nodes === 0) {
    const running = tasks === 1 ? '1 task' : `${tasks} tasks`;
    return `${running}, none of them in service by the registry (calls not known)`;
  }
  const noun = nodes === 1 ? '1 node' : `${nodes} nodes`;
  const unknown = unread === 0 ? '' : `, on ${unread} of them not known`;
  return `${noun} in service (${calls === 1 ? '1 call' : `${calls} calls`} now${unknown})`;
}
