import type { Doc } from './accept.js';
import type { Instance, Task } from './instance.js';
import { isLive } from './instance.js';
import { endpointsOf } from './pod-env.js';
import type { RunSpec } from './run-spec.js';
import { present } from './views.js';
import type { World } from './world.js';

/** GET /v2/pods/{id}::status. */
export function podStatusJson(world: World, spec: RunSpec): Doc {
  const instances = world.tracker.of(spec.id).filter(({ tasks }) => tasks.length > 0);
  const running = instances.filter(({ condition }) => condition === 'Running');
  const now = new Date().toISOString();
  return {
    id: spec.id,
    spec: spec.pod,
    status: running.length >= spec.app.instances ? 'STABLE' : 'DEGRADED',
    statusSince: spec.version,
    instances: instances.map(instanceStatusJson),
    terminationHistory: [],
    lastUpdated: now,
    lastChanged: spec.version,
  };
}

function instanceStatusJson(instance: Instance): Doc {
  const since = new Date(instance.sinceMs).toISOString();
  const endpoints = endpointsOf(instance.spec.pod ?? {});
  return present({
    id: instance.id,
    status: STATES[instance.condition] ?? 'TERMINAL',
    statusSince: since,
    agentHostname: instance.host?.hostname,
    specReference: `/v2/pods${instance.spec.id}::versions/${instance.spec.version}`,
    role: instance.spec.app.role,
    networks: [],
    containers: instance.tasks.filter(isLive).map((task) => ({
      name: task.container,
      status: task.state,
      statusSince: since,
      containerId: task.id,
      endpoints: endpoints
        .filter(({ container }) => container === task.container)
        .map(({ name }, index) => present({ name, allocatedHostPort: portAt(task, index) })),
      lastUpdated: since,
      lastChanged: since,
    })),
    lastUpdated: since,
    lastChanged: since,
  });
}

const portAt = (task: Task, index: number): number | undefined => task.ports[index] ?? undefined;

/** PodInstanceState by condition. */
const STATES: Readonly<Record<string, string>> = {
  Provisioned: 'PENDING',
  Staging: 'STAGING',
  Starting: 'STAGING',
  Running: 'STABLE',
  Killing: 'TERMINAL',
  Unreachable: 'DEGRADED',
  UnreachableInactive: 'DEGRADED',
};

/** What the end of an instance answers: the instance as it was. */
export function instanceJson(instance: Instance): Doc {
  const { condition, sinceMs, activeSinceMs, healthy, goal, host } = instance;
  return present({
    instanceId: instance.id,
    runSpecVersion: instance.spec.version,
    unreachableStrategy: instance.spec.app.unreachableStrategy,
    state: present({
      condition,
      since: new Date(sinceMs).toISOString(),
      activeSince: activeSinceMs === null ? undefined : new Date(activeSinceMs).toISOString(),
      healthy: healthy ?? undefined,
      goal,
    }),
    agentInfo: host === null ? undefined : { host: host.hostname, attributes: [] },
  });
}
