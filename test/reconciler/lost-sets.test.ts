import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LiveNode } from '../../src/topology/desired-rows.js';
import type { NodeRecord, OverrideRecord } from '../../src/topology/node.js';
import { intentFor, liveNodes, NOW_MS, record, rowOf } from '../topology/records.js';
import { lead, nothing, settle } from './reconciler-steps.js';
import { World } from './world.js';

const registrar = record('r', { role: 'registrar' });
/** Longer than anything waits for. */
const LONG_MS = 31_000;

/** A restored backup from before the first commit, or a fresh `carna init`. */
function restoreEmpty(world: World): void {
  Object.assign(world, { table: [], tableGeneration: 0, setHashes: {}, epoch: 0, audit: [] });
}

/** Set 20 was committed and told; PostgreSQL lost it while nobody supervises its only node, which serves. */
async function lost(): Promise<{ readonly world: World; readonly hash: string | undefined }> {
  const world = new World();
  world.show(record('a'), registrar);
  await lead(world, settle);
  const hash = world.znode?.sets['20'];
  restoreEmpty(world);
  world.show(record('a'));
  await lead(world, [nothing, nothing], LONG_MS);
  return { world, hash };
}

const sets = ({ znode }: World): readonly string[] => Object.keys(znode?.sets ?? {});

function say(world: World, setid: number): void {
  const since = NOW_MS + world.nowMs;
  const word = { schema: 1, setid, by: 'ann', why: 'it is gone', since, until: since + LONG_MS };
  world.overrides.set(setid, word as OverrideRecord);
}

test('a set that PostgreSQL lost is told on as it was, as long as nobody said that it is empty, whoever leads', async () => {
  const { world, hash } = await lost();
  const check = (): void => {
    assert.ok(hash !== undefined);
    assert.equal(world.znode?.sets['20'], hash);
    const [held, ...more] = world.znode.held ?? [];
    assert.deepEqual([held?.setid, held?.rule, held?.count, more], [20, 'never-empty', 1, []]);
  };
  check();
  assert.equal(world.znode?.generation, 2);
  await lead(world, [nothing, () => world.show(record('a', { state: 'draining' })), nothing]);
  assert.equal(world.tableGeneration, 3);
  check();
  world.znode = null; // ZooKeeper lost it as well.
  await lead(world, [nothing], LONG_MS);
  check();
});

test('a lost set is whole again with its first row, and what is lost of it later is judged as ever', async () => {
  const { world } = await lost();
  await lead(world, [() => world.show(record('a'), registrar), nothing, nothing], LONG_MS);
  assert.equal(world.znode?.held, undefined);
  assert.ok(world.table.some(({ setid }) => setid === 20));
  world.table = world.table.filter(({ setid }) => setid !== 20);
  world.show(record('a'));
  await lead(world, [nothing, nothing], LONG_MS);
  assert.deepEqual(sets(world), ['30'], 'whoever deletes rows by hand has said so');
});

for (const [who, state, isOut, answer] of [
  ['that drains', 'draining', false, 'answers'],
  ['that is to be drained', 'up', true, 'answers'],
  ['that does not answer', 'up', false, 'silent'],
] as const) {
  test(`a lost set is held against the row of a node ${who}, which is told once and written with the first that can take calls`, async () => {
    const { world, hash } = await lost();
    const second = record('r2', { role: 'registrar', state });
    world.answers = (destination) => (destination.includes('r2') ? answer : 'answers');
    if (isOut) world.intents.set('r2', intentFor('r2'));
    await lead(world, [() => world.show(record('a'), second), nothing, nothing], LONG_MS);
    assert.equal(world.znode?.sets['20'], hash);
    assert.deepEqual([world.znode?.held?.length, world.znode?.held?.[0]?.setid], [1, 20]);
    const inSet = (): readonly number[] =>
      world.table.filter(({ setid }) => setid === 20).map((row) => row.flags);
    assert.deepEqual(inSet(), []);
    assert.equal(world.audit.filter(({ id }) => id === second.trace.id).length, 1);
    const commits = world.commits.length;
    await lead(world, [nothing, nothing], LONG_MS);
    assert.equal(world.commits.length, commits, 'it has nothing more to say');
    await lead(world, [() => world.show(record('a'), second, registrar), nothing, nothing], 1_000);
    assert.deepEqual(
      [world.znode?.held, inSet().length, inSet().includes(8)],
      [undefined, 2, true],
    );
  });
}

