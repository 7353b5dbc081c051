import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { knownTraces, readChanges, recordLive } from '../../../src/store/change-log.js';
import type { CommitOptions } from '../../../src/store/dispatcher-table.js';
import { commitPlan, readHead, readTable, takeEpoch } from '../../../src/store/dispatcher-table.js';
import { readLosses } from '../../../src/store/losses.js';
import { readUsedOverrides } from '../../../src/store/used-overrides.js';
import { cutText } from '../../../src/util/cut-text.js';
import {
  DeposedError,
  HeldByGuardError,
  StoreConflictError,
  StoreRefusedError,
} from '../../../src/util/errors.js';
import type { TestDatabase } from './database.js';
import { flagsTo, insertOf, ourRow, startDatabase } from './database.js';
import { auditOf, newTerm, planOf } from './plans.js';

let db: TestDatabase;
let epoch = 0;

before(async () => {
  db = await startDatabase();
});
after(() => db.close());
beforeEach(async () => {
  epoch = await newTerm(db.store);
});

const plan = (base: number, part: Partial<CommitOptions>): CommitOptions =>
  planOf(epoch, base, part);

interface Version {
  readonly destination: string;
  readonly xmin: string;
  readonly ctid: string;
}

const versions = async (): Promise<readonly Version[]> =>
  db.store.query<Version & { [column: string]: unknown }>({
    text: 'SELECT destination, xmin::text, ctid::text FROM dispatcher ORDER BY setid, destination',
  });

test('a plan is committed whole and read back with its generation', async () => {
  const rows = [ourRow(1), ourRow(2)];
  const done = await commitPlan(
    db.store,
    plan(0, { changes: rows.map(insertOf), setHashes: { '30': 'abc' } }),
  );
  assert.equal(done.generation, 1);
  assert.ok(Math.abs(done.committedAtMs - Date.now()) < 60_000);
  assert.deepEqual(await readTable(db.store), { generation: 1, rows });
  assert.deepEqual((await readTable(db.store, [10])).rows, []);
  assert.deepEqual((await readHead(db.store, 10)).setHashes, { '30': 'abc' });
});

test('half a character is what PostgreSQL refuses, and what no text that was cut has', async () => {
  const cause = `${'x'.repeat(159)}🚧`;
  const told = (text: string): Promise<unknown> =>
    commitPlan(db.store, plan(0, { audit: [auditOf('trace-0001', { cause: text })] }));
  await assert.rejects(told(cause.slice(0, 160)), StoreRefusedError);
  await told(cutText(cause, 160));
  await told(cutText('one half \ud83d, and 🚧', 160));
  const found = await readChanges(db.store, { last: 10 });
  assert.equal(found[0]?.cause, 'x'.repeat(159));
});

test('only the changed row gets a new version', async () => {
  const rows = [ourRow(1), ourRow(2), ourRow(3)];
  await commitPlan(db.store, plan(0, { changes: rows.map(insertOf) }));
  const was = await versions();
  await commitPlan(db.store, plan(1, { changes: [flagsTo(ourRow(2), 4)] }));
  const now = await versions();
  assert.deepEqual([now[0], now[2]], [was[0], was[2]]);
  assert.notDeepEqual(now[1], was[1]);
  const [stored] = await db.store.query<{ rows: { before: { flags: number }[] } }>({
    text: 'SELECT rows FROM carna.generation WHERE generation = 2',
  });
  assert.deepEqual(
    stored?.rows.before.map((row) => row.flags),
    [8],
  );
});

test('a plan of traces alone appends them once and leaves generation and rows as they are', async () => {
  await commitPlan(db.store, plan(0, { changes: [insertOf(ourRow(1))] }));
  const was = await versions();
  for (let i = 0; i < 2; i++) {
    const done = await commitPlan(db.store, plan(1, { audit: [auditOf('trace-0001')] }));
    assert.equal(done.generation, 1);
  }
  assert.deepEqual(await versions(), was);
  const [entry, more] = await readChanges(db.store, { last: 10 });
  assert.equal(more, undefined);
  assert.deepEqual(
    { ...entry, id: 0, committedAtMs: 0 },
    {
      ...auditOf('trace-0001'),
      id: 0,
      generation: 1,
      seenAtMs: 1_000.5,
      committedAtMs: 0,
      live: [],
    },
  );
  assert.deepEqual(
    await knownTraces(db.store, ['trace-0001', 'trace-0002']),
    new Set(['trace-0001']),
  );
});

