import type { NodeRecord, Role } from './node.js';
import { ROLES } from './node.js';
import { relaunchOf } from './task-id.js';
import type { NodesInput } from './view.js';

/** The apps of a data centre, named alike: one per role, and the reconciler. */
export const APP_NAMES = [...ROLES, 'reconciler'] as const;
export type AppName = Role | 'reconciler';

/** One copy of an app as the scheduler tells it. */
export interface TaskFact {
  /** The whole id, with the incarnation at its end. */
  readonly taskId: string;
  readonly host: string;
  /** Mesos’ word: TASK_RUNNING, TASK_STAGING, … */
  readonly state: string;
  /** Wall clock in ms: since when it runs or, before that, waits on its host; null when nobody says. */
  readonly sinceMs: number | null;
  readonly version: string | null;
}

/** One app as the scheduler tells it. */
export interface AppFact {
  readonly appId: string;
  readonly name: AppName;
  /** Instances asked for. */
  readonly wanted: number;
  readonly running: number;
  readonly staged: number;
  readonly unhealthy: number;
  readonly version: string | null;
  /** Version of the last change of more than the number of instances; null when nobody says. */
  readonly configVersion: string | null;
  /** The deployments that lock it. */
  readonly deploymentIds: readonly string[];
  readonly tasks: readonly TaskFact[];
}

/** A change of apps under way: step `step` of `steps`. */
export interface DeploymentFact {
  readonly id: string;
  readonly appIds: readonly string[];
  readonly step: number;
  readonly steps: number;
}

/** Instances for which no host was found yet. */
export interface WaitingFact {
  readonly appId: string;
  readonly missing: number;
  /** Until the next try, after failures, in ms. */
  readonly delayMs: number;
  /** Why the latest offers did not do, and how many of them. */
  readonly rejects: readonly {
    readonly reason: string;
    readonly declined: number;
    readonly processed: number;
  }[];
}

/** What the scheduler says of the apps of one data centre. */
export interface TasksInput {
  /** `/<cluster>/<dc>`. */
  readonly group: string;
  readonly apps: readonly AppFact[];
  readonly deployments: readonly DeploymentFact[];
  readonly waiting: readonly WaitingFact[];
}

/** An app without its tasks. */
export type AppCount = Omit<AppFact, 'tasks'>;

/** A task that no node speaks for. */
export interface TaskWithoutNode extends TaskFact {
  readonly appId: string;
  readonly name: AppName;
  /** It should have a node by now, or its host is not heard. */
  readonly isLate: boolean;
}

/** A node whose app does not list its task. */
export interface NodeWithoutTask {
  readonly nodeId: string;
  readonly taskId: string;
  readonly appId: string;
  /** A later life of the same instance, which is another node; null when there is none. */
  readonly relaunchedAs: string | null;
}

/**
 * A node that is compared with nothing: `no-task`, started by other means; `other-app`, of an app outside
 * the group; `unknown-app`, of an app in the group that the scheduler does not know as one (a pod, or deleted).
 */
export interface OutsideNode {
  readonly nodeId: string;
  readonly appId: string | null;
  readonly why: 'no-task' | 'other-app' | 'unknown-app';
}

/** Tasks and nodes beside each other. */
export interface TasksView {
  readonly group: string;
  /** In the order of APP_NAMES; only those that exist. */
  readonly apps: readonly AppCount[];
  readonly tasksWithoutNode: readonly TaskWithoutNode[];
  readonly nodesWithoutTask: readonly NodeWithoutTask[];
  readonly outside: readonly OutsideNode[];
  /** Of apps of the group. */
  readonly deployments: readonly DeploymentFact[];
  readonly waiting: readonly WaitingFact[];
}

/** An agent publishes its node within a second or two of its start; a busy host may need longer. */
export const NODE_DUE_MS = 15_000;

/** An image of a gigabyte has come in this time; what stages longer needs somebody to look. */
export const STAGING_LIMIT_MS = 5 * 60_000;

/** Tasks in these states run nothing any more. */
const ENDED: ReadonlySet<string> = new Set([
  ...['TASK_FINISHED', 'TASK_FAILED', 'TASK_KILLED', 'TASK_ERROR'],
  ...['TASK_GONE', 'TASK_GONE_BY_OPERATOR', 'TASK_DROPPED', 'TASK_LOST'],
]);

