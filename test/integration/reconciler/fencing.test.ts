import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import type { ReconcilerDeps } from '../../../src/reconciler/ports.js';
import { openReconciler } from '../../../src/reconciler/run-reconciler.js';
import { knownTraces, readChanges, recordLive } from '../../../src/store/change-log.js';
import { commitPlan, readHead, readTable, takeEpoch } from '../../../src/store/dispatcher-table.js';
import { readLosses } from '../../../src/store/losses.js';
import type { Store } from '../../../src/store/pool.js';
import { readUsedOverrides } from '../../../src/store/used-overrides.js';
import { StoreUnavailableError } from '../../../src/util/errors.js';
import { systemClock } from '../../../src/util/clock.js';
import { Doorbell } from '../../../src/util/doorbell.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import { World } from '../../reconciler/world.js';
import { record } from '../../topology/records.js';
import type { TestDatabase } from '../store/database.js';
import { startDatabase } from '../store/database.js';

let db: TestDatabase;
const started: Running[] = [];

before(async () => {
  db = await startDatabase();
});
after(() => db.close());
afterEach(async () => {
  for (const running of started.splice(0)) await running.stop();
});
beforeEach(() =>
  db.store.query({
    text: 'TRUNCATE carna.change, carna.change_live, carna.generation, public.dispatcher',
  }),
);

function tableOf(store: Store): ReconcilerDeps['table'] {
  return {
    takeEpoch: (options) => takeEpoch(store, options),
    readTable: () => readTable(store),
    readHead: (max) => readHead(store, max),
    readLosses: (windowMs) => readLosses(store, windowMs),
    readUsedOverrides: (dc) => readUsedOverrides(store, dc),
    knownTraces: (ids) => knownTraces(store, ids),
    commitPlan: (options) => commitPlan(store, options),
    recordLive: (proof) => recordLive(store, proof),
  };
}

interface Running {
  readonly bell: Doorbell;
  readonly done: Promise<void>;
  readonly failures: () => number;
  readonly deposed: () => number;
  readonly liveNoted: () => number;
  stop(): Promise<void>;
}

/** A reconciler on a real PostgreSQL and a registry of plain values. */
function start(world: World, table: ReconcilerDeps['table'], resyncMs = 30_000): Running {
  const bell = new Doorbell();
  const stop = new AbortController();
  const reconciler = openReconciler({
    ...world.deps(bell),
    table,
    clock: systemClock,
    wait,
    timing: { quietMs: 10, resyncMs, retry: { minMs: 20, maxMs: 100 }, settleMs: 0 },
  });
  const done = reconciler.lead({ signal: stop.signal, mayWrite: () => true, czxid: 1n });
  const running: Running = {
    bell,
    done,
    failures: () => reconciler.status().counters.failures,
    deposed: () => reconciler.status().counters.deposed,
    liveNoted: () => reconciler.status().counters.liveNoted,
    stop: async () => {
      stop.abort();
      await done;
      reconciler.close();
    },
  };
  started.push(running);
  return running;
}

const rows = async (): Promise<string[]> =>
  (await readTable(db.store)).rows.map((row) => `${row.description.slice(6)} ${row.flags}`);
const untilRows = (expected: readonly string[]): Promise<void> =>
  waitUntil(`rows are ${expected.join(', ')}`, 20_000, async () => {
    return JSON.stringify(await rows()) === JSON.stringify(expected);
  });

test('a leader frozen between planning and committing is refused when it wakes, and resigns', async () => {
  const world = new World();
  const table = tableOf(db.store);
  let thaw: (() => void) | undefined;
  let isFrozen = false;
  const freezing: ReconcilerDeps['table'] = {
    ...table,
    commitPlan: async (options) => {
      if (options.base > 0) {
        isFrozen = true;
        await new Promise<void>((resolve) => (thaw = resolve));
      }
      return table.commitPlan(options);
    },
  };
  world.show(record('a'), record('b'));
  const old = start(world, freezing);
  await untilRows(['a 8', 'b 8']);
  world.show(record('a', { state: 'down' }), record('b'));
  await waitUntil('the old leader is about to commit', 10_000, () => isFrozen);
  const next = new World();
  next.show(record('a'), record('b', { state: 'draining' }));
  const young = start(next, tableOf(db.open()));
  await untilRows(['a 8', 'b 4']);
  thaw?.();
  await old.done;
  assert.equal(old.deposed(), 1);
  assert.deepEqual(await rows(), ['a 8', 'b 4']);
  await young.stop();
});

test('further passes and full reads leave every row version as it is', async () => {
  const world = new World();
  world.show(record('a'), record('b'));
  const running = start(world, tableOf(db.store), 20);
  await untilRows(['a 8', 'b 8']);
  const look = (): Promise<readonly unknown[]> =>
    db.store.query({ text: 'SELECT destination, xmin::text, ctid::text FROM dispatcher' });
  const was = await look();
  const znodes = world.znodes.length;
  let reads = 0;
  const counting = tableOf(db.store);
  await running.stop();
  const again = start(
    world,
    {
      ...counting,
      readTable: () => {
        reads += 1;
        return counting.readTable();
      },
    },
    20,
  );
  await waitUntil('five full reads', 20_000, () => reads >= 5);
  await again.stop();
  assert.deepEqual(await look(), was);
  assert.equal(world.znodes.length, znodes + 1, 'only the new epoch was published');
  assert.equal((await readTable(db.store)).generation, 1);
});

test('PostgreSQL stopped under a change: the change is there soon after its return', async () => {
  const world = new World();
  world.show(record('a'), record('b'));
  const running = start(world, tableOf(db.store));
  await untilRows(['a 8', 'b 8']);
  await db.stopServer();
  world.show(record('a', { state: 'draining' }), record('b'));
  await waitUntil('the reconciler noticed', 20_000, () => running.failures() > 1);
  await db.startServer();
  await waitUntil('the table has it', 20_000, async () => {
    try {
      return (await rows()).includes('a 4');
    } catch (err) {
      assert.ok(err instanceof StoreUnavailableError);
      return false;
    }
  });
  await running.stop();
  const changes = await readChanges(db.store, { last: 1, nodeId: 'a' });
  assert.equal(changes[0]?.to, 'draining');
  assert.equal(changes[0].rows.length, 1);
});

test('an acknowledgement reaches the timeline', async () => {
  const world = new World();
  world.show(record('a'));
  const running = start(world, tableOf(db.store));
  await untilRows(['a 8']);
  world.applied.set('d1', {
    schema: 1,
    nodeId: 'd1',
    role: 'dispatcher',
    generation: 1,
    sets: {},
    provenAtMs: 77,
    drift: null,
  });
  world.notify();
  await waitUntil('it is noted', 20_000, () => running.liveNoted() === 1);
  await running.stop();
  const [change] = await readChanges(db.store, { last: 1 });
  assert.deepEqual(change?.live, [{ kamailio: 'd1', atMs: 77 }]);
});
