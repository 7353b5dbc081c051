import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseValues } from '../../../src/cli/marathon/read-values.js';
import { decodeValues } from '../../../src/marathon/render/values-codec.js';
import { ROLES } from '../../../src/topology/node.js';
import { exampleText, exampleValues, LEAST, valuesOf } from './sample.js';

type Change = Readonly<Record<string, unknown>>;

/** The mistakes of the least document with this change, as `path: what`. */
function faultsOf(change: Change): string[] {
  const decoded = decodeValues({ ...LEAST, ...change });
  return decoded.kind === 'ok' ? [] : decoded.faults.map(({ path, what }) => `${path}: ${what}`);
}

const REFUSED: readonly (readonly [change: Change, fault: RegExp])[] = [
  [{ zookeeper: undefined }, /^zookeeper: expected host:port.*found nothing$/],
  [{ zookeeper: 'zk1' }, /^zookeeper: expected host:port.*found "zk1"$/],
  [{ zookeper: 'zk1:2181' }, /^zookeper: no such setting; did you mean "zookeeper"\?$/],
  [{ quux: 1 }, /^quux: no such setting; there are cluster, dc, group/],
  [{ cluster: 'Voice' }, /^cluster: expected a lower-case name/],
  [{ group: 'carna/dc1' }, /^group: expected an absolute group/],
  [{ group: '/carna/dc_1' }, /^group: expected an absolute group/],
  [
    { images: { ...LEAST.images, carna: 'carna' } },
    /^images\.carna: expected an image with a version/,
  ],
  [{ images: { ...LEAST.images, carna: 'carna:latest' } }, /^images\.carna: .*not latest/],
  [{ images: { ...LEAST.images, carna: 'r:5000/carna' } }, /^images\.carna: .*with a version/],
  [{ images: { ...LEAST.images, kamalio: 'k:1' } }, /^images\.kamalio: .*mean "kamailio"/],
  [{ dockerSocket: {} }, /^dockerSocket\.group: expected the number of the group/],
  [{ dockerSocket: { group: 'docker' } }, /^dockerSocket\.group: .*found "docker"/],
  [
    { dockerSocket: { group: 1, path: 'docker.sock' } },
    /^dockerSocket\.path: expected an absolute/,
  ],
  [
    { dockerSocket: { group: 1, mount: 'file' } },
    /^dockerSocket\.mount: expected socket \| folder/,
  ],
  [{ drainDeadline: '90' }, /^drainDeadline: expected a duration like/],
  [{ drainDeadline: '48h' }, /^drainDeadline: expected from 1s to 24h/],
  [{ remoteZookeepers: { dc2: 'x' } }, /^remoteZookeepers\.dc2: expected host:port/],
  [{ remoteZookeepers: { DC2: 'x:1' } }, /^remoteZookeepers\.DC2: expected a name that is allowed/],
  [{ remoteZookeepers: { dc1: 'x:1' } }, /^remoteZookeepers\.dc1: .*our own/],
  [{ ports: { agent: 0 } }, /^ports\.agent: expected a port from 1 to 65535, found 0/],
  [{ ports: { dqm: 5061 } }, /^ports\.dqm: no such setting; did you mean "dmq"/],
  [{ apps: { medai: {} } }, /^apps\.medai: no such setting; did you mean "media"/],
  [{ apps: { media: 3 } }, /^apps\.media: expected settings of the app, found 3/],
  [{ apps: { media: { instances: '3' } } }, /^apps\.media\.instances: .*found "3"/],
  [{ apps: { media: { instances: -1 } } }, /^apps\.media\.instances: expected a whole number/],
  [{ apps: { media: { leastInstances: 4 } } }, /^apps\.media\.leastInstances: .*\(3\), found 4/],
  [{ apps: { media: { mem: 1 } } }, /^apps\.media\.mem: expected a number from 64/],
  [{ apps: { media: { constraints: [['rack']] } } }, /^apps\.media\.constraints\[0\]: expected/],
  [
    { apps: { media: { constraints: [['a', 'UNIQE']] } } },
    /^apps\.media\.constraints\[0\]: .*UNIQUE/,
  ],
  [{ apps: { reconciler: { sipPort: 1 } } }, /^apps\.reconciler\.sipPort: no such setting/],
  [
    { apps: { media: { ports: [{ name: 'x', port: 1 }] } } },
    /^apps\.media\.ports\[0\]\.protocol: /,
  ],
  [{ apps: { media: { ports: [{ nam: 'x', port: 1, protocol: 'tcp' }] } } }, /\.nam: .*"name"/],
  [{ acceptedResourceRoles: [] }, /^acceptedResourceRoles: expected at least one role/],
  [{ env: { CARNA_ROLE: 'media' } }, /^env\.CARNA_ROLE: the definition sets it by itself/],
  [
    { apps: { media: { env: { CARNA_SIP_PORT: 1 } } } },
    /^apps\.media\.env\.CARNA_SIP_PORT: the definition sets it/,
  ],
  [{ env: { A: null } }, /^env\.A: expected a text, a number, true or false, found null/],
  [{ env: { 'A-B': 'x' } }, /^env\.A-B: expected a name that is allowed here/],
];