test('an override lets a lost set go for a row that takes no calls, and is used up', async () => {
  const { world } = await lost();
  world.show(record('a'), record('r2', { role: 'registrar', state: 'draining' }));
  await lead(world, [() => say(world, 20), nothing, nothing], LONG_MS);
  assert.deepEqual(
    world.table.filter(({ setid }) => setid === 20).map((row) => row.flags),
    [4],
  );
  assert.deepEqual([world.znode?.held, world.overrides.size], [undefined, 0]);
});

test('an override lets a lost set go, with a version of its own, once', async () => {
  const { world } = await lost();
  await lead(world, [() => say(world, 20), nothing, nothing], LONG_MS);
  assert.deepEqual([world.znode?.held, sets(world)], [undefined, ['30']]);
  assert.deepEqual([world.tableGeneration, world.overrides.size], [4, 0]);
  assert.equal(world.znode?.generation, 4);
  await lead(world, [nothing, nothing], LONG_MS);
  assert.deepEqual([sets(world), world.tableGeneration], [['30'], 4]);
});

test('sets that no Kamailio uses, and those that were told as empty, are not held', async () => {
  const world = new World();
  world.show(record('a'));
  world.table = [rowOf('x', 8, { setid: 77, description: 'by hand' })];
  await lead(world, settle);
  assert.deepEqual(sets(world), ['30', '77']);
  restoreEmpty(world);
  await lead(world, [nothing, nothing], LONG_MS);
  assert.deepEqual([sets(world), world.znode?.held], [['30'], undefined]);
});

for (const [name, readAfterMs] of [
  ['is read in time', 8_000],
  ['cannot be read', null],
] as const) {
  test(`a table that lost the nodes of another data centre waits for its registry, which ${name}`, async () => {
    const world = new World();
    let nodes: ReadonlyMap<string, LiveNode> = liveNodes(theirs('a'), theirs('b'));
    let isFresh = true;
    const view = { dc: 'dc2', nodes: () => nodes, isFresh: () => isFresh };
    world.remotes = [{ ...view, subscribe: () => () => undefined }];
    world.show(record('a'));
    await lead(world, settle);
    assert.deepEqual(sets(world), ['30', '130']);
    restoreEmpty(world);
    [nodes, isFresh] = [new Map(), false];
    const beganMs = world.nowMs;
    const atMs = (): number => world.nowMs - beganMs;
    let committedAtMs = 0;
    const look = (): void => {
      if (committedAtMs === 0 && world.tableGeneration > 0) committedAtMs = atMs();
      if (atMs() !== readAfterMs) return;
      [nodes, isFresh] = [liveNodes(theirs('a'), theirs('b')), true];
    };
    await lead(world, Array<() => void>(25).fill(look));
    const far = world.table.filter(({ setid }) => setid === 130);
    if (readAfterMs === null) {
      assert.ok(committedAtMs > 19_000 && committedAtMs < 23_000, `after ${committedAtMs} ms`);
      assert.deepEqual([world.znode?.held?.[0]?.setid, far], [130, []]);
    } else {
      assert.ok(committedAtMs > 8_000 && committedAtMs < 15_000, `after ${committedAtMs} ms`);
      assert.deepEqual([world.znode?.held, far.length], [undefined, 2]);
    }
    assert.deepEqual(sets(world), ['30', '130']);
  });
}

function theirs(nodeId: string): NodeRecord {
  const host = `${nodeId}.dc2.test`;
  return record(nodeId, { dc: 'dc2', sip: [{ transport: 'udp', host, port: 5060 }] });
}
