import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { CommitOptions } from '../../../src/store/dispatcher-table.js';
import { commitPlan, readHead, readTable, takeEpoch } from '../../../src/store/dispatcher-table.js';
import { readLosses } from '../../../src/store/losses.js';
import { knownTraces, readChanges, recordLive } from '../../../src/store/change-log.js';
import { readRefusals } from '../../../src/store/refused-writes.js';
import type { NodeChange } from '../../../src/topology/node-changes.js';
import { DeposedError, HeldByGuardError, StoreConflictError } from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import type { TestDatabase } from './database.js';
import { flagsTo, insertOf, ourRow, startDatabase } from './database.js';

let db: TestDatabase;
let epoch = 0;

before(async () => {
  db = await startDatabase();
});
after(() => db.close());
beforeEach(async () => {
  await db.store.query({
    text: 'TRUNCATE carna.change, carna.change_live, carna.generation, carna.refused_write, public.dispatcher',
  });
  epoch = await takeEpoch(db.store, { dc: 'dc1', holder: 'rec-1', czxid: 7n });
});

function plan(base: number, part: Partial<CommitOptions>): CommitOptions {
  return {
    dc: 'dc1',
    epoch,
    base,
    changes: [],
    mayEmpty: [],
    audit: [],
    losses: new Map(),
    setHashes: {},
    seenAtMs: 1_000.5,
    ...part,
  };
}

function auditOf(traceId: string, part: Partial<NodeChange> = {}): NodeChange {
  return {
    traceId,
    nodeId: 'm-1',
    from: 'up',
    to: 'down',
    cause: 'its process was killed',
    actor: 'agent',
    occurredAtMs: 900.25,
    noticedAtMs: 901,
    publishedAtMs: 902,
    rows: [],
    ...part,
  };
}

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

test('an older epoch writes nothing, whatever it wants to write', async () => {
  await commitPlan(db.store, plan(0, { changes: [insertOf(ourRow(1))] }));
  const newer = await takeEpoch(db.store, { dc: 'dc1', holder: 'rec-2', czxid: 8n });
  assert.equal(newer, epoch + 1);
  const late = plan(1, { changes: [flagsTo(ourRow(1), 4)], audit: [auditOf('trace-late')] });
  await assert.rejects(commitPlan(db.store, late), (err) => {
    assert.ok(err instanceof DeposedError);
    assert.equal(err.epoch, epoch);
    return true;
  });
  assert.deepEqual(await readTable(db.store), { generation: 1, rows: [ourRow(1)] });
  assert.equal((await readChanges(db.store, { last: 5 })).length, 0);
});

test('the function that older reconcilers call refuses an older epoch, too', async () => {
  await takeEpoch(db.store, { dc: 'dc1', holder: 'rec-2', czxid: 8n });
  const late = { base: 0, changes: [], mayEmpty: [], setHashes: {}, seenAtMs: 0, audit: [] };
  const call = { text: `SELECT carna.commit_plan('dc1', $1, $2)`, values: [epoch, late] };
  await assert.rejects(db.store.query(call), DeposedError);
});

test('a refused write leaves who tried what, when, and who rules; a commit leaves nothing', async () => {
  const rows = Array.from({ length: 60 }, (_, at) => ourRow(at + 1));
  await commitPlan(db.store, plan(0, { changes: rows.map(insertOf), holder: 'rec-1' }));
  const newer = await takeEpoch(db.store, { dc: 'dc1', holder: 'rec-2', czxid: 8n });
  assert.deepEqual(await readRefusals(db.store, 'dc1', 10), []);
  const changes = rows.map((row) => flagsTo(row, 4));
  const late = plan(1, { changes, audit: [auditOf('trace-late')], holder: 'rec-1' });
  const beforeMs = Date.now();
  await assert.rejects(commitPlan(db.store, late), DeposedError);
  await assert.rejects(commitPlan(db.store, plan(1, { changes: [], audit: [] })), DeposedError);
  const [first, second, ...more] = await readRefusals(db.store, 'dc1', 10);
  assert.ok(first !== undefined && second !== undefined && more.length === 0);
  const { id, atMs, rows: kept, ...facts } = first;
  assert.ok(id < second.id);
  assert.deepEqual(facts, {
    epoch,
    holder: 'rec-1',
    rulingEpoch: newer,
    rulingHolder: 'rec-2',
    rowCount: 60,
  });
  assert.ok(Math.abs(atMs - beforeMs) < 60_000);
  assert.equal(kept.length, 50);
  const { setid, destination } = ourRow(1);
  assert.deepEqual(kept[0], { kind: 'update', setid, destination, flags: 4 });
  assert.deepEqual([second.holder, second.rowCount, second.rows], [null, 0, []]);
  assert.deepEqual(await readRefusals(db.store, 'dc2', 10), []);
  assert.equal((await readRefusals(db.store, 'dc1', 1))[0]?.id, second.id);
});

