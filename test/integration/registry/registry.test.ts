import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { Registry } from '../../../src/registry/registry.js';
import { DeposedError } from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import {
  appliedRecord,
  generationRecord,
  intentRecord,
  nodeRecord,
} from '../../registry/records.js';
import type { TestServer } from './lab.js';
import { connected, zookeeper } from './lab.js';
import { AUTH, registryAt } from './open-registry.js';

let zk: TestServer;
before(async () => {
  zk = await zookeeper(500);
});

const registry = (dc: string, withAuth = true): Promise<Registry> =>
  registryAt(zk.address, dc, withAuth);

test('nodes, acknowledgements, intents and the generation are seen by everybody', async () => {
  const agent = await registry('fra1');
  await agent.initialise();
  await agent.initialise();
  const watcher = await registry('fra1', false);
  const all = watcher.watchAll();
  await all.whenFresh(5_000);
  let rings = 0;
  all.subscribe(() => (rings += 1), ['nodes']);

  const node = agent.publishNode('media-1');
  node.set(nodeRecord());
  assert.ok(await node.settled(5_000));
  await waitUntil('the node', 5_000, () => all.nodes().nodes.has('media-1'));
  assert.deepEqual(all.nodes().nodes.get('media-1')?.record, nodeRecord());
  const first = all.nodes().nodes.get('media-1')?.incarnation;
  const moved = nodeRecord({ sip: [{ transport: 'udp', host: '10.0.0.2', port: 5060 }] });
  node.set(moved);
  assert.ok(await node.settled(5_000));
  await waitUntil('the new life', 5_000, () => {
    return all.nodes().nodes.get('media-1')?.incarnation !== first;
  });
  assert.deepEqual(all.nodes().nodes.get('media-1')?.record, moved);
  await waitUntil('a ring', 5_000, () => rings > 0);

  const applied = agent.publishApplied('dispatcher-1');
  applied.set(appliedRecord());
  assert.ok(await applied.settled(5_000));
  await waitUntil('the acknowledgement', 5_000, () => all.applied().records.has('dispatcher-1'));
  await agent.writeIntent(intentRecord());
  await agent.writeIntent(intentRecord({ want: 'maintenance' }));
  await waitUntil('the intent', 5_000, () => {
    return all.intents().records.get('media-1')?.record.want === 'maintenance';
  });
  await agent.removeIntent('media-1');
  await agent.removeIntent('media-1');
  await waitUntil('no intent', 5_000, () => all.intents().records.size === 0);
  await node.close();
  await waitUntil('no node', 5_000, () => all.nodes().nodes.size === 0);
  await agent.close();
  await waitUntil('no acknowledgement', 5_000, () => all.applied().records.size === 0);
  all.close();
});

test('an agent that has peers sees the nodes and nothing else', async () => {
  const agent = await registry('fra7');
  await agent.initialise();
  const nodes = (await registry('fra7', false)).watchNodes();
  await nodes.whenFresh(5_000);
  assert.equal(nodes.nodes().nodes.size, 0);
  let rings = 0;
  nodes.subscribe(() => (rings += 1));
  const node = agent.publishNode('media-1');
  node.set(nodeRecord());
  assert.ok(await node.settled(5_000));
  await waitUntil('the node', 5_000, () => nodes.nodes().nodes.has('media-1'));
  assert.deepEqual(nodes.nodes().nodes.get('media-1')?.record, nodeRecord());
  assert.equal(nodes.isFresh(), true);
  // Rings are merged: the view may be read before the bell is heard.
  await waitUntil('a ring', 5_000, () => rings > 0);
  node.set(null);
  await waitUntil('its end', 5_000, () => nodes.nodes().nodes.size === 0);
});

test('an agent sees its own intent and the generation, and acknowledgements when it asks', async () => {
  const agent = await registry('fra2');
  const other = await registry('fra2');
  const view = agent.watchForAgent('media-1');
  await view.whenFresh(5_000);
  assert.equal(view.intent().record, null);
  assert.equal(view.generation().record, null);
  let rings = 0;
  view.subscribe(() => (rings += 1));
  await other.writeIntent(intentRecord({ nodeId: 'media-2' }));
  await other.writeIntent(intentRecord());
  await waitUntil('the intent', 5_000, () => view.intent().record?.want === 'drain');
  await other.writeGeneration(generationRecord());
  await waitUntil('the generation', 5_000, () => view.generation().record?.generation === 7);
  assert.equal(view.applied(), null);
  const applied = other.publishApplied('dispatcher-1');
  applied.set(appliedRecord());
  assert.ok(await applied.settled(5_000));
  view.watchApplied();
  view.watchApplied();
  await view.whenFresh(5_000);
  assert.equal(view.applied()?.records.get('dispatcher-1')?.record.generation, 7);
  await waitUntil('rings', 5_000, () => rings > 0);
  const ringsBefore = rings;
  applied.set(appliedRecord({ generation: 8 }));
  await waitUntil('the next one', 5_000, () => {
    return view.applied()?.records.get('dispatcher-1')?.record.generation === 8;
  });
  await waitUntil('its ring', 5_000, () => rings > ringsBefore);
  view.close();
});

