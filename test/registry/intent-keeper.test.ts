import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { IntentKeeper } from '../../src/registry/intent-keeper.js';
import type { IntentRecord } from '../../src/topology/node.js';
import { RegistryNotSentError } from '../../src/util/errors.js';
import { intentRecord } from './records.js';

interface Folder {
  readonly czxid: bigint;
  readonly ctimeMs: number;
}

interface Stage {
  folder: Folder | null;
  stands: boolean;
  fault: Error | null;
  readonly restored: IntentRecord[];
  readonly counts: { changes: number; looks: number };
  readonly keeper: IntentKeeper;
}

/** A registry of which only the folder of intents is known. */
function stage(): Stage {
  const world: Omit<Stage, 'keeper'> = {
    folder: { czxid: 5n, ctimeMs: 100 },
    stands: false,
    fault: null,
    restored: [],
    counts: { changes: 0, looks: 0 },
  };
  const keeper = new IntentKeeper({
    look: () => {
      world.counts.looks += 1;
      const { stands, folder } = world;
      return world.fault === null
        ? Promise.resolve({ stands, folder })
        : Promise.reject(world.fault);
    },
    restore: (record) => {
      world.restored.push(record);
      world.folder ??= { czxid: 12n, ctimeMs: 300 };
      world.stands = true;
      return Promise.resolve();
    },
    onChange: () => (world.counts.changes += 1),
    log: { warn: () => undefined },
  });
  return Object.assign(world, { keeper });
}

const word = intentRecord();

test('a word whose folder still stands was taken back', async () => {
  const { keeper, restored, counts } = stage();
  assert.equal(keeper.judge(word, true), word);
  await turn();
  assert.equal(keeper.judge(null, true), word, 'until that is known it holds');
  await turn();
  assert.equal(keeper.judge(null, true), null);
  assert.deepEqual([restored, counts.changes], [[], 1]);
});

for (const [what, folder] of [
  ['is gone', null],
  ['is another one', { czxid: 9n, ctimeMs: 200 }],
  ['has the same number in another history', { czxid: 5n, ctimeMs: 200 }],
] as const) {
  test(`a word whose folder ${what} was lost: it holds and is written again`, async () => {
    const here = stage();
    here.keeper.judge(word, true);
    await turn();
    here.folder = folder;
    assert.equal(here.keeper.judge(null, true), word);
    await turn();
    assert.deepEqual([here.restored, here.counts.changes], [[word], 0]);
    const again = intentRecord();
    assert.equal(here.keeper.judge(again, true), again, 'it is seen again');
    await turn();
    here.stands = false;
    here.keeper.judge(null, true);
    await turn();
    assert.equal(here.keeper.judge(null, true), null, 'and can be taken back as before');
  });
}

test('a word that was written again holds while the view does not show it yet', async () => {
  const here = stage();
  here.keeper.judge(word, true);
  await turn();
  here.folder = null;
  here.keeper.judge(null, true);
  await turn();
  here.keeper.judge(null, true);
  await turn();
  assert.equal(here.keeper.judge(null, true), word);
  assert.deepEqual([here.restored, here.counts.changes], [[word], 0]);
});

test('a word that was written again and taken back before the view showed it stays away', async () => {
  const here = stage();
  here.keeper.judge(word, true);
  await turn();
  here.folder = null;
  here.keeper.judge(null, true);
  await turn();
  here.stands = false;
  here.keeper.judge(null, true);
  await turn();
  assert.equal(here.keeper.judge(null, true), null);
  assert.deepEqual([here.restored, here.counts.changes], [[word], 1]);
});

test('a word that stands by now is neither lost nor taken back, whatever the view shows', async () => {
  const here = stage();
  here.keeper.judge(word, true);
  await turn();
  here.folder = { czxid: 9n, ctimeMs: 200 };
  here.stands = true;
  here.keeper.judge(null, true);
  await turn();
  assert.equal(here.keeper.judge(null, true), word);
  assert.deepEqual([here.restored, here.counts.changes], [[], 0]);
});

test('without a look at everything nothing is concluded', async () => {
  const { keeper, restored, counts } = stage();
  keeper.judge(word, true);
  await turn();
  assert.equal(keeper.judge(null, false), word);
  await turn();
  assert.deepEqual([restored, counts.changes, counts.looks], [[], 0, 1]);
});

test('a look that fails changes nothing and is made again', async () => {
  const here = stage();
  here.keeper.judge(word, true);
  await turn();
  here.fault = new RegistryNotSentError('away');
  here.keeper.judge(null, true);
  await turn();
  assert.equal(here.keeper.judge(null, true), word);
  await turn();
  here.fault = null;
  here.keeper.judge(null, true);
  await turn();
  assert.equal(here.keeper.judge(null, true), null);
});

test('a word whose folder was never looked at is given up when it is gone', async () => {
  const here = stage();
  here.fault = new RegistryNotSentError('away');
  here.keeper.judge(word, true);
  await turn();
  here.fault = null;
  here.folder = null;
  here.keeper.judge(null, true);
  await turn();
  assert.equal(here.keeper.judge(null, true), null);
  assert.deepEqual(here.restored, []);
});

test('no word, nothing to look at', async () => {
  const { keeper, counts } = stage();
  assert.equal(keeper.judge(null, true), null);
  await turn();
  assert.equal(counts.looks, 0);
});
