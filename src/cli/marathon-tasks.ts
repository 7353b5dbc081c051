import { setMaxListeners } from 'node:events';
import type { CliConfig } from '../config/cli.js';
import type { MarathonApp, MarathonTask } from '../marathon/client/answers.js';
import type { MarathonClient } from '../marathon/client/marathon-client.js';
import type { TaskAnswer } from '../topology/explain-facts.js';
import type { NodeRecord } from '../topology/node.js';
import { relaunchOf } from '../topology/task-id.js';
import type { AppFact, AppName, DeploymentFact, TaskFact, TasksInput } from '../topology/tasks.js';
import { APP_NAMES, appIdOf } from '../topology/tasks.js';
import { CarnaError } from '../util/errors.js';
import type { Context } from './context.js';

/** A view of the platform does not wait longer for Marathon: whoever looks is in a hurry. */
export const TASKS_TIMEOUT_MS = 2_000;

/** What came of asking Marathon for our tasks. */
export type TasksAnswer =
  /** No Marathon is configured. */
  | { readonly kind: 'unasked' }
  | { readonly kind: 'read'; readonly tasks: TasksInput }
  | { readonly kind: 'failed'; readonly error: string };

/** The part of a client that is used. */
export type TaskSource = Pick<MarathonClient, 'readApp' | 'readDeployments' | 'readQueue'>;

/** Asks Marathon, where one is configured, within TASKS_TIMEOUT_MS. Rejects with no CarnaError. */
export async function askTasks(
  context: Pick<Context, 'ports'>,
  config: CliConfig,
  signal: AbortSignal,
): Promise<TasksAnswer> {
  if (config.marathon === null) return { kind: 'unasked' };
  try {
    const tasks = await withMarathon(context, config, signal, readTasks);
    return { kind: 'read', tasks };
  } catch (err) {
    if (err instanceof CarnaError) return { kind: 'failed', error: err.message };
    throw err;
  }
}

/** Asks Marathon for the task of one node, like askTasks; without a record its name is looked for. */
export async function askTaskOf(
  context: Pick<Context, 'ports'>,
  config: CliConfig,
  nodeId: string,
  record: NodeRecord | null,
): Promise<TaskAnswer> {
  if (config.marathon === null) return { kind: 'unasked' };
  const marathon = record?.marathon;
  if (marathon === null) return { kind: 'no-task' };
  const never = new AbortController().signal;
  try {
    return await withMarathon(context, config, never, async (client, group, signal) => {
      if (record === null || marathon === undefined)
        return findTask(await readTasks(client, group, signal), nodeId);
      const { appId, taskId } = marathon;
      const [app, deployments] = await Promise.all([
        client.readApp(appId, signal),
        readDeployments(client, signal),
      ]);
      const found = app === undefined ? null : factOf(record.role, app);
      return { kind: 'told', taskId, appId, app: found, deployments };
    });
  } catch (err) {
    if (err instanceof CarnaError) return { kind: 'unread', why: err.message };
    throw err;
  }
}

/** The app that lists the task, or a later life of its instance. */
function findTask({ apps, deployments }: TasksInput, taskId: string): TaskAnswer {
  const app = apps.find(({ tasks }) => {
    const listed = tasks.map((task) => task.taskId);
    return listed.includes(taskId) || relaunchOf(taskId, listed) !== undefined;
  });
  return { kind: 'told', taskId, appId: null, app: app ?? null, deployments };
}

/** Opens a client with the short deadline for `read`, which gets the group and a signal of its own. */
async function withMarathon<T>(
  context: Pick<Context, 'ports'>,
  config: CliConfig,
  signal: AbortSignal,
  read: (client: TaskSource, group: string, own: AbortSignal) => Promise<T>,
): Promise<T> {
  const { marathonGroupOf } = await import('./configured-marathon.js');
  const marathonTimeoutMs = Math.min(config.marathonTimeoutMs, TASKS_TIMEOUT_MS);
  const client = await context.ports.openMarathon({ ...config, marathonTimeoutMs });
  return allOrNone(signal, (own) => read(client, marathonGroupOf(config), own));
}

/** Gives `read` a signal of its own, which ends whatever still goes on when it is over or failed. */
async function allOrNone<T>(
  signal: AbortSignal,
  read: (own: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const end = (): void => own.abort();
  // Several questions at once, each with its listeners; all are gone when this returns.
  setMaxListeners(0, own.signal);
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  try {
    return await read(own.signal);
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}

/** Reads the apps of a group with their tasks, and what changes them. Rejects like the client. */
export async function readTasks(
  client: TaskSource,
  group: string,
  signal: AbortSignal,
): Promise<TasksInput> {
  const reads = APP_NAMES.map(async (name) => {
    const app = await client.readApp(appIdOf(group, name), signal);
    return app === undefined ? [] : [factOf(name, app)];
  });
  const [apps, deployments, queue] = await Promise.all([
    Promise.all(reads),
    readDeployments(client, signal),
    client.readQueue(signal),
  ]);
  return {
    group,
    apps: apps.flat(),
    deployments,
    waiting: queue.map(({ id, missing, delayS, rejects }) => ({
      appId: id,
      missing,
      delayMs: delayS * 1000,
      rejects: rejects.filter(({ declined }) => declined > 0),
    })),
  };
}

async function readDeployments(
  client: TaskSource,
  signal: AbortSignal,
): Promise<readonly DeploymentFact[]> {
  const found = await client.readDeployments(signal);
  return found.map(({ id, affectedApps, affectedPods, currentStep, totalSteps }) => {
    const appIds = [...affectedApps, ...affectedPods];
    return { id, appIds, step: currentStep, steps: totalSteps };
  });
}

/** An app in the words of the topology. Pure. */
export function factOf(name: AppName, app: MarathonApp): AppFact {
  return {
    appId: app.id,
    name,
    wanted: app.instances,
    running: app.tasksRunning,
    staged: app.tasksStaged,
    unhealthy: app.tasksUnhealthy,
    version: app.version,
    configVersion: app.configChangedAt ?? null,
    deploymentIds: app.deploymentIds,
    tasks: app.tasks.map(taskOf),
  };
}

function taskOf({ id, host, state, startedAt, stagedAt, version }: MarathonTask): TaskFact {
  const since = Date.parse(startedAt ?? stagedAt ?? '');
  return { taskId: id, host, state, version, sinceMs: Number.isNaN(since) ? null : since };
}
