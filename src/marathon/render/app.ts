import type { Role } from '../../topology/node.js';
import { GRACE_MARGIN_S } from '../lint/lint-drain-grace.js';
import type { JsonObject } from '../lint/json.js';
import {
  agentVariables,
  dockerVariables,
  engineVolume,
  reconcilerVariables,
  secretsVolume,
} from './environment.js';
import { constraintsOf, resourceRolesOf, upgradeOf } from './spread.js';
import type { AppName, AppValues, FurtherPort, NodeValues, Values } from './values.js';
import { RECONCILER } from './values.js';

/** Beyond what lint wants: the agent's goodbye and the server's own end. */
const GRACE_S = GRACE_MARGIN_S + 30;
/** It has no calls: leadership is handed over at once. */
const RECONCILER_GRACE_S = 30;

/**
 * A host that is cut off keeps its calls, and Mesos kills what was replaced when the host returns. Media nodes and
 * load-balancers have calls on them, so they are given up late and forgotten last; the others hold none, and a
 * replacement matters more.
 */
const UNREACHABLE = {
  withCalls: { inactiveAfterSeconds: 120, expungeAfterSeconds: 7_200 },
  withoutCalls: { inactiveAfterSeconds: 60, expungeAfterSeconds: 3_600 },
  reconciler: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 },
} as const;

/** A node that cannot start is tried again within a minute: Marathon's five would outlast most repairs. */
const BACKOFF = { backoffSeconds: 5, backoffFactor: 1.5, maxLaunchDelaySeconds: 60 } as const;

/** The agent restarts its server by itself within seconds; a node that fails for five minutes has to move. */
export const HEALTH_LIMITS = {
  gracePeriodSeconds: 300,
  intervalSeconds: 10,
  timeoutSeconds: 5,
  delaySeconds: 5,
  maxConsecutiveFailures: 30,
} as const;

const READINESS = {
  name: 'readiness',
  protocol: 'HTTP',
  path: '/readyz',
  portName: 'agent',
  intervalSeconds: 5,
  timeoutSeconds: 4,
  httpStatusCodesForReady: [200],
  preserveLastResponse: false,
} as const;

/** The definition of one app of a data centre, complete. Pure. */
export function renderApp(values: Values, name: AppName): JsonObject {
  return name === RECONCILER ? reconcilerApp(values) : nodeApp(values, name);
}

/** Id of an app. */
export function appId(values: Values, name: AppName): string {
  return `${values.group}/${name}`;
}

/** Whether calls run over nodes of this role: media through it, signalling of a call past its begin. */
export function hasCalls(role: Role): boolean {
  return role === 'media' || role === 'load-balancer';
}

/** What Marathon shall do with an instance on a host that it does not reach. */
export function unreachableOf(role: Role): (typeof UNREACHABLE)['withCalls' | 'withoutCalls'] {
  return hasCalls(role) ? UNREACHABLE.withCalls : UNREACHABLE.withoutCalls;
}

/** Seconds from SIGTERM to SIGKILL. */
export function killGraceSeconds({ drainDeadlineMs }: NodeValues): number {
  return Math.ceil(drainDeadlineMs / 1_000) + GRACE_S;
}

/** Ports that a node listens on, each once. */
export function nodePorts(values: Values, role: Role): readonly FurtherPort[] {
  const { sipPort, furtherPorts } = values.nodes[role];
  const { agent, esl, dmq } = values.ports;
  const isOnBus = role === 'registrar' || role === 'outbound';
  return [
    { port: sipPort, name: 'sip', protocol: 'udp,tcp' },
    { port: agent, name: 'agent', protocol: 'tcp' },
    ...(role === 'media' ? [{ port: esl, name: 'esl', protocol: 'tcp' } as const] : []),
    ...(isOnBus ? [{ port: dmq, name: 'dmq', protocol: 'udp' } as const] : []),
    ...furtherPorts,
  ];
}

function nodeApp(values: Values, role: Role): JsonObject {
  const node = values.nodes[role];
  const env = { ...agentVariables(values, role), ...dockerVariables(values, role) };
  return {
    id: appId(values, role),
    ...resources(values, node),
    container: container(
      values.images.carna,
      [
        { key: 'init', value: 'true' },
        { key: 'group-add', value: String(values.dockerSocket.group) },
      ],
      [secretsVolume(values), engineVolume(values)],
    ),
    ...network(nodePorts(values, role)),
    env: { ...values.env, ...node.env, ...env },
    ...checks(values.ports.agent),
    dependencies: [appId(values, RECONCILER)],
    ...ends(node),
    unreachableStrategy: unreachableOf(role),
    taskKillGracePeriodSeconds: killGraceSeconds(node),
  };
}

function reconcilerApp(values: Values): JsonObject {
  const app = values.reconciler;
  const { reconciler: port } = values.ports;
  return {
    id: appId(values, RECONCILER),
    ...resources(values, app),
    args: ['reconciler'],
    container: container(
      values.images.carna,
      [{ key: 'init', value: 'true' }],
      [secretsVolume(values)],
    ),
    ...network([{ port, name: 'agent', protocol: 'tcp' }]),
    env: { ...app.env, ...reconcilerVariables(values) },
    ...checks(port),
    ...ends(app),
    unreachableStrategy: UNREACHABLE.reconciler,
    taskKillGracePeriodSeconds: RECONCILER_GRACE_S,
  };
}

function resources(values: Values, app: AppValues): JsonObject {
  const { instances, cpus, mem } = app;
  const constraints = constraintsOf(values, app);
  return { instances, cpus, mem, constraints, ...resourceRolesOf(values, app) };
}

function container(
  image: string,
  parameters: readonly JsonObject[],
  volumes: readonly object[],
): JsonObject {
  const docker = { image, forcePullImage: false, parameters };
  return { type: 'DOCKER', docker, volumes: volumes as readonly JsonObject[] };
}

function network(ports: readonly FurtherPort[]): JsonObject {
  const portDefinitions = ports.map(({ port, name, protocol }) => ({ port, name, protocol }));
  return { networks: [{ mode: 'host' }], requirePorts: true, portDefinitions };
}

function checks(port: number): JsonObject {
  const health = { protocol: 'MESOS_HTTP', path: '/healthz', port, ...HEALTH_LIMITS };
  return { healthChecks: [health], readinessChecks: [READINESS] };
}

/** How instances come and go. Whoever lowers the count by hand kills the youngest, with the fewest calls. */
function ends(app: AppValues): JsonObject {
  return { upgradeStrategy: upgradeOf(app), killSelection: 'YOUNGEST_FIRST', ...BACKOFF };
}
