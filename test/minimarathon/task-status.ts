import type { TaskEnd } from './driver.js';
import { statusUpdate, unknownInstanceTerminated } from './events.js';
import { watchHealth } from './health.js';
import type { Condition, Instance, Task, TaskState } from './instance.js';
import { isLive, isTerminal } from './instance.js';
import type { World } from './world.js';
import { toMs } from './world.js';

/** SIGTERM, and SIGKILL after the grace that the task was launched with; once more when called again. */
export function stopTask(world: World, instance: Instance, task: Task): void {
  const container = instance.spec.containers.find((one) => one.name === task.container);
  const unset = instance.spec.pod === null ? world.timing.defaultGraceSeconds : POD_GRACE_SECONDS;
  const graceMs = toMs(world, container?.graceSeconds ?? unset);
  task.running?.stop(graceMs).catch((err: Error) => world.fault(`stop: ${err.message}`));
}

/** A pod's containers have that long without a policy of their own (s). */
const POD_GRACE_SECONDS = 3;
/** A pod's containers get that long when one of them failed, whatever their own policy (s). */
const POD_SIBLING_GRACE_SECONDS = 3;

/** One word of Mesos about a task that lives: the task, its instance, and whoever listens learn of it. */
export function reportStatus(
  world: World,
  instance: Instance,
  task: Task,
  state: TaskState,
  message: string,
): void {
  task.state = state;
  world.hub.publish(statusUpdate(instance, task, message));
  const started = instance.tasks.flatMap(({ startedAtMs }) => startedAtMs ?? []);
  if (started.length > 0) instance.activeSinceMs = Math.min(...started);
  world.tracker.setCondition(instance, conditionOf(instance));
  if (state === 'TASK_RUNNING' && task.health === null) watchHealth(world, instance, task);
}

/** A task's process is gone. Nobody hears of it while its host is lost. */
export function takeEnd(
  world: World,
  instance: Instance,
  task: Task,
  end: TaskEnd,
  message?: string,
): void {
  task.end = end;
  const host = world.hosts.get(task.hostname);
  if (host?.isLost !== true) reportEnd(world, instance, task, message);
}

/** Mesos says that a task has ended. */
export function reportEnd(world: World, instance: Instance, task: Task, message?: string): void {
  if (!isLive(task)) return;
  world.hosts.get(task.hostname)?.release(task.id);
  const state = endState(task);
  const text = message ?? endText(task, state);
  if (world.tracker.find(instance.id) === undefined) {
    task.state = state;
    world.hub.publish(statusUpdate(instance, task, text));
    world.hub.publish(unknownInstanceTerminated(instance));
    return;
  }
  if (state !== 'TASK_KILLED') {
    world.failures.set(instance.spec.id, { instance, task, message: text, atMs: Date.now() });
  }
  if (state !== 'TASK_FINISHED') endSiblings(world, instance, task);
  reportStatus(world, instance, task, state, text);
  if (isTerminal(instance.condition)) settle(world, instance);
}

/** The instance has ended: it is gone, or waits for its next launch under the same id. */
function settle(world: World, instance: Instance): void {
  const { tracker } = world;
  const hasFailed = instance.condition === 'Failed' || instance.condition === 'Finished';
  if (hasFailed) world.backoff.raise(instance.spec);
  if (instance.goal === 'Decommissioned') tracker.expunge(instance);
  if (tracker.find(instance.id) !== undefined) {
    instance.tasks = [];
    instance.host = null;
    instance.activeSinceMs = null;
    instance.stagedAtMs = null;
    instance.unreachableSinceMs = null;
    tracker.setHealth(instance, null);
    tracker.setCondition(instance, 'Scheduled');
  }
  world.scaleCheck(instance.spec.id);
}

function endSiblings(world: World, instance: Instance, failed: Task): void {
  for (const task of instance.tasks) {
    if (task === failed || !isLive(task) || task.isKilled) continue;
    task.isKilled = true;
    void task.running?.stop(POD_SIBLING_GRACE_SECONDS * world.timing.secondMs);
  }
}

function endState(task: Task): TaskState {
  if (task.isKilled) return 'TASK_KILLED';
  return task.end?.exitCode === 0 ? 'TASK_FINISHED' : 'TASK_FAILED';
}

function endText(task: Task, state: TaskState): string {
  if (state === 'TASK_KILLED') return 'Container killed';
  const { exitCode = null, signal = null } = task.end ?? {};
  return signal === null
    ? `Container exited with status ${exitCode ?? 'unknown'}`
    : `Container was terminated by ${signal}`;
}

/** The states of all tasks as one: whatever comes first here decides. */
const HIERARCHY: readonly (readonly [TaskState, Condition])[] = [
  ['TASK_UNREACHABLE', 'Unreachable'],
  ['TASK_KILLING', 'Killing'],
  ['TASK_STAGING', 'Staging'],
  ['TASK_RUNNING', 'Running'],
  ['TASK_FAILED', 'Failed'],
  ['TASK_KILLED', 'Killed'],
  ['TASK_FINISHED', 'Finished'],
];

function conditionOf(instance: Instance): Condition {
  const states = instance.tasks.map((task) => task.state);
  return HIERARCHY.find(([state]) => states.includes(state))?.[1] ?? 'Error';
}
