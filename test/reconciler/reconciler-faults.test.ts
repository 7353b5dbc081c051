import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openReconciler } from '../../src/reconciler/run-reconciler.js';
import {
  RegistryNotSentError,
  StoreRefusedError,
  StoreUnavailableError,
} from '../../src/util/errors.js';
import { record, rowOf } from '../topology/records.js';
import type { Step } from './world.js';
import { SETTLE_MS, World } from './world.js';
import { flags, lead, nothing, settle } from './reconciler-steps.js';

test('nothing is lost while PostgreSQL is away', async () => {
  const world = new World();
  world.show(record('a'), record('b'));
  const away = new StoreUnavailableError('away');
  const reconciler = await lead(world, [
    () => {
      world.fail('commitPlan', away, away);
      world.show(record('a', { state: 'down' }), record('b'));
    },
    nothing,
    nothing,
  ]);
  assert.deepEqual(flags(world), ['a 4', 'b 8']);
  assert.equal(reconciler.status().counters.failures, 2);
  assert.equal(reconciler.atEnd.failure, null);
});

test('a failure that was being retried is told no more once somebody else leads', async () => {
  const world = new World();
  const away = new StoreUnavailableError('away');
  world.fail('takeEpoch', away, away, away);
  const reconciler = await lead(world, [nothing]);
  assert.match(reconciler.atEnd.failure ?? '', /away/);
  const { failure, counters } = reconciler.status();
  assert.deepEqual([failure, counters.failures], [null, 2]);
});

test('the pauses between failed passes grow', async () => {
  const world = new World();
  const away = new StoreUnavailableError('away');
  world.fail('takeEpoch', away, away, away, away);
  world.show(record('a'));
  await lead(world, [nothing, nothing, nothing, nothing]);
  assert.deepEqual(world.waits.slice(0, 4), [0, 100, 300, 700]);
  assert.deepEqual(flags(world), ['a 8']);
});

test('a commit that happened although its answer was lost is not repeated', async () => {
  const world = new World();
  world.show(record('a'));
  const { term, bell } = world.term([nothing], 1);
  const deps = world.deps(bell);
  let calls = 0;
  const commitPlan: typeof deps.table.commitPlan = async (plan) => {
    const done = await deps.table.commitPlan(plan);
    if (++calls === 1) throw new StoreUnavailableError('answer lost');
    return done;
  };
  await openReconciler({ ...deps, table: { ...deps.table, commitPlan } }).lead(term);
  assert.equal(calls, 1);
  assert.equal(world.znode?.generation, 1);
  assert.deepEqual(world.znode.traces, [{ id: 'trace-a-up', generation: 1 }]);
});

test('a generation znode that could not be written is written again', async () => {
  const world = new World();
  world.show(record('a'));
  world.fail('writeZnode', new RegistryNotSentError('away'), new RegistryNotSentError('away'));
  const reconciler = await lead(world, [nothing, nothing]);
  assert.equal(world.commits.length, 1);
  assert.equal(world.znode?.generation, 1);
  const { commits, failures } = reconciler.status().counters;
  assert.deepEqual([commits, failures], [1, 2]);
});

for (const spoil of ['older', 'missing'] as const) {
  test(`a generation znode that is ${spoil} is repaired at the resync`, async () => {
    const world = new World();
    world.show(record('a'));
    await lead(
      world,
      [
        () => {
          world.znode =
            spoil === 'missing' || world.znode === null ? null : { ...world.znode, generation: 0 };
        },
      ],
      31_000,
    );
    assert.equal(world.znode?.generation, 1);
    assert.equal(world.znodes.length, 2);
  });
}

test('a table changed by hand is healed at the resync', async () => {
  const world = new World();
  world.show(record('a'), record('b'));
  await lead(world, [() => (world.table = [rowOf('a', 0)])], 31_000);
  assert.deepEqual(flags(world), ['a 8', 'b 8']);
});

test('a stale view judges nothing and removes nothing', async () => {
  const world = new World();
  world.show(record('a'), record('b'));
  const empty: Step = () => {
    world.isFresh = false;
    world.show();
  };
  const reconciler = await lead(world, [empty, ...settle], 31_000);
  assert.deepEqual(flags(world), ['a 8', 'b 8']);
  assert.equal(world.commits.length, 1);
  assert.equal(reconciler.status().isFresh, false);
});

test('what a stale view lacked is not taken for vanished when it is fresh again', async () => {
  const world = new World();
  const down = record('a', { state: 'draining' });
  world.show(down, record('b'));
  await lead(world, [
    ...settle,
    () => {
      world.isFresh = false;
      world.show();
    },
    () => {
      world.isFresh = true;
      world.show(down, record('b'));
    },
    nothing,
  ]);
  assert.deepEqual(flags(world), ['a 4', 'b 8']);
});

test('nothing is deleted before the view has been fresh for a settle time since it returned', async () => {
  const world = new World();
  world.show(record('a', { state: 'draining' }), record('b'));
  const seen: string[][] = [];
  const look: Step = () => seen.push(flags(world));
  await lead(
    world,
    [
      ...settle,
      () => {
        world.isFresh = false;
        world.notify();
      },
      () => {
        world.isFresh = true;
        world.show(record('b'));
      },
      look,
      () => {
        look();
        world.nowMs += SETTLE_MS;
      },
    ],
    500,
  );
  assert.deepEqual(seen, [
    ['a 4', 'b 8'],
    ['a 4', 'b 8'],
  ]);
  assert.deepEqual(flags(world), ['b 8']);
});

test('while it may not write, no transaction is begun', async () => {
  const world = new World();
  world.show(record('a'));
  await lead(world, [
    () => {
      world.mayWrite = false;
      world.show(record('a', { state: 'down' }));
    },
    nothing,
  ]);
  assert.equal(world.commits.length, 1);
  assert.equal(world.znodes.length, 1);
});

test('not even an epoch is taken while it may not write', async () => {
  const world = new World();
  world.mayWrite = false;
  await lead(world, [nothing]);
  assert.equal(world.epoch, 0);
});

test('a deposed leader resigns by itself and has written nothing more', async () => {
  const world = new World();
  world.show(record('a'));
  const reconciler = await lead(world, [
    () => {
      world.epoch += 1;
      world.show(record('a', { state: 'down' }));
    },
    () => assert.fail('went on after it was deposed'),
  ]);
  assert.deepEqual(flags(world), ['a 8']);
  assert.equal(reconciler.status().counters.deposed, 1);
  assert.equal(reconciler.status().isLeader, false);
});

test('an error that nobody expects ends the loop', async () => {
  const world = new World();
  const { term, bell } = world.term([], 1);
  const deps = world.deps(bell);
  const bug = new TypeError('bug');
  const takeEpoch = (): Promise<number> => Promise.reject(bug);
  const reconciler = openReconciler({ ...deps, table: { ...deps.table, takeEpoch } });
  await assert.rejects(reconciler.lead(term), bug);
});

test('a refused commit is told, counted and tried again', async () => {
  const world = new World();
  world.show(record('a'));
  world.fail('commitPlan', new StoreRefusedError('no right'));
  const { term, bell } = world.term([nothing], 1);
  const reconciler = openReconciler(world.deps(bell));
  await reconciler.lead(term);
  assert.equal(reconciler.status().counters.failures, 1);
  assert.ok(world.logged.includes('reconcile failed, will retry'));
});
