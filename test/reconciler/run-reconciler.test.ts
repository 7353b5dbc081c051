import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reconciler } from '../../src/reconciler/run-reconciler.js';
import { openReconciler } from '../../src/reconciler/run-reconciler.js';
import { describeRow } from '../../src/topology/dispatcher-row.js';
import { setHash } from '../../src/topology/set-hash.js';
import {
  RegistryNotSentError,
  StoreRefusedError,
  StoreUnavailableError,
} from '../../src/util/errors.js';
import { intentFor, NOW_MS, record, rowOf } from '../topology/records.js';
import type { Step } from './world.js';
import { SETTLE_MS, World } from './world.js';

/** Runs one term: a pass, then a step and a pass each. */
async function lead(world: World, steps: readonly Step[], skipMs = 1_000): Promise<Reconciler> {
  const { term, bell } = world.term(steps, skipMs);
  const reconciler = openReconciler(world.deps(bell));
  await reconciler.lead(term);
  reconciler.close();
  assert.equal(world.listeners(), 0);
  return reconciler;
}

const flags = (world: World): string[] =>
  world.table.map((row) => `${row.description.slice(6)} ${row.flags}`).sort();
const nothing: Step = () => undefined;
const settle: Step[] = [nothing, nothing, nothing, nothing, nothing];

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
  assert.equal(reconciler.status().failure, null);
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
  assert.deepEqual(reconciler.status().silent, ['b']);
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

test('a foreign row and an invalid node are told, the rest is written', async () => {
  const world = new World();
  world.table = [rowOf('a', 0, { description: 'by hand' })];
  const broken = record('x', { sip: [{ transport: 'udp', host: 'no host', port: 5060 }] });
  world.show(record('a'), record('b'), broken);
  const reconciler = await lead(world, []);
  const status = reconciler.status();
  assert.deepEqual([status.foreign.length, status.refused.length], [1, 1]);
  assert.deepEqual(
    world.table.map((row) => row.description),
    ['by hand', describeRow('b')],
  );
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

test("an operator's override lets the held changes through once, and only while it is valid", async () => {
  const world = new World();
  world.table = eight().map(({ nodeId }) => rowOf(nodeId));
  world.show(...eight());
  world.answers = () => 'silent';
  const ask: Step = () => world.askAgain();
  const pause = Array.from({ length: 10 }, () => ask);
  const say = (until: number) => () => {
    const since = NOW_MS + world.nowMs;
    const word = { schema: 1, setid: 30, by: 'ann', why: 'gone', since, until } as const;
    world.overrides = new Map([[30, word]]);
  };
  await lead(world, [...settle, () => world.show(), ...pause, say(NOW_MS), ...pause]);
  assert.deepEqual(new Set(world.table.map(({ flags: f }) => f)), new Set([8]), 'it is over');
  await lead(world, [...settle, ...pause, say(NOW_MS + 1e9), ask, ask]);
  assert.deepEqual(new Set(world.table.map(({ flags: f }) => f)), new Set([9]));
  assert.equal(world.overrides.size, 0, 'it is used up');
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
