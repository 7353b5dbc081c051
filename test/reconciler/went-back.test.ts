import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generationZnode } from '../../src/reconciler/adapters.js';
import { StoreConflictError } from '../../src/util/errors.js';
import { generationRecord } from '../registry/records.js';
import { record, rowOf } from '../topology/records.js';
import { leading } from './admission-rig.js';
import { flags, lead, nothing, settle } from './reconciler-steps.js';
import type { Step } from './world.js';
import { SETTLE_MS, World } from './world.js';

const down = record('a', { state: 'down' });

/** Keeps what PostgreSQL holds now; what it gives makes it hold that again. */
function backup(world: World): Step {
  const { table, tableGeneration, audit, epoch } = world;
  const entries = [...audit];
  return () => {
    Object.assign(world, { table, tableGeneration, epoch, audit: [...entries] });
  };
}

const numbers = ({ znodes }: World): readonly (readonly number[])[] =>
  znodes.map(({ epoch, generation }) => [epoch, generation]);

for (const [when, skipMs] of [
  ['at the next change', 1_000],
  ['at the resync', 31_000],
] as const) {
  test(`lost commits are made again beyond the generation that was told, ${when}`, async () => {
    const world = new World();
    world.show(record('a'), record('b'));
    let restore = nothing;
    await lead(
      world,
      [
        () => {
          restore = backup(world);
          world.show(down, record('b'));
        },
        () => {
          restore();
          if (skipMs === 1_000) world.show(down, record('b', { state: 'draining' }));
        },
        nothing,
        nothing,
      ],
      skipMs,
    );
    assert.deepEqual(flags(world), ['a 4', skipMs === 1_000 ? 'b 4' : 'b 8']);
    assert.deepEqual(numbers(world), [
      [1, 1],
      [1, 2],
      [1, 3],
    ]);
    assert.ok(world.znode?.traces.some(({ id }) => id === 'trace-a-down'));
    assert.equal(world.tableGeneration, 3);
    assert.ok(world.logged.includes('PostgreSQL went back in time, its table is written anew'));
  });
}

test('a table that went back to the rows that are wanted now is announced anew all the same', async () => {
  const world = new World();
  world.show(record('a'), record('b'));
  let restore = nothing;
  await lead(
    world,
    [
      () => {
        restore = backup(world);
        world.show(down, record('b'));
      },
      () => {
        restore();
        world.show(record('a'), record('b'));
      },
      nothing,
      nothing,
    ],
    31_000,
  );
  assert.deepEqual(numbers(world).at(-1), [1, 3]);
  assert.deepEqual([world.tableGeneration, world.commits.length], [3, 3]);
});

test('of a backup all living nodes are made one version: none is out of use until the next', async () => {
  const it = await leading();
  const restore = backup(it.world);
  it.world.show(record('a'), record('b'), record('c'));
  await it.time.advance(1_000);
  await it.resign();
  it.standBy();
  await it.time.advance(SETTLE_MS);
  restore();
  const before = it.world.commits.length;
  it.answerMs = 200;
  it.lead();
  await it.time.advance(150);
  assert.equal(it.world.commits.length, before);
  await it.time.advance(1_000);
  assert.equal(it.rows(), 'a 8, b 8, c 8');
  assert.equal(it.world.commits.length, before + 1);
  await it.resign();
});

test('who does not answer at once is asked again before a backup is made one version, for 3 s at most', async () => {
  const it = await leading();
  const restore = backup(it.world);
  it.world.show(record('a'), record('b'), record('c'));
  await it.time.advance(1_000);
  await it.resign();
  it.standBy();
  await it.time.advance(SETTLE_MS);
  restore();
  const before = it.world.commits.length;
  const lost = new Set(['sip:b.test:5060']);
  it.world.answers = (destination) =>
    lost.delete(destination) || destination === 'sip:c.test:5060' ? 'silent' : 'answers';
  it.lead();
  await it.time.advance(2_900);
  assert.equal(it.world.commits.length, before, 'c may answer yet');
  await it.time.advance(1_000);
  assert.equal(it.rows(), 'a 8, b 8, c 9');
  assert.equal(it.world.commits.length, before + 1);
  await it.resign();
});

