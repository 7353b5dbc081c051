import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOW_MS, record, rowOf } from '../topology/records.js';
import type { Step } from './world.js';
import { World } from './world.js';
import { eight, flags, lead, nothing, settle } from './reconciler-steps.js';

const vanish =
  (world: World, ...left: readonly string[]): Step =>
  () =>
    world.show(...left.map((name) => record(name)));

test('a vanished node that does not answer the witness is inactive, and gone after the limbo', async () => {
  const world = new World();
  world.table = [rowOf('a'), rowOf('b')];
  world.show(record('a'), record('b'));
  world.answers = () => 'silent';
  const ask: Step = () => world.askAgain();
  await lead(world, [...settle, vanish(world, 'b'), nothing, ask, nothing]);
  assert.deepEqual(flags(world), ['a 9', 'b 8']);
  assert.ok(world.logged.includes('a vanished node does not answer SIP'));
  // The limbo ends after 40 s; the deletion is a loss of its own, and the budget of two rows one a minute.
  await lead(world, [...settle, ask, ask, ...Array.from({ length: 65 }, () => ask)]);
  assert.deepEqual(flags(world), ['b 8']);
});

test('the trace of a vanished node never ends in half a character', async () => {
  const world = new World();
  const { trace } = record('a');
  const wide = record('a', { trace: { ...trace, id: `${'x'.repeat(30)}🚧` } });
  world.show(wide, record('b'));
  await lead(world, [...settle, vanish(world, 'b')]);
  const told = world.commits.flatMap(({ audit }) => audit).find(({ to }) => to === 'gone');
  assert.equal(told?.traceId, `gone-${'x'.repeat(30)}`);
});

test('a vanished node that answers the witness keeps its row for ever', async () => {
  const world = new World();
  world.show(record('a'), record('b'));
  world.answers = () => 'answers';
  const ask: Step = () => world.askAgain();
  const steps = Array.from({ length: 60 }, () => ask);
  const reconciler = await lead(world, [...settle, vanish(world, 'b'), ...steps]);
  assert.deepEqual(flags(world), ['a 8', 'b 8']);
  assert.deepEqual(reconciler.atEnd.silent, ['a']);
});

test('all vanished and none answers: the last row that can take calls is held', async () => {
  const world = new World();
  world.table = [rowOf('a'), rowOf('b')];
  world.show(record('a'), record('b'));
  world.answers = () => 'silent';
  const ask: Step = () => world.askAgain();
  const steps = Array.from({ length: 60 }, () => ask);
  const reconciler = await lead(world, [...settle, vanish(world), ...steps]);
  assert.deepEqual(flags(world), ['a 8', 'b 8']);
  assert.equal(reconciler.atEnd.held[0]?.setid, 30);
});

test('of eight nodes that vanish two by two, two a minute may become inactive', async () => {
  const world = new World();
  world.table = eight().map(({ nodeId }) => rowOf(nodeId));
  world.show(...eight());
  world.answers = () => 'silent';
  const ask: Step = () => world.askAgain();
  const left = eight().slice(4);
  await lead(world, [
    ...settle,
    () => world.show(...left),
    ...Array.from({ length: 20 }, () => ask),
  ]);
  assert.equal(world.table.filter((row) => row.flags === 9).length, 2);
  assert.equal(world.table.length, 8);
});

test('a step of the wall clock forgives no loss, ends no limbo and lengthens no budget', async () => {
  for (const steppedMs of [3_600_000, -3_600_000]) {
    const world = new World();
    world.table = eight().map(({ nodeId }) => rowOf(nodeId));
    world.show(...eight());
    world.answers = () => 'silent';
    const ask: Step = () => world.askAgain();
    const half = Array.from({ length: 10 }, () => ask);
    const step: Step = () => {
      world.steppedMs = steppedMs;
    };
    const inactive = (): number => world.table.filter((row) => row.flags === 9).length;
    const afterStep: Step = () => {
      assert.equal(inactive(), 2);
      assert.equal(world.table.length, 8);
    };
    const steps = [...settle, () => world.show(...eight().slice(4)), ...half, step, ...half];
    const later = Array.from({ length: 120 }, () => ask);
    await lead(world, [...steps, afterStep, ...later]);
    assert.ok(inactive() + (8 - world.table.length) > 2, 'a minute later two more may go');
  }
});

test('eight of eight vanish and none answers: nothing changes, and the stop is told', async () => {
  const world = new World();
  world.table = eight().map(({ nodeId }) => rowOf(nodeId));
  world.show(...eight());
  world.answers = () => 'silent';
  const ask: Step = () => world.askAgain();
  const steps = [...settle, () => world.show(), ...Array.from({ length: 90 }, () => ask)];
  const reconciler = await lead(world, steps);
  assert.deepEqual(new Set(world.table.map((row) => row.flags)), new Set([8]));
  assert.equal(reconciler.atEnd.held[0]?.rule, 'stop');
});

