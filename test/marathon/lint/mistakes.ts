import type { Rule } from '../../../src/marathon/lint/finding.js';

/** Sets, or with undefined removes, the member at a path like `a.0.b`. */
export function put(document: unknown, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce<unknown>(
    (at, name) => ((at as Record<string, unknown>)[name] ??= {}),
    document,
  ) as Record<string, unknown>;
  if (value === undefined && Array.isArray(parent)) parent.splice(Number(last), 1);
  else if (value === undefined) Reflect.deleteProperty(parent, last);
  else parent[last] = value;
}

/** What is written where, where it must be named, by which rule, and in which words. */
export type Mistake = readonly [
  path: string,
  value: unknown,
  place: string,
  rule: Rule,
  says: RegExp,
];

const HEALTH = 'healthChecks.0';
const PORTS = 'portDefinitions';

/** One mistake each in a good app. */
export const IN_APP: readonly Mistake[] = [
  [
    `${HEALTH}.gracePeriodSecond`,
    60,
    'healthChecks[0].gracePeriodSecond',
    'unknown-field',
    /"gracePeriodSeconds"/,
  ],
  [
    'container.docker.forcePull',
    true,
    'container.docker.forcePull',
    'unknown-field',
    /forcePullImage/,
  ],
  [
    'container.docker.requirePorts',
    true,
    'container.docker.requirePorts',
    'unknown-field',
    /top of an app/,
  ],
  ['constraint', [['@hostname', 'UNIQUE']], 'constraint', 'unknown-field', /"constraints"/],
  ['environment', {}, 'environment', 'unknown-field', /"env"/],
  ['ports', [5060], 'ports', 'gone-field', /portDefinitions/],
  ['uris', ['http://a/b'], 'uris', 'gone-field', /fetch/],
  ['container.docker.network', 'BRIDGE', 'container.docker.network', 'gone-field', /"networks"/],
  [`${PORTS}.0.protocol`, 'tcp,udp', 'portDefinitions[0].protocol', 'value', /"udp,tcp"/],
  [`${PORTS}.0.protocol`, 'UDP', 'portDefinitions[0].protocol', 'value', /write "udp"/],
  [`${PORTS}.0.port`, '16384-30999', 'portDefinitions[0].port', 'value', /no port ranges/],
  [`${PORTS}.0.port`, 70_000, 'portDefinitions[0].port', 'value', /0 to 65535/],
  [`${PORTS}.0.port`, 0, 'portDefinitions[0].port', 'port', /waits for ever/],
  [`${PORTS}.0.name`, 'sip_udp', 'portDefinitions[0].name', 'value', /"_" is not allowed/],
  [`${PORTS}.0.name`, 'sip-udp', 'portDefinitions[0].name', 'port', /PORT_SIP-UDP/],
  [`${PORTS}.1.name`, 'sip', 'portDefinitions[1].name', 'port', /a name twice/],
  [
    `${PORTS}.2`,
    { port: 5060, protocol: 'tcp' },
    'portDefinitions[2].port',
    'port',
    /overlapping ranges/,
  ],
  ['requirePorts', undefined, 'portDefinitions[0].port', 'port', /service port/],
  [PORTS, undefined, 'portDefinitions', 'port', /nothing to require/],
  [
    'container.portMappings',
    [{ containerPort: 5060 }],
    'container.portMappings',
    'port',
    /host network/,
  ],
  [
    'taskKillGracePeriodSeconds',
    1800,
    'taskKillGracePeriodSeconds',
    'drain-grace',
    /at least 1860 s/,
  ],
  [
    'taskKillGracePeriodSeconds',
    undefined,
    'taskKillGracePeriodSeconds',
    'drain-grace',
    /means 5 s/,
  ],
  ['env.CARNA_DRAIN_DEADLINE_MS', undefined, 'taskKillGracePeriodSeconds', 'drain-grace', /3660 s/],
  [
    'upgradeStrategy.maximumOverCapacity',
    0.5,
    'upgradeStrategy.maximumOverCapacity',
    'upgrade',
    /UNIQUE/,
  ],
  ['upgradeStrategy', undefined, 'upgradeStrategy.maximumOverCapacity', 'upgrade', /means 1/],
  [
    'upgradeStrategy.minimumHealthCapacity',
    1,
    'upgradeStrategy.minimumHealthCapacity',
    'upgrade',
    /below 1/,
  ],
  ['healthChecks', undefined, 'healthChecks', 'health-check', /one MESOS_HTTP check/],
  [`${HEALTH}.protocol`, 'HTTP', 'healthChecks[0].protocol', 'health-check', /leader/],
  [
    `${HEALTH}.protocol`,
    'MESOS_TCP',
    'healthChecks[0].protocol',
    'health-check',
    /does not ask the agent/,
  ],
  [`${HEALTH}.port`, 5060, 'healthChecks[0].port', 'health-check', /127\.0\.0\.1/],
  [`${HEALTH}.port`, undefined, 'healthChecks[0].portIndex', 'health-check', /9100/],
  [`${HEALTH}.path`, '/readyz', 'healthChecks[0].path', 'health-check', /draining/],
  [
    `${HEALTH}.maxConsecutiveFailures`,
    0,
    'healthChecks[0].maxConsecutiveFailures',
    'health-check',
    /first failure/,
  ],
  [
    'healthChecks.1',
    { protocol: 'MESOS_HTTP', port: 5060 },
    'healthChecks[1]',
    'health-check',
    /one Mesos check/,
  ],
  ['unreachableStrategy', undefined, 'unreachableStrategy', 'unreachable', /killed with the calls/],
  [
    'unreachableStrategy',
    { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 },
    'unreachableStrategy',
    'unreachable',
    /above 0/,
  ],
  [
    'unreachableStrategy.inactiveAfterSeconds',
    5,
    'unreachableStrategy.inactiveAfterSeconds',
    'unreachable',
    /60 s/,
  ],
  [
    'unreachableStrategy.expungeAfterSeconds',
    60,
    'unreachableStrategy.expungeAfterSeconds',
    'unreachable',
    /120/,
  ],
  ['killSelection', 'OLDEST_FIRST', 'killSelection', 'kill-selection', /most calls/],
  ['killSelection', 'youngest_first', 'killSelection', 'value', /"YOUNGEST_FIRST"/],
  ['labels.draining', 'true', 'labels.draining', 'switch', /carna drain/],
  ['env.CARNA_MAINTENANCE', '1', 'env.CARNA_MAINTENANCE', 'switch', /restarts every instance/],
  ['env.MEDIA_ENABLED', 'false', 'env.MEDIA_ENABLED', 'switch', /restarts every instance/],
  ['env.MESOS_TASK_ID', 'media-1', 'env.MESOS_TASK_ID', 'reserved-env', /same identity/],
  ['env.PORT0', '5060', 'env.PORT0', 'reserved-env', /Marathon does not set/],
  ['env.CARNA_HTTP_PROT', '9100', 'env.CARNA_HTTP_PROT', 'variable', /CARNA_HTTP_PORT/],
  ['env.CARNA_SIP_PORT', 5060, 'env.CARNA_SIP_PORT', 'value', /in quotes: "5060"/],
  [
    'env.CARNA_ESL_PASSWORD',
    'hunter2',
    'env.CARNA_ESL_PASSWORD',
    'secret',
    /CARNA_ESL_PASSWORD_FILE/,
  ],
  // A password may begin as a path does.
  ['env.CARNA_ESL_PASSWORD', '/hunter2', 'env.CARNA_ESL_PASSWORD', 'secret', /_FILE/],
  [
    'env.CARNA_DATABASE_URL',
    'postgres://u:hunter2@db/c',
    'env.CARNA_DATABASE_URL',
    'secret',
    /_FILE/,
  ],
  ['env.API_TOKEN', 'hunter2', 'env.API_TOKEN', 'secret', /not shown/],
  ['fetch', [{ uri: 'https://u:hunter2@repo/x.tgz' }], 'fetch[0].uri', 'secret', /not shown/],
  ['args', ['--token=hunter2'], 'args[0]', 'secret', /not shown/],
  ['cmd', 'PASSWORD=hunter2 carna agent', 'cmd', 'secret', /not shown/],
  ['uris', ['https://u:hunter2@repo/x.tgz'], 'uris', 'gone-field', /fetch/],
  ['cpus', 'PASSWORD=hunter2', 'cpus', 'value', /PASSWORD=…/],
  ['env.DB', { secret: 'db' }, 'env.DB', 'secret', /plugin/],
  ['networks', [{ mode: 'container/bridge' }], 'networks[0].mode', 'network', /RTP/],
  ['networks', undefined, 'networks', 'network', /publishes/],
  ['networks.0.name', 'host', 'networks[0].name', 'network', /no name/],
  ['container.type', 'MESOS', 'container.type', 'container', /SIGTERM/],
  ['container', undefined, 'container.type', 'container', /SIGTERM/],
  ['container.docker.image', 'carna:latest', 'container.docker.image', 'container', /version/],
  [
    'container.docker.parameters.0.key',
    'restart',
    'container.docker.parameters[0].key',
    'container',
    /comes back/,
  ],
  ['cmd', 'carna agent', 'cmd', 'command', /process 1/],
  ['cmd', 'x', 'cmd', 'command', /two characters/],
  ['constraints', [], 'constraints', 'constraint', /RTP ports/],
  ['constraints.1', ['@zone', 'MAX_PER'], 'constraints[1]', 'constraint', /MAX_PER with/],
  ['constraints.1', ['@zone', 'GROUP_BY'], 'constraints[1]', 'constraint', /number of groups/],
  ['constraints.1', ['@zone', 'GROUP_BY', '0'], 'constraints[1]', 'constraint', /divides/],
  ['constraints.1', ['@zone', 'GROUP_BY', '-1'], 'constraints[1]', 'constraint', /divides/],
  ['constraints.1', ['@zone', 'UNIQE'], 'constraints[1]', 'constraint', /UNIQUE/],
  ['acceptedResourceRoles', ['slave_public'], 'acceptedResourceRoles', 'resource-role', /edge/],
  ['acceptedResourceRoles', [], 'acceptedResourceRoles', 'resource-role', /empty/],
  ['residency', { taskLostBehavior: 'WAIT_FOREVER' }, 'residency', 'state', /PostgreSQL/],
  [
    'readinessChecks',
    [{ portName: 'http' }],
    'readinessChecks[0].portName',
    'readiness',
    /no port/,
  ],
  ['readinessChecks', [{ portName: 'agent' }], 'readinessChecks[0]', 'readiness', /never ends/],
  ['labels.MARATHON_SINGLE_INSTANCE_APP', 'true', 'instances', 'single-instance', /one instance/],
  ['instances', '3', 'instances', 'value', /without quotes: 3/],
  ['instances', null, 'instances', 'value', /null is read as absent/],
  ['id', '/Carna/media', 'id', 'value', /lower-case/],
  ['id', undefined, 'id', 'missing-field', /without it/],
];

/** In an app that is no node of ours, upgraded within its count and without health checks. */
export const IN_TOOL: readonly Mistake[] = [
  ['readinessChecks', [{ portName: 'web' }], 'readinessChecks', 'readiness', /never goes on/],
  ['check', { exec: { command: { shell: 'true' } } }, 'check', 'readiness', /"healthChecks"/],
  ['constraints', [['@zone', 'GROUP_BY']], 'constraints[0]', 'constraint', /none is ever placed/],
];
