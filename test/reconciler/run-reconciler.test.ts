import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openReconciler } from '../../src/reconciler/run-reconciler.js';
import { describeRow } from '../../src/topology/dispatcher-row.js';
import { setHash } from '../../src/topology/set-hash.js';
import { StoreUnavailableError } from '../../src/util/errors.js';
import { intentFor, record, rowOf } from '../topology/records.js';
import { World } from './world.js';
import { flags, lead, nothing, settle } from './reconciler-steps.js';

test('the first pass fills the table and publishes the generation with its hashes and traces', async () => {
  const world = new World();
  world.show(record('a'), record('b'));
  const reconciler = await lead(world, []);
  assert.deepEqual(flags(world), ['a 8', 'b 8']);
  assert.equal(world.znode?.generation, 1);
  assert.equal(world.znode.epoch, 1);
  assert.deepEqual(world.znode.sets, { '30': setHash(world.table) });
  assert.deepEqual(world.znode.traces, [
    { id: 'trace-a-up', generation: 1 },
    { id: 'trace-b-up', generation: 1 },
  ]);
  assert.equal(reconciler.status().counters.rowsChanged, 2);
});

test('a second pass writes nothing, not even after a full resync', async () => {
  const world = new World();
  world.show(record('a'));
  await lead(world, settle, 31_000);
  assert.equal(world.commits.length, 1);
  assert.equal(world.znodes.length, 1);
});

test('after a take-over nothing is told twice and only the epoch is published', async () => {
  const world = new World();
  world.show(record('a'));
  await lead(world, []);
  await lead(world, []);
  assert.equal(world.commits.length, 1);
  assert.deepEqual(
    world.znodes.map((z) => [z.generation, z.epoch]),
    [
      [1, 1],
      [1, 2],
    ],
  );
});

test('a goodbye is deleted, a silence is kept and told once', async () => {
  const world = new World();
  world.show(record('a', { state: 'down' }), record('b'), record('c'));
  world.table = [rowOf('a', 4)];
  const reconciler = await lead(world, [
    ...settle,
    () => world.show(record('c')),
    nothing,
    nothing,
  ]);
  assert.deepEqual(flags(world), ['b 8', 'c 8']);
  assert.deepEqual(reconciler.atEnd.silent, ['b']);
  const told = world.commits.flatMap((c) => c.audit).filter((change) => change.to === 'gone');
  assert.deepEqual(told.map((c) => [c.nodeId, c.rows.length]).sort(), [
    ['a', 1],
    ['b', 0],
  ]);
});

test('a goodbye seen between two passes is not forgotten', async () => {
  const world = new World();
  world.show(record('a'), record('b'));
  await lead(world, [
    ...settle,
    () => {
      world.show(record('a', { state: 'down' }), record('b'));
      world.show(record('b'));
    },
  ]);
  assert.deepEqual(flags(world), ['b 8']);
});

test('after a restart of the reconciler a disabled row without znode goes, an active one stays', async () => {
  const world = new World();
  world.table = [rowOf('a', 4), rowOf('b', 8)];
  await lead(world, settle);
  assert.deepEqual(flags(world), ['b 8']);
});

test('all nodes falling silent at once changes no row', async () => {
  const world = new World();
  world.show(record('a'), record('b'));
  await lead(world, [...settle, () => world.show(), ...settle], 10_000);
  assert.deepEqual(flags(world), ['a 8', 'b 8']);
});

test('the only node may be drained by its operator', async () => {
  const world = new World();
  world.show(record('a'));
  await lead(world, [() => world.intents.set('a', intentFor('a'))]);
  assert.deepEqual(flags(world), ['a 4']);
  const change = world.commits.at(-1)?.audit[0];
  assert.equal(change?.actor, 'ann');
  assert.deepEqual(change.rows, [{ setid: 30, destination: 'sip:a.test:5060', from: 8, to: 4 }]);
});

