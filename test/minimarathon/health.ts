import type { HealthCheck } from './definition.js';
import { httpStatus } from './http-status.js';
import type { Instance, Task } from './instance.js';
import { isLive } from './instance.js';
import { stopTask } from './task-status.js';
import type { World } from './world.js';
import { toMs } from './world.js';

/** An executor repeats `docker stop` that often until the unhealthy task is gone (s). */
const EXECUTOR_KILL_SECONDS = 5;

/**
 * Runs the health check of a task until it ends or is killed. MESOS_HTTP asks 127.0.0.1 inside the
 * task's network, HTTP asks the leased port of the host from here.
 */
export function watchHealth(world: World, instance: Instance, task: Task): void {
  const check = instance.spec.app.healthChecks.find(({ protocol }) => isKnown(world, protocol));
  if (check === undefined || instance.spec.pod !== null) return;
  task.health = {
    alive: false,
    consecutiveFailures: 0,
    firstSuccess: null,
    lastSuccess: null,
    lastFailure: null,
  };
  const begunMs = Date.now();
  const round = async (): Promise<void> => {
    if (!isWatched(world, task)) return;
    const isGood = await ask(world, instance, task, check);
    // A kill pauses health checking: an answer that comes after it counts no more.
    if (!isWatched(world, task)) return;
    const isGrace = Date.now() - begunMs < toMs(world, check.gracePeriodSeconds);
    note(world, instance, task, check, isGood, isGrace);
    world.timers.after(toMs(world, check.intervalSeconds), () => void round());
  };
  world.timers.after(toMs(world, check.delaySeconds), () => void round());
}

function isKnown(world: World, protocol: string): boolean {
  if (protocol === 'MESOS_HTTP' || protocol === 'HTTP') return true;
  world.fault(`health checks by ${protocol} are not known here`);
  return false;
}

const isWatched = (world: World, task: Task): boolean =>
  !world.closed.aborted && isLive(task) && task.end === null && !task.isKilled;

/** What an executor says is not heard while its host is lost. */
function tell(world: World, instance: Instance, task: Task, isHealthy: boolean): void {
  if (world.hosts.get(task.hostname)?.isLost !== true) world.tracker.setHealth(instance, isHealthy);
}

async function ask(
  world: World,
  instance: Instance,
  task: Task,
  check: HealthCheck,
): Promise<boolean> {
  const timeoutMs = toMs(world, check.timeoutSeconds);
  const port = check.port ?? portAt(instance, task, check);
  if (port === undefined) return false;
  const status =
    check.protocol === 'MESOS_HTTP'
      ? await (task.running?.httpStatus(port, check.path, timeoutMs) ?? null)
      : await httpStatus(task.hostname, port, check.path, timeoutMs);
  return status !== null && status >= 200 && status < 400;
}

/** In host mode the leased port, else the container's own. */
function portAt(instance: Instance, task: Task, check: HealthCheck): number | undefined {
  const index = check.portIndex ?? 0;
  const mapping = instance.spec.app.container?.portMappings?.[index];
  if (mapping !== undefined && check.protocol === 'MESOS_HTTP') return mapping.containerPort;
  return task.ports[index] ?? undefined;
}

function note(
  world: World,
  instance: Instance,
  task: Task,
  check: HealthCheck,
  isGood: boolean,
  isGrace: boolean,
): void {
  const { health } = task;
  if (health === null) return;
  const now = new Date().toISOString();
  if (isGood) {
    Object.assign(health, { alive: true, consecutiveFailures: 0, lastSuccess: now });
    health.firstSuccess ??= now;
    tell(world, instance, task, true);
    return;
  }
  if (isGrace && health.firstSuccess === null) return;
  health.alive = false;
  health.consecutiveFailures += 1;
  health.lastFailure = now;
  tell(world, instance, task, false);
  if (health.consecutiveFailures >= Math.max(1, check.maxConsecutiveFailures)) {
    killUnhealthy(world, instance, task, check);
  }
}

function killUnhealthy(world: World, instance: Instance, task: Task, check: HealthCheck): void {
  const isMesos = check.protocol === 'MESOS_HTTP';
  // Marathon's own checks never kill when they may fail for ever; those of Mesos do.
  if (!isMesos && check.maxConsecutiveFailures === 0) return;
  task.isKilled = true;
  const stop = (): void => stopTask(world, instance, task);
  stop();
  const end = world.timers.every(toMs(world, EXECUTOR_KILL_SECONDS), stop);
  void task.running?.ended.then(end);
}
