import type { Doc } from './accept.js';
import type { ContainerSpec, RunSpec } from './run-spec.js';
import type { LaunchFacts } from './task-env.js';
import { double } from './task-env.js';

interface Endpoint {
  readonly name: string;
  readonly hostPort?: number;
  readonly containerPort?: number;
}

export interface PodContainer {
  readonly name: string;
  readonly environment?: Readonly<Record<string, unknown>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly resources: { readonly cpus?: number; readonly mem?: number; readonly disk?: number };
  readonly endpoints?: readonly Endpoint[];
  readonly image?: { readonly id: string };
  readonly exec?: { readonly command: { readonly shell?: string; readonly argv?: string[] } };
  readonly lifecycle?: { readonly killGracePeriodSeconds?: number };
}

/** The containers of a pod's definition. Pure. */
export function containersOf(pod: Doc): readonly PodContainer[] {
  return pod.containers as readonly PodContainer[];
}

/** Every endpoint of the pod, in the order in which ports are leased. Pure. */
export function endpointsOf(pod: Doc): readonly (Endpoint & { readonly container: string })[] {
  return containersOf(pod).flatMap(({ name, endpoints }) =>
    (endpoints ?? []).map((endpoint) => ({ ...endpoint, container: name })),
  );
}

/** What one container of the pod got of the pod's ports. Pure. */
export function portsOfContainer(
  spec: RunSpec,
  container: ContainerSpec,
  ports: readonly (number | null)[],
): readonly (number | null)[] {
  return endpointsOf(spec.pod ?? {}).flatMap((endpoint, index) =>
    endpoint.container === container.name ? [ports[index] ?? null] : [],
  );
}

/**
 * What a pod's container sees: no PORTn, but the endpoints of all containers; Marathon's own
 * variables win over the user's. `facts.ports`: those of the whole pod. Pure.
 */
export function podEnv(
  spec: RunSpec,
  name: string,
  facts: LaunchFacts,
  instanceId: string,
): Readonly<Record<string, string>> {
  const pod = spec.pod ?? {};
  const container = containersOf(pod).find((one) => one.name === name);
  const resources = { cpus: 1, mem: 128, disk: 0, ...container?.resources };
  return {
    ...texts(pod.environment as Doc | undefined),
    ...texts(container?.environment),
    MESOS_TASK_ID: facts.taskId,
    MESOS_EXECUTOR_ID: instanceId,
    MESOS_SANDBOX: '/mnt/mesos/sandbox',
    MESOS_ALLOCATION_ROLE: spec.app.role,
    MARATHON_APP_ID: spec.id,
    MARATHON_APP_VERSION: facts.version,
    MARATHON_CONTAINER_ID: name,
    MARATHON_CONTAINER_RESOURCE_CPUS: double(resources.cpus),
    MARATHON_CONTAINER_RESOURCE_MEM: double(resources.mem),
    MARATHON_CONTAINER_RESOURCE_DISK: double(resources.disk),
    MARATHON_CONTAINER_RESOURCE_GPUS: '0',
    HOST: facts.host,
    ...endpointEnv(pod, facts),
  };
}

function endpointEnv(pod: Doc, facts: LaunchFacts): Readonly<Record<string, string>> {
  const env: Record<string, string> = {};
  endpointsOf(pod).forEach((endpoint, index) => {
    const name = endpoint.name.replace(/[^a-zA-Z0-9_]/g, '_').toUpperCase();
    const host = facts.ports[index] ?? undefined;
    const port = endpoint.containerPort ?? host;
    if (port !== undefined) env[`ENDPOINT_${name}`] = String(port);
    if (host !== undefined) env[`EP_HOST_${name}`] = String(host);
    if (endpoint.containerPort !== undefined)
      env[`EP_CONTAINER_${name}`] = String(endpoint.containerPort);
  });
  return env;
}

function texts(variables: Doc | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(variables ?? {}).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
}
