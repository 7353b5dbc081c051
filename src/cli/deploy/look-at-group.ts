import type { MarathonApp, Step } from '../../marathon/client/answers.js';
import type { Locked } from '../../marathon/client/reply.js';
import type { AtStake, DeployPlan, DeployWish } from '../../marathon/deploy/deploy-plan.js';
import { deriveDeployPlan } from '../../marathon/deploy/deploy-plan.js';
import { findDifferences } from '../../marathon/deploy/differences.js';
import type { Definition } from '../../marathon/deploy/group-apps.js';
import { appsOfGroup, groupIdOf, mapApps } from '../../marathon/deploy/group-apps.js';
import { isSameState } from '../../marathon/deploy/same-state.js';
import type { NodeRecord } from '../../topology/node.js';
import { readLoads } from '../load-reader.js';
import type { OperatorData, TopologyData } from '../operator-data.js';
import type { MarathonWork } from './marathon-work.js';

/** A group's definition from a file. */
export interface GroupFile {
  readonly file: string;
  readonly definition: Definition;
}

/** What is asked beyond the files. */
export interface LookWish extends DeployWish {
  /** Take the numbers of instances from the file also for apps that exist; else what runs is kept. */
  readonly takesInstances: boolean;
}

/** A group as it would be put, and what that would do. */
export interface GroupLook {
  readonly kind: 'look';
  readonly groupId: string;
  readonly body: Definition;
  readonly plan: DeployPlan;
  /** For people. */
  readonly notes: readonly string[];
  /** Of the apps in the file or its group: as they are now. */
  readonly present: readonly MarathonApp[];
  /** Deployments that hold one of them. */
  readonly underWay: readonly string[];
}

/** Agents that are asked for their calls before a change. */
const MAX_ASKED = 1_000;

/**
 * Asks Marathon, by a dry run, what putting the group would do now. An app that exists keeps its number of
 * instances, which somebody may have scaled, and its upgradeStrategy where nothing else differs: Marathon would
 * restart all its nodes to change how it restarts them.
 */
export async function lookAtGroup(
  work: MarathonWork,
  { file, definition }: GroupFile,
  wish: LookWish,
): Promise<GroupLook | Locked> {
  const { data } = work;
  const groupId = groupIdOf(definition);
  const present = await readPresent(work, definition);
  const counted = withInstances(definition, present, wish);
  const settled = await settleStrategies(work, groupId, counted);
  if (settled.kind === 'locked') return settled;
  const { body, steps, notes } = settled;
  const topology = await data.readTopology();
  const wanted = appsOfGroup(body);
  const stakes = await readStakes(data, topology);
  const plan = deriveDeployPlan(
    {
      wanted,
      present,
      steps,
      file,
      atStake: (appId) => ({
        ...(stakes.get(appId) ?? NOTHING),
        tasks: present.find(({ id }) => id === appId)?.tasksRunning ?? 0,
      }),
      roleOf: (appId) => nodesOf(topology, appId)[0]?.role ?? null,
    },
    wish,
  );
  const reasons = await readReasons(work, plan, body);
  const underWay = [...new Set(present.flatMap((app) => app.deploymentIds))];
  return { kind: 'look', groupId, body, plan, notes: [...notes, ...reasons], present, underWay };
}

/** Whether the apps are still as the look found them; asked just before a change. */
export async function isStillSo(
  work: MarathonWork,
  { body, present }: GroupLook,
): Promise<boolean> {
  return isSameState(await readPresent(work, body), present);
}

/** The apps of the group, in the file or in Marathon, as they are now. */
async function readPresent(
  { marathon, stop }: MarathonWork,
  definition: Definition,
): Promise<readonly MarathonApp[]> {
  const groupId = groupIdOf(definition);
  const ids = new Set(appsOfGroup(definition).map(({ id }) => id));
  const all = await marathon.readApps(stop);
  return all.filter(({ id }) => ids.has(id) || id.startsWith(`${groupId}/`));
}

/** Nodes of an app by their own word. */
export function nodesOf(topology: TopologyData, appId: string): readonly NodeRecord[] {
  return [...topology.nodes.values()]
    .map(({ record }) => record)
    .filter(({ marathon }) => marathon?.appId === appId);
}

