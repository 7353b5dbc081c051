import type { Doc } from './accept.js';
import { normalise } from './definition.js';
import type { PodContainer } from './pod-env.js';
import { containersOf, endpointsOf } from './pod-env.js';
import type { ContainerSpec, RunSpec } from './run-spec.js';

interface Scheduling {
  readonly backoff?: {
    readonly backoff?: number;
    readonly backoffFactor?: number;
    readonly maxLaunchDelay?: number;
  };
  readonly upgrade?: {
    readonly minimumHealthCapacity?: number;
    readonly maximumOverCapacity?: number;
  };
  readonly placement?: {
    readonly constraints?: readonly {
      readonly fieldName: string;
      readonly operator: string;
      readonly value?: string;
    }[];
  };
  readonly killSelection?: string;
  readonly unreachableStrategy?: unknown;
}

/** A pod as a run spec: what the scheduler asks of an app, a pod answers here too. Pure. */
export function podSpec(doc: Doc, id: string, version: string): RunSpec {
  const scheduling = (doc.scheduling ?? {}) as Scheduling;
  const scaling = (doc.scaling ?? {}) as { readonly instances?: number };
  const { backoff, upgrade, placement } = scheduling;
  const app = normalise(
    {
      instances: scaling.instances ?? 1,
      upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1, ...upgrade },
      constraints: constraintsOf(placement),
      backoffSeconds: backoff?.backoff ?? 1,
      backoffFactor: backoff?.backoffFactor ?? 1.15,
      maxLaunchDelaySeconds: backoff?.maxLaunchDelay ?? 300,
      killSelection: scheduling.killSelection,
      unreachableStrategy: scheduling.unreachableStrategy,
      networks: doc.networks,
      labels: doc.labels ?? {},
      portDefinitions: [],
      container: {
        type: 'MESOS',
        portMappings: endpointsOf(doc).map(({ name, hostPort, containerPort }) => ({
          name,
          containerPort: containerPort ?? hostPort ?? 0,
          ...(hostPort === undefined ? {} : { hostPort }),
        })),
      },
    },
    id,
  );
  return {
    id,
    kind: 'pod',
    app,
    pod: { ...doc, id, version },
    containers: containersOf(doc).map(containerSpec),
    version,
    lastScalingAt: version,
    lastConfigChangeAt: version,
  };
}

function containerSpec({ name, image, exec, resources, lifecycle }: PodContainer): ContainerSpec {
  const { shell, argv } = exec?.command ?? {};
  return {
    name,
    image: image?.id ?? null,
    command: shell === undefined ? (argv ?? null) : ['/bin/sh', '-c', shell],
    cpus: resources.cpus ?? 1,
    mem: resources.mem ?? 128,
    graceSeconds: lifecycle?.killGracePeriodSeconds ?? null,
  };
}

function constraintsOf(placement: Scheduling['placement']): readonly (readonly string[])[] {
  return (placement?.constraints ?? []).map(({ fieldName, operator, value }) =>
    value === undefined ? [fieldName, operator] : [fieldName, operator, value],
  );
}
