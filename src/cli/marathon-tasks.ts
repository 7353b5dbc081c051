import { setMaxListeners } from 'node:events';
import type { CliConfig } from '../config/cli.js';
import type { MarathonApp, MarathonTask } from '../marathon/client/answers.js';
import type { MarathonClient } from '../marathon/client/marathon-client.js';
import type { AppFact, AppName, TaskFact, TasksInput } from '../topology/tasks.js';
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
  const { marathonGroupOf } = await import('./configured-marathon.js');
  const marathonTimeoutMs = Math.min(config.marathonTimeoutMs, TASKS_TIMEOUT_MS);
  try {
    const client = await context.ports.openMarathon({ ...config, marathonTimeoutMs });
    const tasks = await allOrNone(signal, (own) => readTasks(client, marathonGroupOf(config), own));
    return { kind: 'read', tasks };
  } catch (err) {
    if (err instanceof CarnaError) return { kind: 'failed', error: err.message };
    throw err;
  }
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
    client.readDeployments(signal),
    client.readQueue(signal),
  ]);
  return {
    group,
    apps: apps.flat(),
    deployments: deployments.map(({ id, affectedApps, affectedPods, currentStep, totalSteps }) => ({
      id,
      appIds: [...affectedApps, ...affectedPods],
      step: currentStep,
      steps: totalSteps,
    })),
    waiting: queue.map(({ id, missing, delayS, rejects }) => ({
      appId: id,
      missing,
      delayMs: delayS * 1000,
      rejects: rejects.filter(({ declined }) => declined > 0),
    })),
  };
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
