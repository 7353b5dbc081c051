import type { Doc } from './accept.js';
import type { Deployments } from './deployments.js';
import type { Deployment } from './deployment.js';
import { agentIdOf, stepJson } from './events.js';
import type { Instance, Task } from './instance.js';
import { isLive } from './instance.js';
import { statisticsOf } from './launcher.js';
import { actionJson, affectedIds } from './plan.js';
import type { RunSpec } from './run-spec.js';
import type { World } from './world.js';

const iso = (ms: number | null): string | undefined =>
  ms === null ? undefined : new Date(ms).toISOString();

/** Members that are absent are not written. */
export function present(members: Doc): Doc {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** Tasks that Mesos knows; one that waits for an offer has none. */
export function tasksJson(instance: Instance): readonly Doc[] {
  return instance.tasks.filter(isLive).map((task) => taskJson(instance, task));
}

function taskJson(instance: Instance, task: Task): Doc {
  const { spec } = instance;
  const { health } = task;
  const hasChecks = spec.app.healthChecks.length > 0;
  return present({
    id: task.id,
    appId: spec.id,
    host: task.hostname,
    state: task.state,
    ports: task.ports.filter((port) => port !== null),
    servicePorts: (spec.app.portDefinitions ?? []).map(({ port }) => port),
    slaveId: agentIdOf(task.hostname),
    stagedAt: iso(task.stagedAtMs),
    startedAt: iso(task.startedAtMs),
    version: spec.version,
    localVolumes: [],
    ipAddresses: [],
    role: spec.app.role,
    healthCheckResults:
      hasChecks && health !== null && health.lastSuccess !== health.lastFailure
        ? [present({ ...health, instanceId: instance.id })]
        : undefined,
  });
}

/** The definition as it is kept. */
export function definitionJson(spec: RunSpec): Doc {
  const { lastScalingAt, lastConfigChangeAt, version } = spec;
  return { ...spec.app, version, versionInfo: { lastScalingAt, lastConfigChangeAt } };
}

/** An app with its counts and deployments, and with its tasks when asked. */
export function appJson(
  world: World,
  deployments: Deployments,
  spec: RunSpec,
  hasTasks: boolean,
): Doc {
  const instances = world.tracker.of(spec.id);
  const tasks = instances.flatMap(({ tasks: all }) => all.filter(isLive));
  const healthy = tasks.filter((task) => task.state === 'TASK_RUNNING');
  const running = deployments.locking(spec.id);
  const readiness = running.flatMap(({ readiness: results }) => [...results.values()]);
  return present({
    ...definitionJson(spec),
    tasksStaged: tasks.filter((task) => task.state === 'TASK_STAGING').length,
    tasksRunning: healthy.length,
    tasksHealthy: healthy.filter(({ health }) => health?.alive === true).length,
    tasksUnhealthy: healthy.filter(({ health }) => isUnhealthy(health)).length,
    deployments: running.map(({ id }) => ({ id })),
    tasks: hasTasks ? instances.flatMap(tasksJson) : undefined,
    readinessCheckResults: hasTasks && readiness.length > 0 ? readiness : undefined,
    lastTaskFailure: hasTasks ? failureJson(world, spec) : undefined,
  });
}

const isUnhealthy = (health: Task['health']): boolean =>
  health !== null && !health.alive && health.lastFailure !== null;

function failureJson(world: World, spec: RunSpec): Doc | undefined {
  const failure = world.failures.get(spec.id);
  if (failure === undefined) return undefined;
  const { instance, task, message, atMs } = failure;
  return {
    appId: spec.id,
    host: task.hostname,
    message,
    state: task.state,
    taskId: task.id,
    timestamp: iso(atMs),
    version: instance.spec.version,
    slaveId: agentIdOf(task.hostname),
  };
}

/** GET /v2/deployments. */
export function deploymentJson(deployment: Deployment): Doc {
  const { id, version, plan, currentStep, readiness } = deployment;
  const ids = affectedIds(plan);
  const isApp = (runSpecId: string): boolean =>
    (plan.target.get(runSpecId) ?? plan.original.get(runSpecId))?.kind !== 'pod';
  const step = plan.steps[Math.max(0, currentStep - 1)] ?? [];
  return {
    id,
    version,
    affectedApps: ids.filter(isApp),
    affectedPods: ids.filter((one) => !isApp(one)),
    steps: plan.steps.map(stepJson),
    currentActions: step.map((action) => ({
      ...actionJson(action),
      readinessCheckResults: [...readiness.values()],
    })),
    currentStep,
    totalSteps: plan.steps.length,
  };
}

/** GET /v2/queue. */
export function queueJson(world: World): Doc {
  const waiting = new Map<string, Instance[]>();
  for (const instance of world.tracker.all) {
    if (instance.condition !== 'Scheduled') continue;
    const others = waiting.get(instance.spec.id) ?? [];
    waiting.set(instance.spec.id, [...others, instance]);
  }
  return { queue: [...waiting.values()].map((instances) => queueItem(world, instances)) };
}

function queueItem(world: World, instances: readonly Instance[]): Doc {
  const spec = instances[0]?.spec;
  if (spec === undefined) return {};
  const leftMs = world.backoff.leftMs(spec);
  return {
    ...(spec.pod === null ? { app: definitionJson(spec) } : { pod: spec.pod }),
    count: instances.length,
    role: spec.app.role,
    since: iso(Math.min(...instances.map(({ sinceMs }) => sinceMs))),
    delay: { timeLeftSeconds: Math.ceil(leftMs / world.timing.secondMs), overdue: leftMs === 0 },
    processedOffersSummary: statisticsOf(world, spec.id).summary(),
  };
}