test('rows of others are neither overwritten nor deleted', async () => {
  await db.store.query({
    text: `INSERT INTO dispatcher (setid, destination, flags, description)
           VALUES (30, 'sip:10.0.0.1:5060', 0, 'by hand')`,
  });
  const foreign = await versions();
  for (const change of [
    insertOf(ourRow(1)),
    flagsTo(ourRow(1), 4),
    { kind: 'delete', row: ourRow(1) } as const,
  ]) {
    await assert.rejects(commitPlan(db.store, plan(0, { changes: [change] })), StoreConflictError);
  }
  assert.deepEqual(await versions(), foreign);
});

test('a plan made from another generation is refused', async () => {
  await commitPlan(db.store, plan(0, { changes: [insertOf(ourRow(1))] }));
  await assert.rejects(
    commitPlan(db.store, plan(0, { changes: [flagsTo(ourRow(1), 4)] })),
    StoreConflictError,
  );
  assert.equal((await readTable(db.store)).generation, 1);
});

test('no set ends empty unless the plan says so', async () => {
  await commitPlan(db.store, plan(0, { changes: [insertOf(ourRow(1))] }));
  const changes = [{ kind: 'delete', row: ourRow(1) } as const];
  await assert.rejects(commitPlan(db.store, plan(1, { changes })), HeldByGuardError);
  assert.deepEqual((await readTable(db.store)).rows, [ourRow(1)]);
  await commitPlan(db.store, plan(1, { changes, mayEmpty: [30] }));
  assert.deepEqual((await readTable(db.store)).rows, []);
});

test('a proof marks the changes of its sets live, once, with the first time', async () => {
  const flags = { setid: 30, destination: 'sip:10.0.0.1:5060', from: null, to: 8 };
  await commitPlan(
    db.store,
    plan(0, { changes: [insertOf(ourRow(1))], audit: [auditOf('trace-0001', { rows: [flags] })] }),
  );
  await commitPlan(
    db.store,
    plan(1, {
      changes: [insertOf(ourRow(2, 8, 10))],
      audit: [auditOf('trace-0002', { rows: [{ ...flags, setid: 10 }] })],
    }),
  );
  const proof = { kamailio: 'disp-1', setids: [20, 30, 40], generation: 2, provenAtMs: 5_000 };
  assert.equal(await recordLive(db.store, proof), 1);
  assert.equal(await recordLive(db.store, { ...proof, provenAtMs: 9_000 }), 0);
  assert.equal(await recordLive(db.store, { ...proof, kamailio: 'lb-1', setids: [10] }), 1);
  const changes = await readChanges(db.store, { last: 10 });
  assert.deepEqual(
    changes.map((change) => change.live),
    [[{ kamailio: 'disp-1', atMs: 5_000 }], [{ kamailio: 'lb-1', atMs: 5_000 }]],
  );
  const since = changes[0]?.id ?? 0;
  assert.deepEqual(
    (await readChanges(db.store, { last: 10, sinceId: since })).map((c) => c.traceId),
    ['trace-0002'],
  );
  assert.equal((await readChanges(db.store, { last: 10, nodeId: 'other' })).length, 0);
});

