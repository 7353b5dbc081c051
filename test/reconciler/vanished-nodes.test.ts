import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOW_MS, record, rowOf } from '../topology/records.js';
import {
  RegistryNotSentError,
  StoreConflictError,
  StoreRefusedError,
} from '../../src/util/errors.js';
import type { Step } from './world.js';
import { World } from './world.js';
import { flags, lead, nothing, settle } from './reconciler-steps.js';

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
  assert.deepEqual(reconciler.status().silent, ['a']);
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
  assert.equal(reconciler.status().held[0]?.setid, 30);
});

const eight = (): ReturnType<typeof record>[] =>
  Array.from({ length: 8 }, (_, n) => record(`n${n}`));

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
  assert.equal(reconciler.status().held[0]?.rule, 'stop');
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

const override = (world: World, until: number): void => {
  const since = NOW_MS + world.nowMs;
  const word = { schema: 1, setid: 30, by: 'ann', why: 'gone', since, until } as const;
  world.overrides = new Map([[30, word]]);
};

test("an operator's override lets the held changes through once, and only while it is valid", async () => {
  const world = new World();
  world.table = eight().map(({ nodeId }) => rowOf(nodeId));
  world.show(...eight());
  world.answers = () => 'silent';
  const ask: Step = () => world.askAgain();
  const pause = Array.from({ length: 10 }, () => ask);
  const say = (until: number) => () => override(world, until);
  await lead(world, [...settle, () => world.show(), ...pause, say(NOW_MS), ...pause]);
  assert.deepEqual(new Set(world.table.map(({ flags: f }) => f)), new Set([8]), 'it is over');
  await lead(world, [...settle, ...pause, say(NOW_MS + 1e9), ask, ask]);
  assert.deepEqual(new Set(world.table.map(({ flags: f }) => f)), new Set([9]));
  assert.equal(world.overrides.size, 0, 'it is used up');
});

/** As long as it is not taken back. */
const keepsWords = (world: World): void => {
  const unsent = new RegistryNotSentError('remove /overrides/30: suspended');
  world.fail('removeOverride', ...Array.from({ length: 1_000 }, () => unsent));
};

for (const isSame of [true, false]) {
  const who = isSame ? 'the leader that used it' : 'the next leader';
  test(`an override whose znode cannot be removed counts no more for ${who}`, async () => {
    const world = new World();
    world.table = eight().map(({ nodeId }) => rowOf(nodeId));
    world.show(...eight());
    world.answers = () => 'silent';
    keepsWords(world);
    const ask: Step = () => world.askAgain();
    const pause = Array.from({ length: 10 }, () => ask);
    const disabled = (): number => world.table.filter(({ flags: f }) => f === 9).length;
    const say: Step = () => override(world, NOW_MS + 1e9);
    const used: Step = () => assert.deepEqual([disabled(), world.overrides.size], [4, 1]);
    const first = [...settle, () => world.show(...eight().slice(4)), ...pause, say, used];
    const more: Step[] = [...settle, () => world.show(...eight().slice(6)), ...pause];
    const freed: Step = () => void world.failures.delete('removeOverride');
    if (!isSame) await lead(world, first);
    const reconciler = await lead(world, [...(isSame ? first : []), ...more, freed, ask]);
    assert.equal(disabled(), 4, 'those of whom the operator knew, and nobody else');
    assert.deepEqual(
      reconciler.status().held.map(({ setid }) => setid),
      [30],
    );
    assert.equal(world.overrides.size, 0, 'it is taken away as soon as that is possible');
    const told = world.logged.filter((text) => text === 'a used override still stands');
    assert.equal(told.length, isSame ? 1 : 2, 'once by each leader');
  });
}

test('a commit that is refused uses up no override', async () => {
  const world = new World();
  world.table = eight().map(({ nodeId }) => rowOf(nodeId));
  world.show(...eight());
  world.answers = () => 'silent';
  const ask: Step = () => world.askAgain();
  const pause = Array.from({ length: 10 }, () => ask);
  const say: Step = () => {
    override(world, NOW_MS + 1e9);
    world.fail('commitPlan', new StoreRefusedError('too busy'), new StoreConflictError('moved'));
  };
  await lead(world, [...settle, () => world.show(), ...pause, say, ask, ask, ask, ask]);
  assert.deepEqual(world.failures.get('commitPlan'), [], 'both were met');
  assert.deepEqual(new Set(world.table.map(({ flags: f }) => f)), new Set([9]));
});

test('an override that was said while the last one still stood counts', async () => {
  const world = new World();
  world.table = eight().map(({ nodeId }) => rowOf(nodeId));
  world.show(...eight());
  world.answers = () => 'silent';
  const ask: Step = () => world.askAgain();
  const pause = Array.from({ length: 10 }, () => ask);
  const say: Step = () => override(world, NOW_MS + 1e9);
  keepsWords(world);
  const vanishing: Step[] = [() => world.show(...eight().slice(4)), ...pause];
  const again: Step[] = [() => world.show(...eight().slice(6)), say, ask, ask, ask];
  await lead(world, [...settle, ...vanishing, say, ...again]);
  assert.equal(world.table.filter(({ flags: f }) => f === 9).length, 6);
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
