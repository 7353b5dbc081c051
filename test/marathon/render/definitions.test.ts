import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lintFacts } from '../../../src/cli/lint-files.js';
import type { Json } from '../../../src/marathon/lint/json.js';
import { lintDefinition } from '../../../src/marathon/lint/lint.js';
import { hasCalls, renderApp } from '../../../src/marathon/render/app.js';
import { renderGroup } from '../../../src/marathon/render/group.js';
import { renderPod } from '../../../src/marathon/render/pod.js';
import type { AppName, Values } from '../../../src/marathon/render/values.js';
import { APP_NAMES } from '../../../src/marathon/render/values.js';
import { ROLES } from '../../../src/topology/node.js';
import { IN_APP, put } from '../lint/mistakes.js';
import { IN_POD } from '../lint/pod-mistakes.js';
import type { SchemaName } from '../schemas.js';
import { strictValidator } from '../schemas.js';
import { exampleValues, LEAST, sent, valuesOf } from './sample.js';

const FACTS = lintFacts();
const VALID = {
  app: strictValidator('app'),
  group: strictValidator('group'),
  pod: strictValidator('pod'),
};

const SAMPLES: Readonly<Record<string, Values>> = {
  'the least that must be said': valuesOf(LEAST),
  'the example': exampleValues(),
  'everything that may be said': valuesOf({
    ...LEAST,
    cluster: 'voice',
    dc: 'north',
    group: '/sip/north',
    remoteZookeepers: { south: 'a:2181,b:2181', west: 'c:2181/x' },
    secretsDir: '/srv/secrets',
    zookeeperAuth: false,
    routeSecret: false,
    dockerSocket: { path: '/run/engine-1/docker.sock', group: 0, mount: 'folder' },
    drainDeadline: '90s',
    environmentPrefix: 'MARATHON_',
    ports: { agent: 9200, reconciler: 9201, esl: 8022, dmq: 5070 },
    constraints: [
      ['@hostname', 'UNIQUE'],
      ['rack', 'MAX_PER', 2],
    ],
    acceptedResourceRoles: ['*'],
    env: { CARNA_DOCKER_PULL: 'never' },
    apps: {
      'load-balancer': {
        instances: 1,
        sipPort: 5080,
        acceptedResourceRoles: ['slave_public'],
        constraints: [['@hostname', 'CLUSTER', 'edge-1']],
        ports: [{ name: 'sips', port: 5081, protocol: 'tcp' }],
      },
      media: { instances: 40, leastInstances: 10, drainDeadline: '2h', cpus: 0.3, mem: 100 },
      outbound: { instances: 0 },
      reconciler: { instances: 3, env: { CARNA_LOG_LEVEL: 'debug' } },
    },
  }),
};

function assertGood(kind: SchemaName, definition: Json): void {
  const document = sent(definition);
  assert.ok(VALID[kind](document), JSON.stringify(VALID[kind].errors));
  assert.deepEqual(lintDefinition(document as Json, FACTS), []);
}

/** What tests look at in an app. */
interface App {
  readonly id: string;
  readonly instances: number;
  readonly env: Readonly<Record<string, string>>;
  readonly container: {
    readonly docker: {
      readonly parameters: readonly { readonly key: string; readonly value: string }[];
    };
    readonly volumes: readonly {
      readonly hostPath: string;
      readonly containerPath: string;
      readonly mode: string;
    }[];
  };
  readonly constraints: readonly (readonly string[])[];
  readonly portDefinitions: readonly { readonly port: number; readonly name: string }[];
  readonly taskKillGracePeriodSeconds: number;
  readonly upgradeStrategy: Readonly<Record<string, number>>;
  readonly dependencies?: readonly string[];
  readonly labels?: unknown;
}

const appOf = (values: Values, name: AppName): App => renderApp(values, name) as unknown as App;

for (const [what, values] of Object.entries(SAMPLES)) {
  test(`${what}: the group and each app pass the strict schemas and carna lint`, () => {
    assertGood('group', renderGroup(values));
    for (const name of APP_NAMES) assertGood('app', renderApp(values, name));
  });

  test(`${what}: each role passes them as a pod`, () => {
    for (const role of ROLES) assertGood('pod', renderPod(values, role));
  });

  test(`${what}: the grace outlasts the drain, each port is there once, nothing names a secret`, () => {
    for (const role of ROLES) {
      const {
        env,
        portDefinitions,
        taskKillGracePeriodSeconds: graceS,
        labels,
      } = appOf(values, role);
      assert.ok(graceS * 1_000 >= Number(env['CARNA_DRAIN_DEADLINE_MS']) + 60_000);
      assert.equal(new Set(portDefinitions.map(({ port }) => port)).size, portDefinitions.length);
      assert.equal(labels, undefined);
      for (const name of ['CARNA_ESL_PASSWORD', 'CARNA_KAMAILIO_DB_URL', 'CARNA_ZOOKEEPER_AUTH']) {
        assert.equal(env[name], undefined);
      }
    }
  });

  test(`${what}: an app has a host of its own for each instance and comes after the reconciler`, () => {
    for (const role of ROLES) {
      const { constraints, dependencies } = appOf(values, role);
      const alone = constraints.filter((one) => one.join() === '@hostname,UNIQUE');
      assert.equal(alone.length, 1);
      assert.deepEqual(dependencies, [`${values.group}/reconciler`]);
    }
    assert.equal(appOf(values, 'reconciler').dependencies, undefined);
  });
}