test('what is held is told with the generation, once, and taken back when it ends', async () => {
  const world = new World();
  world.table = eight().map(({ nodeId }) => rowOf(nodeId));
  world.show(...eight());
  world.answers = () => 'silent';
  const ask: Step = () => world.askAgain();
  const pause = Array.from({ length: 20 }, () => ask);
  await lead(world, [
    ...settle,
    () => world.show(),
    ...pause,
    () => {
      assert.equal(world.znode?.held?.[0]?.rule, 'stop');
      assert.equal(world.znode?.held?.[0]?.count, 8);
      world.answers = () => 'answers';
    },
    ...pause,
  ]);
  assert.equal(world.znode?.held, undefined);
  assert.equal(world.znodes.length, 4, 'the table, the silence, the hold, its end');
});

test('a hold that stands keeps its date whoever leads; one that begins later has its own', async () => {
  const world = new World();
  world.table = eight().map(({ nodeId }) => rowOf(nodeId));
  world.show(...eight());
  world.answers = () => 'silent';
  const ask: Step = () => world.askAgain();
  const pause = Array.from({ length: 20 }, () => ask);
  const since = (): number | undefined => world.znode?.held?.[0]?.sinceMs;
  await lead(world, [...settle, () => world.show(), ...pause]);
  const first = since();
  assert.ok(first !== undefined && first < NOW_MS + world.nowMs - 10_000);
  const { atEnd } = await lead(world, [...settle, ...pause]);
  assert.deepEqual([since(), atEnd.held[0]?.sinceMs], [first, first]);
  const answer = (evidence: 'answers' | 'silent') => (): void => {
    world.answers = () => evidence;
  };
  const over: Step = () => assert.equal(world.znode?.held, undefined);
  const later = NOW_MS + world.nowMs + 20_000;
  await lead(world, [answer('answers'), ...settle, ...pause, over, answer('silent'), ...pause]);
  assert.ok((since() ?? 0) > later);
});

test('a reconciler that leads no more tells nothing of what it held and found, but what it counted', async () => {
  const world = new World();
  world.table = eight().map(({ nodeId }) => rowOf(nodeId));
  world.show(...eight());
  world.answers = () => 'silent';
  const ask: Step = () => world.askAgain();
  const steps = [...settle, () => world.show(), ...Array.from({ length: 20 }, () => ask)];
  const reconciler = await lead(world, steps);
  const { atEnd } = reconciler;
  assert.deepEqual([atEnd.held.length, atEnd.silent.length], [1, 8]);
  assert.equal(atEnd.witnessed?.counts.silent, 8);
  const { held, silent, witnessed, counters, lastPassAtMs, generation } = reconciler.status();
  assert.deepEqual([held, silent, witnessed], [[], [], null]);
  assert.deepEqual(
    { counters, lastPassAtMs, generation },
    {
      counters: atEnd.counters,
      lastPassAtMs: atEnd.lastPassAtMs,
      generation: atEnd.generation,
    },
  );
});

test('a leader counts against the budget what the leader before it took out of use', async () => {
  const world = new World();
  world.table = eight().map(({ nodeId }) => rowOf(nodeId));
  world.show(...eight());
  const gone = new Set(
    eight()
      .slice(0, 4)
      .map(({ nodeId }) => rowOf(nodeId).destination),
  );
  world.answers = (destination) => (gone.has(destination) ? 'silent' : 'answers');
  const ask: Step = () => world.askAgain();
  const pause = Array.from({ length: 10 }, () => ask);
  const away = (): void => world.show(...eight().slice(4));
  await lead(world, [...settle, away, ...pause]);
  const disabled = (): number => world.table.filter(({ flags }) => flags === 9).length;
  assert.equal(disabled(), 2, 'a quarter of eight');
  await lead(world, [...settle, ...pause]);
  assert.equal(disabled(), 2, 'no more within the minute, whoever leads');
});

test('a row that somebody disabled by hand a moment ago does not keep a set alive', async () => {
  const world = new World();
  world.table = [rowOf('a'), rowOf('b')];
  world.show(record('a'), record('b'));
  world.answers = () => 'silent';
  const ask: Step = () => world.askAgain();
  const byHand = (): void => {
    world.table = [rowOf('a'), rowOf('b', 1)];
  };
  await lead(world, [...settle, byHand, () => world.show(record('b')), ask, ask, ask], 500);
  assert.equal(flags(world)[0], 'a 8', 'the last one that can take calls is held');
});