/** What the registry and the agents know to be at stake. */
type Registered = Omit<AtStake, 'tasks'>;

/** Nodes in service and their calls, by app. */
export async function readStakes(
  data: Pick<OperatorData, 'readAgentHealth'>,
  topology: TopologyData,
): Promise<ReadonlyMap<string, Registered>> {
  const loads = await readLoads(data, topology.nodes, MAX_ASKED);
  const stakes = new Map<string, Registered>();
  for (const { record } of topology.nodes.values()) {
    if (record.marathon === null) continue;
    if (record.state !== 'up' && record.state !== 'draining') continue;
    const { nodes, calls, unread } = stakes.get(record.marathon.appId) ?? NOTHING;
    const load = loads.get(record.nodeId);
    stakes.set(record.marathon.appId, {
      nodes: nodes + 1,
      calls: calls + (load ?? 0),
      unread: unread + (load === undefined ? 1 : 0),
    });
  }
  return stakes;
}

const NOTHING: Registered = { nodes: 0, calls: 0, unread: 0 };

function withInstances(
  definition: Definition,
  present: readonly MarathonApp[],
  wish: LookWish,
): Definition {
  return mapApps(definition, (app) => {
    const now = present.find(({ id }) => id === app.id);
    if (now === undefined || wish.takesInstances) {
      return { ...app.definition, instances: app.instances };
    }
    return { ...app.definition, instances: now.instances };
  });
}

type Settled =
  | {
      readonly kind: 'settled';
      readonly body: Definition;
      readonly steps: readonly Step[];
      readonly notes: readonly string[];
    }
  | Locked;

async function settleStrategies(
  { marathon, stop }: MarathonWork,
  groupId: string,
  body: Definition,
): Promise<Settled> {
  const first = await marathon.planGroup(groupId, body, stop);
  if (first.kind === 'locked') return first;
  const restarted = restartedBy(first.steps);
  const strategies = new Map<string, unknown>();
  for (const id of restarted) {
    const now = await marathon.readDefinition(id, stop);
    if (now?.['upgradeStrategy'] !== undefined) strategies.set(id, now['upgradeStrategy']);
  }
  if (strategies.size === 0) return { kind: 'settled', body, steps: first.steps, notes: [] };
  const tried = await marathon.planGroup(groupId, withStrategies(body, strategies), stop);
  if (tried.kind === 'locked') return tried;
  const still = restartedBy(tried.steps);
  const kept = new Map([...strategies].filter(([id]) => !still.has(id)));
  if (kept.size === 0) return { kind: 'settled', body, steps: first.steps, notes: [] };
  const settled = withStrategies(body, kept);
  const last = await marathon.planGroup(groupId, settled, stop);
  if (last.kind === 'locked') return last;
  const notes = [...kept.keys()].map(
    (id) => `${id}: its upgradeStrategy differs and stays; to change that alone restarts all nodes`,
  );
  return { kind: 'settled', body: settled, steps: last.steps, notes };
}

function withStrategies(body: Definition, strategies: ReadonlyMap<string, unknown>): Definition {
  return mapApps(body, ({ id, definition }) =>
    strategies.has(id) ? { ...definition, upgradeStrategy: strategies.get(id) } : definition,
  );
}

function restartedBy(steps: readonly Step[]): ReadonlySet<string> {
  return new Set(
    steps.flat().flatMap(({ action, app }) => {
      return action === 'RestartApplication' && app !== null ? [app] : [];
    }),
  );
}

/** Which places of a definition make Marathon restart its app. */
async function readReasons(
  { marathon, stop }: MarathonWork,
  plan: DeployPlan,
  body: Definition,
): Promise<string[]> {
  const wanted = appsOfGroup(body);
  const notes: string[] = [];
  for (const { appId, did } of plan.changes) {
    const app = did === 'restart' ? wanted.find(({ id }) => id === appId) : undefined;
    const now = app === undefined ? undefined : await marathon.readDefinition(appId, stop);
    if (app === undefined || now === undefined) continue;
    const places = findDifferences(app.definition, now);
    if (places.length > 0) notes.push(`${appId} differs in ${places.join(', ')}`);
  }
  return notes;
}
