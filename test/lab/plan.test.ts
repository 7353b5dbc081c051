import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressesOf, DEFAULT_SIZE, labNode, planLab } from '../../src/lab/plan.js';

test('a lab has the nodes that were asked for, each on an address of its own', () => {
  const plan = planLab({ loadBalancers: 2, dispatchers: 3, media: 4, reconcilers: 1, zookeepers: 1 }, '127.5');
  assert.deepEqual(
    plan.nodes.map((node) => node.name),
    [
      ...['lb-1', 'lb-2', 'dispatcher-1', 'dispatcher-2', 'dispatcher-3'],
      ...['media-1', 'media-2', 'media-3', 'media-4'],
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
  assert.deepEqual(labNode('127.0', 'media', 4), larger.nodes.at(-1));
});