test('who stands in a backup and is long gone is asked too, and is in use by no Kamailio if it does not answer', async () => {
  const it = await leading();
  await it.resign();
  const { world } = it;
  world.table.push(rowOf('old-1'), rowOf('old-2'), rowOf('old-3'));
  world.znode = generationRecord({ epoch: world.epoch, generation: 100 });
  world.answers = (destination) => (destination.includes('old') ? 'silent' : 'answers');
  const before = world.commits.length;
  it.lead();
  await it.time.advance(10_000);
  assert.equal(it.rows(), 'a 8, old-1 9, old-2 9, old-3 9');
  assert.equal(world.commits.length, before + 1);
  assert.equal(world.tableGeneration, 101);
  assert.equal(world.lost.length, 0, 'the budget is for those that are in use');
  await it.resign();
});

test('a row that came back is in use all the same when its node was seen to vanish', async () => {
  const it = await leading();
  const { world } = it;
  const nodes = ['b', 'c', 'd', 'e'].map((nodeId) => record(nodeId));
  world.show(record('a'), ...nodes);
  await it.time.advance(60_000);
  const restore = backup(world);
  world.show(record('a', { state: 'draining' }), ...nodes);
  await it.time.advance(1_000);
  world.answers = (destination) => (/[bc]\.test/.test(destination) ? 'silent' : 'answers');
  restore();
  world.show(record('a', { state: 'draining' }), ...nodes.slice(2));
  await it.time.advance(10_000);
  assert.equal(it.rows(), 'a 4, b 9, c 8, d 8, e 8');
  assert.equal(world.znode?.held?.[0]?.rule, 'budget');
  await it.resign();
});

test('a new leader takes an epoch beyond the one that was told, at once', async () => {
  const world = new World();
  world.show(record('a'));
  world.znode = generationRecord({ epoch: 7, generation: 100 });
  world.epoch = 4;
  const reconciler = await lead(world, settle);
  assert.deepEqual(numbers(world), [[8, 101]]);
  assert.equal(reconciler.status().counters.deposed, 0);
});

test('a new leader takes no epoch before it has read which one was told', async () => {
  const world = new World();
  world.show(record('a'));
  const told = generationRecord({ epoch: 7, generation: 100 });
  world.isFresh = false;
  const read = (): void => {
    assert.equal(world.epoch, 0);
    world.isFresh = true;
    world.znode = told;
  };
  const reconciler = await lead(world, [read, ...settle]);
  assert.deepEqual(numbers(world), [[8, 101]]);
  assert.equal(reconciler.status().counters.deposed, 0);
});

test('a leader whose epoch PostgreSQL forgot resigns and does not blame a newer one', async () => {
  const world = new World();
  world.show(record('a'));
  await lead(world, []);
  await lead(world, [
    () => {
      world.epoch = 1;
      world.show(down);
    },
    () => assert.fail('went on with an epoch that PostgreSQL does not know'),
  ]);
  assert.ok(world.logged.includes('PostgreSQL forgot our epoch: it went back in time'));
  assert.ok(!world.logged.includes('deposed by a newer leader'));
  await lead(world, [nothing]);
  assert.deepEqual(flags(world), ['a 4']);
  assert.deepEqual(numbers(world).at(-1), [3, 2]);
});

test('a generation that ZooKeeper did not take is a failure, not a write', async () => {
  const znode = generationZnode(
    { writeGeneration: () => Promise.resolve(false) },
    { generation: () => ({ record: null, refused: null }) },
  );
  await assert.rejects(znode.write(generationRecord()), StoreConflictError);
});