for (const [change, fault] of REFUSED) {
  test(`refused with its place: ${JSON.stringify(change)}`, () => {
    const faults = faultsOf(change);
    assert.ok(
      faults.some((one) => fault.test(one)),
      faults.join('\n') || 'nothing was found',
    );
  });
}

test('what is no list of settings at all is refused', () => {
  for (const raw of [null, 'x', 3, []]) {
    const decoded = decodeValues(raw);
    assert.ok(decoded.kind === 'faulty');
    assert.match(decoded.faults[0]?.what ?? '', /expected the settings of a data centre/);
  }
});

test('all mistakes are told together', () => {
  const faults = faultsOf({ zookeeper: 'x', clustr: 'a', apps: { media: { cpus: 'two' } } });
  assert.equal(faults.length, 3, faults.join('\n'));
});

test('a value that may be a secret is not shown', () => {
  const faults = faultsOf({ env: { CARNA_ESL_PASSWORD: ['hunter2'] } });
  assert.equal(faults.length, 1);
  assert.ok(!faults.join().includes('hunter2'), faults.join());
});

test('what is left out has a default; each app may differ from the data centre', () => {
  const values = valuesOf({
    ...LEAST,
    drainDeadline: '30m',
    apps: { media: { drainDeadline: '2h', env: { CARNA_MAX_SESSIONS: 500, A: true } } },
  });
  assert.equal(values.group, '/carna/dc1');
  assert.deepEqual(
    ROLES.map((role) => values.nodes[role].drainDeadlineMs / 60_000),
    ROLES.map((role) => (role === 'media' ? 120 : 30)),
  );
  assert.deepEqual(values.nodes.media.env, { CARNA_MAX_SESSIONS: '500', A: 'true' });
  assert.deepEqual([values.nodes.media.instances, values.nodes.media.leastInstances], [3, 2]);
});

test('the example says every default as it is', () => {
  const { nodes, reconciler, images, zookeeper, ...example } = exampleValues();
  const {
    nodes: ownNodes,
    reconciler: ownReconciler,
    ...least
  } = valuesOf({
    ...LEAST,
    images,
    zookeeper,
  });
  assert.deepEqual(
    { ...least, images: null, zookeeper: null },
    { ...example, images: null, zookeeper: null },
  );
  assert.deepEqual(reconciler, ownReconciler);
  const { constraints: edges, ...edge } = nodes['load-balancer'];
  const { constraints: none, ...ownEdge } = ownNodes['load-balancer'];
  assert.deepEqual(edge, ownEdge);
  assert.deepEqual([edges.length, none.length], [1, 0]);
  assert.deepEqual({ ...nodes.media, env: {} }, ownNodes.media);
});

test('a mistake is told with its line', () => {
  const text = exampleText().replace('instances: 3', 'instnaces: 3');
  const read = parseValues(text);
  assert.ok(read.kind === 'faulty');
  const line = text.split('\n').findIndex((one) => one.includes('instnaces')) + 1;
  assert.deepEqual(
    read.faults.map(({ path, line: at }) => [path, at]),
    [['apps.media.instnaces', line]],
  );
});

for (const [what, text, says] of [
  ['a name twice', 'cluster: a\ncluster: b\n', /Map keys must be unique/],
  ['a bracket that is not closed', 'env: {\n', /no YAML/],
  ['a tab', 'env:\n\tA: b\n', /no YAML/],
  ['an unknown tag', 'cluster: !!js/function x\n', /no YAML/],
  ['aliases without end', bomb(), /alias/i],
] as const) {
  test(`refused YAML: ${what}`, () => {
    const read = parseValues(text);
    assert.ok(read.kind === 'faulty');
    assert.match(read.faults.map((fault) => fault.what).join('\n'), says);
  });
}

/** Each line repeats the one before ten times. */
function bomb(): string {
  const lines = Array.from({ length: 9 }, (_, n) => {
    const of = n === 0 ? 'x' : `*a${n - 1}`;
    return `a${n}: &a${n} [${Array.from({ length: 10 }, () => of).join(',')}]`;
  });
  return `${lines.join('\n')}\n`;
}
