import type { Role } from '../../topology/node.js';
import type { JsonObject } from '../lint/json.js';
import { appId, HEALTH_LIMITS, killGraceSeconds, nodePorts, unreachableOf } from './app.js';
import { agentVariables, SECRETS, serverImage, serverVariables } from './environment.js';
import { podServerScript } from './pod-server.js';
import { constraintsOf, resourceRolesOf, upgradeOf } from './spread.js';
import type { ConstraintTuple, FurtherPort, NodeValues, Values } from './values.js';

/** The agent's own; the server has the rest of what is said of the app. */
const AGENT = { cpus: 0.2, mem: 128 } as const;
const LEAST = { cpus: 0.1, mem: 64 } as const;
/** Both containers: the control socket is in it. The images' own place. */
const RUN = '/run/carna';
const IN_RUN = { CARNA_STATE_DIR: RUN, CARNA_CTL_SOCKET: `${RUN}/kamailio.ctl` } as const;

/**
 * A node as a pod of two containers, the agent and its SIP server; marathon/README.md says what is lost with it. The
 * agent only observes: Mesos starts the server. Pure.
 */
export function renderPod(values: Values, role: Role): JsonObject {
  const node = values.nodes[role];
  return {
    id: appId(values, role),
    // For both containers: their grace follows from it.
    environment: { CARNA_DRAIN_DEADLINE_MS: String(node.drainDeadlineMs) },
    networks: [{ mode: 'host' }],
    volumes: [{ name: 'run' }, { name: 'secrets', host: values.secretsDir }],
    containers: [agentContainer(values, role), serverContainer(values, role)],
    scaling: { kind: 'fixed', instances: node.instances },
    scheduling: scheduling(values, node, role),
  };
}

/** What both containers have. */
function shared(node: NodeValues): JsonObject {
  return {
    volumeMounts: [
      { name: 'run', mountPath: RUN },
      { name: 'secrets', mountPath: SECRETS, readOnly: true },
    ],
    lifecycle: { killGracePeriodSeconds: killGraceSeconds(node) },
  };
}

function agentContainer(values: Values, role: Role): JsonObject {
  const node = values.nodes[role];
  return {
    name: 'agent',
    resources: { ...AGENT },
    image: { kind: 'DOCKER', id: values.images.carna },
    environment: {
      ...values.env,
      ...node.env,
      ...without(
        ['CARNA_TASK_ENV_PREFIX', 'CARNA_DRAIN_DEADLINE_MS'],
        agentVariables(values, role),
      ),
      ...IN_RUN,
      CARNA_RUNTIME: 'observe',
    },
    endpoints: nodePorts(values, role).filter(isAgents).map(endpointOf),
    healthCheck: { ...HEALTH_LIMITS, http: { endpoint: 'agent', path: '/healthz' } },
    ...shared(node),
  };
}

function serverContainer(values: Values, role: Role): JsonObject {
  const node = values.nodes[role];
  // CARNA_ROLE in its environment would make it the agent: the pod's health check is found by that.
  const server = role === 'media' ? 'carna-freeswitch' : `env CARNA_ROLE=${role} carna-kamailio`;
  const script = podServerScript(server, values.ports.agent);
  return {
    name: 'server',
    resources: {
      cpus: Math.max(LEAST.cpus, rounded(node.cpus - AGENT.cpus)),
      mem: Math.max(LEAST.mem, rounded(node.mem - AGENT.mem)),
    },
    image: { kind: 'DOCKER', id: serverImage(values, role) },
    exec: { command: { argv: ['/bin/sh', '-c', script] }, overrideEntrypoint: true },
    environment: {
      ...values.env,
      ...node.env,
      ...serverVariables(values, role),
      CARNA_CTL_SOCKET: IN_RUN.CARNA_CTL_SOCKET,
    },
    endpoints: nodePorts(values, role)
      .filter((port) => !isAgents(port))
      .map(endpointOf),
    ...shared(node),
  };
}

/** In pods Marathon's prefix leaves HOST alone; the deadline is the pod's. */
function without(
  names: readonly string[],
  variables: Readonly<Record<string, string>>,
): JsonObject {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !names.includes(name)));
}

const isAgents = ({ name }: FurtherPort): boolean => name === 'agent';

function endpointOf({ name, port, protocol }: FurtherPort): JsonObject {
  return { name, hostPort: port, protocol: protocol.split(',') };
}

function scheduling(values: Values, node: NodeValues, role: Role): JsonObject {
  const constraints = constraintsOf(values, node).map(placementOf);
  return {
    backoff: { backoff: 5, backoffFactor: 1.5, maxLaunchDelay: 60 },
    upgrade: upgradeOf(node),
    killSelection: 'YOUNGEST_FIRST',
    unreachableStrategy: unreachableOf(role),
    placement: { constraints, ...resourceRolesOf(values, node) },
  };
}

function placementOf([fieldName, operator, value]: ConstraintTuple): JsonObject {
  return { fieldName, operator, ...(value === undefined ? {} : { value }) };
}

/** Without the digits that binary fractions add. */
function rounded(amount: number): number {
  return Math.round(amount * 1_000) / 1_000;
}
