import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rule } from '../../../src/marathon/lint/finding.js';
import type { Json } from '../../../src/marathon/lint/json.js';
import { lintDefinition } from '../../../src/marathon/lint/lint.js';
import { strictValidator } from '../schemas.js';
import { FACTS, goodApp, goodGroup, goodPod } from './good.js';

/** Sets, or with undefined removes, the member at a path like `a.0.b`. */
function put(document: unknown, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce<unknown>(
    (at, name) => (at as Record<string, unknown>)[name],
    document,
  ) as Record<string, unknown>;
  if (value === undefined && Array.isArray(parent)) parent.splice(Number(last), 1);
  else if (value === undefined) Reflect.deleteProperty(parent, last);
  else parent[last] = value;
}

type Mistake = readonly [path: string, value: unknown, place: string, rule: Rule, says: RegExp];

const HEALTH = 'healthChecks.0';
const PORTS = 'portDefinitions';

/** One mistake each in a good app: what is written where, and where it must be named. */
const IN_APP: readonly Mistake[] = [
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

const IN_GROUP: readonly Mistake[] = [
  [
    'apps.1.healthChecks.0.gracePeriodSecond',
    1,
    'apps[1].healthChecks[0].gracePeriodSecond',
    'unknown-field',
    /"gracePeriodSeconds"/,
  ],
  [
    'apps.1.taskKillGracePeriodSeconds',
    5,
    'apps[1].taskKillGracePeriodSeconds',
    'drain-grace',
    /SIGKILL/,
  ],
  [
    'groups.0.apps.0.killSelection',
    'OLDEST_FIRST',
    'groups[0].apps[0].killSelection',
    'kill-selection',
    /most calls/,
  ],
  ['pods', [], 'pods', 'unknown-field', /\/v2\/pods/],
  ['scaleBy', 2, 'scaleBy', 'group', /multiplies/],
  ['apps.1.id', 'media', 'apps[1].id', 'group', /twice/],
  ['apps.1.id', '/other/media', 'apps[1].id', 'group', /outside of its group/],
];

const IN_POD: readonly Mistake[] = [
  ['taskKillGracePeriodSeconds', 3700, 'taskKillGracePeriodSeconds', 'unknown-field', /lifecycle/],
  [
    'containers.0.lifecycle',
    undefined,
    'containers[0].lifecycle.killGracePeriodSeconds',
    'drain-grace',
    /means 3 s/,
  ],
  [
    'containers.1.lifecycle.killGracePeriodSeconds',
    60,
    'containers[1].lifecycle.killGracePeriodSeconds',
    'drain-grace',
    /SIGTERM together/,
  ],
  [
    'containers.0.healthCheck',
    undefined,
    'containers[0].healthCheck',
    'health-check',
    /HTTP check of the agent/,
  ],
  [
    'containers.0.healthCheck.http.endpoint',
    'sip',
    'containers[0].healthCheck.http.endpoint',
    'health-check',
    /no such endpoint/,
  ],
  [
    'containers.0.endpoints.0.hostPort',
    9000,
    'containers[0].healthCheck.http.endpoint',
    'health-check',
    /9100/,
  ],
  [
    'containers.1.endpoints.0.protocol',
    ['udp,tcp'],
    'containers[1].endpoints[0].protocol[0]',
    'value',
    /a text like/,
  ],
  [
    'containers.1.endpoints.0.protocol',
    ['sctp'],
    'containers[1].endpoints[0].protocol[0]',
    'port',
    /"udp", "tcp"/,
  ],
  [
    'containers.1.endpoints.0.containerPort',
    5060,
    'containers[1].endpoints[0].containerPort',
    'port',
    /hostPort/,
  ],
  [
    'scheduling.placement.constraints.1',
    { fieldName: '@zone', operator: 'GROUP_BY' },
    'scheduling.placement.constraints[1]',
    'constraint',
    /who dies/,
  ],
  [
    'scheduling.killSelection',
    'OLDEST_FIRST',
    'scheduling.killSelection',
    'kill-selection',
    /youngest/,
  ],
  [
    'scheduling.upgrade',
    undefined,
    'scheduling.upgrade.maximumOverCapacity',
    'upgrade',
    /never ends/,
  ],
  [
    'containers.0.environment.MESOS_TASK_ID',
    'x',
    'containers[0].environment.MESOS_TASK_ID',
    'reserved-env',
    /dropped/,
  ],
];

for (const [name, good, mistakes] of [
  ['app', goodApp, IN_APP],
  ['group', goodGroup, IN_GROUP],
  ['pod', goodPod, IN_POD],
] as const) {
  test(`a good ${name} passes, and the schema agrees`, () => {
    const validate = strictValidator(name);
    assert.ok(validate(good()), JSON.stringify(validate.errors));
    assert.deepEqual(lintDefinition(good() as Json, FACTS), []);
  });

  for (const [path, value, place, rule, says] of mistakes) {
    test(`${name}: ${path} = ${JSON.stringify(value) ?? 'nothing'} is caught at ${place}`, () => {
      const document = good();
      put(document, path, value);
      const findings = lintDefinition(document as Json, FACTS);
      const found = findings.find((one) => one.path === place && one.rule === rule);
      assert.ok(found, JSON.stringify(findings, null, 1));
      assert.match(Object.values(found).join('\n'), says);
      assert.ok(!JSON.stringify(findings).includes('hunter2'), 'a secret is shown');
    });
  }
}

test('whoever is no SIP node may use the defaults that cost no calls', () => {
  const app = { id: '/tools/web', cmd: 'sleep 100', instances: 2 };
  assert.deepEqual(lintDefinition(app, FACTS), []);
});

test('a list of apps names each place by its index', () => {
  const broken = { ...goodApp(), id: '/carna/x', instance: 3 };
  const paths = lintDefinition([goodApp(), broken] as Json, FACTS).map(({ path }) => path);
  assert.deepEqual(paths, ['[1].instance']);
});

/** Every place in a document, as `put` takes it. */
function placesIn(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, of]) => {
    const here = path === '' ? name : `${path}.${name}`;
    return [here, ...placesIn(of, here)];
  });
}

const WRONG = [undefined, null, -1, 1.5, 70_000, 'x', '', 'A_B', true, {}, [], [1], { a: 1 }];

for (const [name, good] of [
  ['app', goodApp],
  ['group', goodGroup],
  ['pod', goodPod],
] as const) {
  test(`whatever the schema refuses in a changed ${name} is found`, () => {
    const validate = strictValidator(name);
    let refused = 0;
    for (const path of placesIn(good())) {
      for (const value of WRONG) {
        const document = good();
        put(document, path, value);
        if (validate(document)) continue;
        refused++;
        const text = `${path} = ${JSON.stringify(value)}: ${JSON.stringify(validate.errors?.[0])}`;
        assert.notEqual(lintDefinition(document, FACTS).length, 0, text);
      }
    }
    assert.ok(refused > 200, `${refused} refused`);
  });
}