test('a table behind what was told gets a generation beyond it, also without row changes', async () => {
  await commitPlan(db.store, plan(0, { changes: [insertOf(ourRow(1))] }));
  const anew = await commitPlan(db.store, plan(1, { floor: 100, audit: [auditOf('trace-0001')] }));
  assert.equal(anew.generation, 101);
  assert.deepEqual(await readTable(db.store), { generation: 101, rows: [ourRow(1)] });
  assert.deepEqual((await readHead(db.store, 5)).traces, [{ id: 'trace-0001', generation: 101 }]);
  assert.equal((await commitPlan(db.store, plan(101, { floor: 101 }))).generation, 101);
  const next = plan(101, { floor: 50, changes: [insertOf(ourRow(2))] });
  assert.equal((await commitPlan(db.store, next)).generation, 102);
  await assert.rejects(commitPlan(db.store, plan(101, { floor: 500 })), StoreConflictError);
  assert.equal((await readTable(db.store)).generation, 102);
});

test('the last thousand versions are kept', async () => {
  await db.store.query({
    text: `INSERT INTO carna.generation SELECT g, 1, now(), '{}', '{}' FROM generate_series(1, 1200) g`,
  });
  await commitPlan(db.store, plan(1_200, { changes: [insertOf(ourRow(1))] }));
  const [kept] = await db.store.query<{ low: string; n: string }>({
    text: 'SELECT min(generation) AS low, count(*) AS n FROM carna.generation',
  });
  assert.deepEqual(kept, { low: '202', n: '1000' });
});

test('losses that nobody explained are kept with their version, for whoever leads next', async () => {
  await commitPlan(db.store, plan(0, { changes: [insertOf(ourRow(1)), insertOf(ourRow(2))] }));
  assert.deepEqual(await readLosses(db.store, 60_000), []);
  const out = { kind: 'update', before: ourRow(1), row: ourRow(1, 9) } as const;
  await commitPlan(db.store, plan(1, { changes: [out], losses: new Map([[30, 1]]) }));
  epoch = await takeEpoch(db.store, { dc: 'dc1', holder: 'rec-2', czxid: 8n });
  const [loss, ...more] = await readLosses(db.store, 60_000);
  assert.deepEqual([loss?.setid, loss?.count, more], [30, 1, []]);
  assert.ok(loss !== undefined && loss.ageMs >= 0 && loss.ageMs < 60_000);
  assert.deepEqual(await readLosses(db.store, 0), []);
});

test("operators' words are noted with the commit that used them, of each set the last, for whoever leads next", async () => {
  const said = (setid: number, since: number): CommitOptions['overrides'][number] => ({
    setid,
    since,
  });
  const first = { changes: [insertOf(ourRow(1))], overrides: [said(30, 1_000.5), said(31, 7)] };
  await commitPlan(db.store, plan(0, first));
  const second = { changes: [insertOf(ourRow(2))], overrides: [said(30, 2_000)] };
  await commitPlan(db.store, plan(1, second));
  epoch = await takeEpoch(db.store, { dc: 'dc1', holder: 'rec-2', czxid: 8n });
  const used = new Map([
    [30, 2_000],
    [31, 7],
  ]);
  assert.deepEqual(await readUsedOverrides(db.store, 'dc1'), used);
  assert.deepEqual(await readUsedOverrides(db.store, 'dc2'), new Map());
});

test('a plan that is refused uses up no word', async () => {
  const overrides = [{ setid: 30, since: 1_000 }];
  const changes = [insertOf(ourRow(1))];
  const late = plan(0, { changes, overrides });
  await assert.rejects(commitPlan(db.store, { ...late, base: 7 }), StoreConflictError);
  await takeEpoch(db.store, { dc: 'dc1', holder: 'rec-2', czxid: 8n });
  await assert.rejects(commitPlan(db.store, late), DeposedError);
  assert.deepEqual(await readUsedOverrides(db.store, 'dc1'), new Map());
});

test('a plan that is refused leaves no losses behind', async () => {
  await commitPlan(db.store, plan(0, { changes: [insertOf(ourRow(1))] }));
  const out = { kind: 'update', before: ourRow(1), row: ourRow(1, 9) } as const;
  await assert.rejects(
    commitPlan(db.store, plan(7, { changes: [out], losses: new Map([[30, 1]]) })),
    StoreConflictError,
  );
  assert.deepEqual(await readLosses(db.store, 60_000), []);
});