test('the last thousand refusals of a data centre are kept', async () => {
  await db.store.query({
    text: `INSERT INTO carna.refused_write (dc, epoch, ruling_epoch, row_count, rows, refused_at)
           SELECT CASE WHEN g % 2 = 0 THEN 'dc1' ELSE 'dc2' END, g, 9, 0, '[]', now() FROM generate_series(1, 2400) g`,
  });
  await takeEpoch(db.store, { dc: 'dc1', holder: 'rec-2', czxid: 8n });
  await assert.rejects(commitPlan(db.store, plan(0, {})), DeposedError);
  const kept = await readRefusals(db.store, 'dc1', 5_000);
  assert.deepEqual([kept.length, kept[0]?.epoch, kept.at(-1)?.epoch], [1_000, 404, epoch]);
  assert.equal((await readRefusals(db.store, 'dc2', 5_000)).length, 1_200);
});

test('nobody can have a refusal noted that was none', async () => {
  const plain = JSON.stringify({ changes: [] });
  const note = (dc: string): Promise<unknown> =>
    db.store.query({
      text: 'SELECT carna.note_refusal($1, $2, $3)',
      values: [dc, epoch, plain],
    });
  await note('dc1');
  await note('nowhere');
  assert.deepEqual(await readRefusals(db.store, 'dc1', 10), []);
  assert.deepEqual(await readRefusals(db.store, 'nowhere', 10), []);
});

test('a leader frozen inside its transaction is outlived: the newer epoch waits, then wins', async () => {
  const frozen = db.open();
  const other = db.open();
  let takes: Promise<number> | undefined;
  await frozen.withConnection(async (query) => {
    await query('BEGIN');
    await query(`SELECT carna.commit_plan('dc1', $1, $2)`, [
      epoch,
      JSON.stringify({
        base: 0,
        changes: [{ kind: 'insert', ...ourRow(1) }],
        mayEmpty: [],
        setHashes: {},
        seenAtMs: 0,
        audit: [],
      }),
    ]);
    takes = takeEpoch(other, { dc: 'dc1', holder: 'rec-2', czxid: 9n });
    await waitUntil('the newcomer waits for the lock', 10_000, async () => {
      const [waiting] = await db.store.query<{ n: string }>({
        text: "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
      });
      return waiting?.n !== '0';
    });
    await query('COMMIT');
  });
  const taken = await takes;
  assert.equal(taken, epoch + 1);
  assert.equal((await readTable(other)).generation, 1);
  await assert.rejects(
    commitPlan(frozen, plan(1, { changes: [flagsTo(ourRow(1), 4)] })),
    DeposedError,
  );
});

test('two leaders writing as fast as they can: no older epoch ever commits after a newer one', async () => {
  const stores = [db.open(), db.open()] as const;
  let refused = 0;
  const lead = async (index: 0 | 1): Promise<void> => {
    for (let term = 0; term < 8; term++) {
      const mine = await takeEpoch(stores[index], { dc: 'dc1', holder: `r${index}`, czxid: 1n });
      for (let n = 0; n < 6; n++) {
        const { generation } = await readTable(stores[index]);
        const id = (index * 1_000 + term * 10 + n) % 60_000;
        const write = { ...plan(generation, { changes: [insertOf(ourRow(id))] }), epoch: mine };
        try {
          await commitPlan(stores[index], write);
        } catch (err) {
          if (err instanceof StoreConflictError) continue;
          assert.ok(err instanceof DeposedError, String(err));
          refused += 1;
          break;
        }
      }
    }
  };
  await Promise.all([lead(0), lead(1)]);
  const written = await db.store.query<{ epoch: string }>({
    text: 'SELECT epoch FROM carna.generation ORDER BY generation',
  });
  const epochs = written.map((row) => Number(row.epoch));
  assert.deepEqual(
    epochs,
    [...epochs].sort((a, b) => a - b),
  );
  assert.ok(refused > 0, 'the two never met');
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

test('a plan that is refused leaves no losses behind', async () => {
  await commitPlan(db.store, plan(0, { changes: [insertOf(ourRow(1))] }));
  const out = { kind: 'update', before: ourRow(1), row: ourRow(1, 9) } as const;
  await assert.rejects(
    commitPlan(db.store, plan(7, { changes: [out], losses: new Map([[30, 1]]) })),
    StoreConflictError,
  );
  assert.deepEqual(await readLosses(db.store, 60_000), []);
});