test('a generation gives way only to a newer one', async () => {
  const leader = await registry('fra3');
  const view = leader.watchAll();
  const shows = async (generation: number, epoch: number): Promise<void> => {
    await waitUntil(`${generation} of ${epoch}`, 5_000, () => {
      const record = view.generation().record;
      return record?.generation === generation && record.epoch === epoch;
    });
  };
  assert.equal(await leader.writeGeneration(generationRecord({ generation: 5, epoch: 2 })), true);
  await shows(5, 2);
  assert.equal(await leader.writeGeneration(generationRecord({ generation: 4, epoch: 2 })), false);
  assert.equal(await leader.writeGeneration(generationRecord({ generation: 6, epoch: 2 })), true);
  await shows(6, 2);
  assert.equal(await leader.writeGeneration(generationRecord({ generation: 6, epoch: 3 })), true);
  await shows(6, 3);
  const old = leader.writeGeneration(generationRecord({ generation: 9, epoch: 2 }));
  await assert.rejects(old, DeposedError);
  const many = Array.from({ length: 20 }, (_, at) =>
    leader.writeGeneration(generationRecord({ generation: 10 + at, epoch: 3 })).catch(() => false),
  );
  await Promise.all(many);
  assert.equal(await leader.writeGeneration(generationRecord({ generation: 40, epoch: 3 })), true);
  await shows(40, 3);

  const { session } = await connected(`${zk.address}/lab`, { auth: AUTH });
  await session.setData('/carna/test/fra3/generation', Buffer.from('garbage'));
  await waitUntil('the fault', 5_000, () => view.generation().refused !== null);
  assert.equal(view.generation().record?.generation, 40);
  assert.equal(await leader.writeGeneration(generationRecord({ generation: 41, epoch: 3 })), true);
  await shows(41, 3);
});

test('B7 without the credential everything can be read and nothing written', async () => {
  const writer = await registry('fra4');
  await writer.initialise();
  const reader = await registry('fra4', false);
  await assert.rejects(reader.writeIntent(intentRecord()), { zkCode: 'NO_AUTH' });
  const node = reader.publishNode('media-1');
  node.set(nodeRecord());
  assert.equal(await node.settled(300), false);
  await node.close();
  const view = reader.watchAll();
  await view.whenFresh(5_000);
  assert.ok(view.isFresh());
  assert.equal(view.staleSinceMs, null);
  view.close();
});

test('records for another node or of no valid shape are refused by the caller', async () => {
  const agent = await registry('fra5');
  const node = agent.publishNode('media-1');
  assert.throws(() => node.set(nodeRecord({ nodeId: 'media-2' })), { code: 'CARNA_INVALID_INPUT' });
  assert.throws(() => agent.publishNode('a/b'), { code: 'CARNA_INVALID_INPUT' });
  await assert.rejects(agent.writeIntent(intentRecord({ nodeId: '..' })), {
    code: 'CARNA_INVALID_INPUT',
  });
  await node.close();
});

test('B1 a node that changes its address is never missing from the view', async () => {
  const agent = await registry('ham1');
  await agent.initialise();
  const watcher = await registry('ham1', false);
  const all = watcher.watchAll();
  await all.whenFresh(5_000);
  const own = agent.publishNode('media-1');
  const at = (port: number): ReturnType<typeof nodeRecord> =>
    nodeRecord({ dc: 'ham1', sip: [{ transport: 'udp', host: '10.0.0.1', port }] });
  own.set(at(5_000));
  await waitUntil('the node', 5_000, () => all.nodes().nodes.has('media-1'));
  let missing = 0;
  all.subscribe(() => {
    if (!all.nodes().nodes.has('media-1')) missing += 1;
  }, ['nodes']);
  for (let port = 5_001; port <= 5_040; port++) {
    own.set(at(port));
    await waitUntil('the new address', 5_000, () => portOf(all) === port, 1);
  }
  assert.equal(missing, 0);
  all.close();
});

function portOf(all: ReturnType<Registry['watchAll']>): number | undefined {
  return all.nodes().nodes.get('media-1')?.record.sip[0]?.port;
}