test('a drain whose row is disabled already is published without a new generation', async () => {
  const world = new World();
  world.show(record('a'), record('b'));
  await lead(world, [
    () => world.intents.set('a', intentFor('a')),
    () => world.show(record('a', { state: 'draining' }), record('b')),
  ]);
  assert.equal(world.tableGeneration, 2);
  assert.deepEqual(world.commits.at(-1)?.changes, []);
  assert.deepEqual(world.znode?.traces.at(-1), { id: 'trace-a-draining', generation: 2 });
});

test('an intent withdrawn brings the node back', async () => {
  const world = new World();
  world.show(record('a'), record('b'));
  await lead(world, [
    () => world.intents.set('a', intentFor('a')),
    () => world.intents.delete('a'),
  ]);
  assert.deepEqual(flags(world), ['a 8', 'b 8']);
});

test('a foreign row and an invalid node are told, the rest is written', async () => {
  const world = new World();
  world.table = [rowOf('a', 0, { description: 'by hand' })];
  const broken = record('x', { sip: [{ transport: 'udp', host: 'no host', port: 5060 }] });
  world.show(record('a'), record('b'), broken);
  const reconciler = await lead(world, []);
  const { foreign, refused } = reconciler.atEnd;
  assert.deepEqual([foreign.length, refused.length], [1, 1]);
  assert.deepEqual(
    world.table.map((row) => row.description),
    ['by hand', describeRow('b')],
  );
});

for (const [what, part] of [
  ['no node', { description: 'carna: by hand' }],
  ['nothing', { description: 'carna:' }],
  ['nothing of another data centre', { description: 'carna:dc2/' }],
  ['a node, at what is no address', { description: 'carna:gw', destination: 'sip:g\tw:5060' }],
] as const) {
  test(`a row with our tag that names ${what} is told and left alone, all else goes on`, async () => {
    const world = new World();
    const row = rowOf('gw', 8, part);
    world.table = [row];
    world.show(record('a'));
    const reconciler = await lead(world, [...settle, ...settle], 10_000);
    const status = reconciler.atEnd;
    assert.equal(status.failure, null);
    assert.deepEqual(
      status.refused.map(({ row: refused }) => refused),
      [row],
    );
    assert.deepEqual(status.silent, []);
    assert.deepEqual(world.table, [row, rowOf('a', 8, { attrs: 'weight=100;rweight=100' })]);
    assert.equal(world.znode?.generation, world.tableGeneration);
    assert.equal(world.logged.filter((text) => text === 'rows refused').length, 1);
  });
}

test('a row of somebody else in a set that cannot be does not keep the generation from being told', async () => {
  const world = new World();
  world.table = [rowOf('gw', 8, { setid: -1, description: 'by hand' })];
  world.show(record('a'));
  const reconciler = await lead(world, []);
  assert.equal(reconciler.atEnd.failure, null);
  assert.deepEqual(Object.keys(world.znode?.sets ?? {}), ['30']);
});

test('acknowledgements are noted once each, with the sets of their role, and tried again', async () => {
  const world = new World();
  world.fail('recordLive', new StoreUnavailableError('away'));
  world.show(record('a'));
  const ack = { schema: 1, role: 'dispatcher', sets: {}, provenAtMs: 3 } as const;
  world.applied.set('d1', { ...ack, nodeId: 'd1', generation: 1, drift: null });
  world.applied.set('d2', { ...ack, nodeId: 'd2', generation: 1, drift: 'set 30 differs' });
  const flush = (): void => world.notify();
  const { term, bell } = world.term([flush, flush, flush, flush], 1);
  const slow = {
    ...bell,
    wait: async (ms: number, signal: AbortSignal) => {
      await bell.wait(ms, signal);
      for (let i = 0; i < 20; i++) await Promise.resolve();
    },
  };
  await openReconciler(world.deps(slow)).lead(term);
  assert.deepEqual(world.proofs, [
    {
      kamailio: 'd1',
      setids: [10, 20, 30, 40, 50, 130],
      generation: 1,
      provenAtMs: 3,
    },
  ]);
});
