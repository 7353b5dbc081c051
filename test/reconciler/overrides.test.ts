import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOW_MS, rowOf } from '../topology/records.js';
import {
  RegistryNotSentError,
  StoreConflictError,
  StoreRefusedError,
} from '../../src/util/errors.js';
import type { Step } from './world.js';
import { World } from './world.js';
import { eight, lead, settle } from './reconciler-steps.js';

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
      reconciler.atEnd.held.map(({ setid }) => setid),
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