test('agents get the engine and its group, the reconciler does not', () => {
  const values = SAMPLES['everything that may be said'] as Values;
  const media = appOf(values, 'media');
  assert.deepEqual(
    media.container.docker.parameters.map(({ key, value }) => `${key}=${value}`),
    ['init=true', 'group-add=0'],
  );
  assert.deepEqual(
    media.container.volumes.map((one) => Object.values(one).join(' ')),
    ['/srv/secrets /secrets RO', '/run/engine-1 /run/engine RW'],
  );
  assert.equal(media.env['CARNA_DOCKER_SOCKET'], '/run/engine/docker.sock');
  assert.equal(
    appOf(valuesOf(LEAST), 'media').container.volumes[1]?.containerPath,
    '/var/run/docker.sock',
  );
  const reconciler = appOf(values, 'reconciler');
  assert.deepEqual(
    reconciler.container.volumes.map(({ containerPath }) => containerPath),
    ['/secrets'],
  );
  assert.equal(reconciler.env['CARNA_REMOTE_ZOOKEEPERS'], 'south=a:2181,b:2181;west=c:2181/x');
  assert.equal(reconciler.env['CARNA_DOCKER_PULL'], undefined);
  assert.equal(media.env['CARNA_DOCKER_PULL'], 'never');
});

test('each role is told the files that it needs, and no others', () => {
  const values = valuesOf(LEAST);
  const filesOf = (name: AppName): string[] =>
    Object.values(appOf(values, name).env)
      .filter((value) => value.startsWith('/secrets/'))
      .sort();
  const files = Object.fromEntries(APP_NAMES.map((name) => [name, filesOf(name)]));
  const kamailio = (role: string, ...more: string[]): string[] => [
    '/secrets/agent-database-url',
    `/secrets/kamailio-db-url-${role}`,
    ...more,
    '/secrets/zookeeper-auth',
  ];
  assert.deepEqual(files, {
    reconciler: ['/secrets/reconciler-database-url', '/secrets/zookeeper-auth'],
    media: ['/secrets/esl-password', '/secrets/zookeeper-auth'],
    registrar: kamailio('registrar'),
    outbound: kamailio('outbound'),
    dispatcher: kamailio('dispatcher'),
    'load-balancer': kamailio('load-balancer', '/secrets/route-secret'),
  });
});

test('every variable of a rendered app is one that a program reads', () => {
  for (const values of Object.values(SAMPLES)) {
    for (const name of APP_NAMES) {
      const unknown = Object.keys(appOf(values, name).env).filter(
        (one) => !FACTS.variables.has(one),
      );
      assert.deepEqual(unknown, [], name);
    }
  }
});

/** Holds only of an agent that answers on loopback alone. */
const IS_LOOPBACK = /never ends/;

for (const role of ROLES) {
  test(`mistakes in the rendered ${role} are caught: as an app and as a pod`, () => {
    const values = valuesOf({ ...LEAST, drainDeadline: '30m' });
    const seeded = [
      ...IN_APP.map((mistake) => ['app', mistake] as const),
      ...IN_POD.map((mistake) => ['pod', mistake] as const),
    ];
    // Given up after 60 s: then it may be forgotten after 60 s as well.
    const isEarly = !hasCalls(role);
    let caught = 0;
    for (const [kind, [path, value, place, rule, says]] of seeded) {
      if (rule === 'readiness' && IS_LOOPBACK.test(says.source)) continue;
      if (role !== 'media' && /RTP ports/.test(says.source)) continue;
      if (role === 'load-balancer' && rule === 'resource-role' && /edge/.test(says.source))
        continue;
      if (isEarly && place.endsWith('expungeAfterSeconds')) continue;
      const document = sent(kind === 'app' ? renderApp(values, role) : renderPod(values, role));
      put(document, path, value);
      const findings = lintDefinition(document as Json, FACTS);
      const found = findings.some((one) => one.path === place && one.rule === rule);
      assert.ok(found, `${kind} ${path} = ${JSON.stringify(value)}: ${JSON.stringify(findings)}`);
      caught++;
    }
    assert.ok(caught >= 85, `${caught} mistakes`);
  });
}
