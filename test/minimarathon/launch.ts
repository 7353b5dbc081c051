import type { TaskSpec } from './driver.js';
import type { Host } from './hosts.js';
import type { Instance, Task } from './instance.js';
import { taskIdOf } from './paths.js';
import { podEnv, portsOfContainer } from './pod-env.js';
import type { ContainerSpec } from './run-spec.js';
import { appEnv } from './task-env.js';
import { reportStatus, stopTask, takeEnd } from './task-status.js';
import type { World } from './world.js';

/** Takes an offer for the instance: leases, and launches its tasks. */
export function provision(
  world: World,
  host: Host,
  instance: Instance,
  ports: readonly (number | null)[],
): void {
  const { spec } = instance;
  instance.incarnation += 1;
  instance.host = host.offer;
  instance.stagedAtMs = Date.now();
  instance.activeSinceMs = null;
  instance.tasks = spec.containers.map((container) => newTask(instance, container, host, ports));
  spec.containers.forEach((container, index) => {
    const task = instance.tasks[index];
    if (task === undefined) return;
    const leased = task.ports.filter((port) => port !== null);
    host.lease(task.id, { cpus: container.cpus, mem: container.mem, ports: leased });
  });
  world.tracker.setCondition(instance, 'Provisioned');
  for (const task of instance.tasks) {
    const launching = launch(world, instance, task, ports);
    world.launches.add(launching);
    void launching.finally(() => world.launches.delete(launching));
  }
}

function newTask(
  instance: Instance,
  container: ContainerSpec,
  host: Host,
  ports: readonly (number | null)[],
): Task {
  return {
    id: taskIdOf(instance.id, container.name, instance.incarnation),
    container: container.name,
    hostname: host.offer.hostname,
    ports: instance.spec.pod === null ? ports : portsOfContainer(instance.spec, container, ports),
    stagedAtMs: Date.now(),
    state: 'TASK_STAGING',
    startedAtMs: null,
    running: null,
    end: null,
    isKilled: false,
    health: null,
  };
}

async function launch(
  world: World,
  instance: Instance,
  task: Task,
  ports: readonly (number | null)[],
): Promise<void> {
  reportStatus(world, instance, task, 'TASK_STAGING', '');
  try {
    task.running = await world.driver.launch(taskSpec(instance, task, ports));
  } catch (err) {
    takeEnd(world, instance, task, { exitCode: null, signal: null }, (err as Error).message);
    return;
  }
  void task.running.ended.then((end) => takeEnd(world, instance, task, end));
  if (task.end !== null || task.state !== 'TASK_STAGING') return;
  task.startedAtMs = Date.now();
  reportStatus(world, instance, task, 'TASK_RUNNING', '');
  // A kill that came before there was anything to stop.
  if (task.isKilled) stopTask(world, instance, task);
}

/** The task as the driver gets it. */
function taskSpec(instance: Instance, task: Task, ports: readonly (number | null)[]): TaskSpec {
  const { spec } = instance;
  const container = spec.containers.find((one) => one.name === task.container);
  const facts = { taskId: task.id, version: spec.version, host: task.hostname, ports: task.ports };
  const docker = spec.app.container?.docker;
  const volumes = spec.app.container?.volumes ?? [];
  return {
    taskId: task.id,
    appId: spec.id,
    hostname: task.hostname,
    env:
      spec.pod === null
        ? appEnv(spec.app, facts)
        : podEnv(spec, task.container, { ...facts, ports }, instance.id),
    image: container?.image ?? null,
    command: container?.command ?? null,
    parameters: [
      ...(docker?.parameters ?? []),
      ...(docker === undefined ? [] : [{ key: 'label', value: `MESOS_TASK_ID=${task.id}` }]),
    ],
    volumes: volumes.flatMap(({ hostPath, containerPath, mode }) =>
      typeof hostPath === 'string' && typeof containerPath === 'string'
        ? [{ hostPath, containerPath, mode: mode === 'RO' ? ('RO' as const) : ('RW' as const) }]
        : [],
    ),
    labels: spec.app.labels,
    cpus: container?.cpus ?? 0,
    mem: container?.mem ?? 0,
  };
}
