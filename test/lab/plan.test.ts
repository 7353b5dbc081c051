import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressesOf } from '../../src/lab/addresses.js';
import { DEFAULT_SIZE, labNode, planLab, planLabs, zookeeperServers } from '../../src/lab/plan.js';

test('a lab has the nodes that were asked for, each on an address of its own', () => {
  const plan = planLab(
    {
      loadBalancers: 2,
      dispatchers: 3,
      media: 4,
      registrars: 1,
      outbounds: 2,
      reconcilers: 1,
      zookeepers: 1,
    },
    '127.5',
  );
  assert.deepEqual(
    plan.nodes.map((node) => node.name),
    [
      ...['lb-1', 'lb-2', 'dispatcher-1', 'dispatcher-2', 'dispatcher-3'],
      ...['media-1', 'media-2', 'media-3', 'media-4'],
      ...['registrar-1', 'outbound-1', 'outbound-2'],
    ],
  );
  assert.ok(plan.nodes.every((node) => node.sip.host.startsWith('127.5.')));
  const keys = addressesOf(plan).map(
    ({ address, udp }) => `${address.host}:${address.port} ${udp}`,
  );
  assert.equal(new Set(keys).size, keys.length);
});

test('only media has an event socket', () => {
  const { nodes } = planLab(DEFAULT_SIZE, '127.0');
  for (const node of nodes) assert.equal(node.esl !== null, node.role === 'media');
});

test('a node added later is the one that a larger lab would have had', () => {
  const larger = planLab({ ...DEFAULT_SIZE, media: 4 }, '127.0');
  assert.deepEqual(
    larger.nodes.filter(({ role }) => role === 'media').at(-1),
    labNode(larger, 'media', 4),
  );
});

test('one ZooKeeper stands alone; three are an ensemble that clients know as a whole', () => {
  const one = planLab(DEFAULT_SIZE, '127.5');
  assert.deepEqual(
    one.zookeepers.map(({ name, peers }) => [name, peers]),
    [['zookeeper', null]],
  );
  assert.equal(zookeeperServers(one), '127.5.1.1:2181');
  const three = planLab({ ...DEFAULT_SIZE, zookeepers: 3 }, '127.5');
  assert.equal(zookeeperServers(three), '127.5.3.1:2181,127.5.3.2:2181,127.5.3.3:2181');
  assert.deepEqual(
    three.zookeepers.map(({ name, id }) => [name, id]),
    [
      ['zookeeper-1', 1],
      ['zookeeper-2', 2],
      ['zookeeper-3', 3],
    ],
  );
  const wanted = addressesOf(three).filter(({ who }) => who === 'zookeeper-2');
  assert.deepEqual(
    wanted.map(({ address }) => address.port),
    [2181, 2888, 3888],
  );
});

test('each data centre has addresses and names of its own, and knows the others', () => {
  const [one, two] = planLabs(DEFAULT_SIZE, '127.5', 2);
  assert.ok(one !== undefined && two !== undefined);
  assert.deepEqual(one.site, {
    dc: 'dc1',
    prefix: '',
    remotes: [{ dc: 'dc2', zookeeper: '127.6.1.1:2181' }],
  });
  assert.deepEqual(two.site.remotes, [{ dc: 'dc1', zookeeper: '127.5.1.1:2181' }]);
  assert.equal(two.nodes[0]?.name, 'dc2-lb-1');
  const names = [...one.nodes, ...two.nodes].map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  const hosts = [...addressesOf(one), ...addressesOf(two)].map(
    ({ address, udp }) => `${address.host}:${address.port} ${udp}`,
  );
  assert.equal(new Set(hosts).size, hosts.length);
  assert.equal(labNode(two, 'media', 4).name, 'dc2-media-4');
});

test('numbers that do not suffice for so many data centres are refused', () =>
  assert.throws(() => planLabs(DEFAULT_SIZE, '127.255', 2), RangeError));