/** The app of a name in a group. Pure. */
export function appIdOf(group: string, name: AppName): string {
  return `${group}/${name}`;
}

/** What an app of the group is called, or its id when it is none of ours. Pure. */
export function appNameIn(group: string, appId: string): string {
  return APP_NAMES.find((name) => appIdOf(group, name) === appId) ?? appId;
}

/** Whether a task in this state is over. Pure. */
export function isEnded(state: string): boolean {
  return ENDED.has(state);
}

/**
 * Compares what runs with what published itself. A task and a node belong together when the whole task id
 * is the same: one that was launched again is another node. Pure.
 */
export function joinTasks(nodes: NodesInput, input: TasksInput, nowMs: number): TasksView {
  const records = [...nodes.values()].map(({ record }) => record);
  const published = new Set(records.flatMap(({ marathon }) => marathon?.taskId ?? []));
  const apps = [...input.apps].sort((a, b) => rank(a) - rank(b));
  const sorted = records.map((record) => placeNode(record, input));
  return {
    group: input.group,
    apps: apps.map(countOf),
    tasksWithoutNode: apps.flatMap((app) => unpublished(app, published, nowMs)),
    nodesWithoutTask: sorted.flatMap((one) => (one?.kind === 'without-task' ? one.node : [])),
    outside: sorted.flatMap((one) => (one?.kind === 'outside' ? one.node : [])),
    deployments: input.deployments.filter(({ appIds }) => appIds.some((id) => isIn(input, id))),
    waiting: input.waiting.filter(({ appId }) => isIn(input, appId)),
  };
}

function countOf(app: AppFact): AppCount {
  const { appId, name, wanted, running, staged, unhealthy } = app;
  const { version, configVersion, deploymentIds } = app;
  const versions = { version, configVersion, deploymentIds };
  return { appId, name, wanted, running, staged, unhealthy, ...versions };
}

function rank({ name }: Pick<AppFact, 'name'>): number {
  return APP_NAMES.indexOf(name);
}

function isIn({ group }: TasksInput, appId: string): boolean {
  return APP_NAMES.some((name) => appIdOf(group, name) === appId);
}

/** A reconciler publishes no node. */
function unpublished(
  app: AppFact,
  published: ReadonlySet<string>,
  nowMs: number,
): TaskWithoutNode[] {
  const { appId, name } = app;
  if (name === 'reconciler') return [];
  return app.tasks
    .filter(({ taskId, state }) => !isEnded(state) && !published.has(taskId))
    .map((task) => ({ ...task, appId, name, isLate: isLate(task, nowMs) }));
}

function isLate({ state, sinceMs }: TaskFact, nowMs: number): boolean {
  const ageMs = sinceMs === null ? 0 : nowMs - sinceMs;
  switch (state) {
    case 'TASK_KILLING':
      return false; // Its node said goodbye already.
    case 'TASK_RUNNING':
      return ageMs >= NODE_DUE_MS;
    case 'TASK_STAGING':
    case 'TASK_STARTING':
      return ageMs >= STAGING_LIMIT_MS;
    default:
      return true;
  }
}

type Placed =
  | { readonly kind: 'without-task'; readonly node: NodeWithoutTask }
  | { readonly kind: 'outside'; readonly node: OutsideNode };

/** Null when the app lists its task. */
function placeNode({ nodeId, marathon }: NodeRecord, input: TasksInput): Placed | null {
  const outside = (why: OutsideNode['why']): Placed => {
    return { kind: 'outside', node: { nodeId, appId: marathon?.appId ?? null, why } };
  };
  if (marathon === null) return outside('no-task');
  const { appId, taskId } = marathon;
  if (!isIn(input, appId)) return outside('other-app');
  const app = input.apps.find((one) => one.appId === appId);
  if (app === undefined) return outside('unknown-app');
  const listed = app.tasks.filter(({ state }) => !isEnded(state)).map((task) => task.taskId);
  if (listed.includes(taskId)) return null;
  const relaunchedAs = relaunchOf(taskId, listed) ?? null;
  return { kind: 'without-task', node: { nodeId, taskId, appId, relaunchedAs } };
}
