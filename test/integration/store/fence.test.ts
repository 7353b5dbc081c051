import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { readChanges } from '../../../src/store/change-log.js';
import type { CommitOptions } from '../../../src/store/dispatcher-table.js';
import { commitPlan, readTable, takeEpoch } from '../../../src/store/dispatcher-table.js';
import { readRefusals } from '../../../src/store/refused-writes.js';
import { DeposedError, StoreConflictError } from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
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

test('an epoch is beyond a floor that PostgreSQL forgot, and refuses all before it; a lower floor is none', async () => {
  const term = { dc: 'dc1', holder: 'rec-2', czxid: 8n };
  assert.equal(await takeEpoch(db.store, { ...term, floor: epoch + 40 }), epoch + 41);
  assert.equal(await takeEpoch(db.store, { ...term, floor: 1 }), epoch + 42);
  const [older] = await db.store.query<{ epoch: string }>({
    text: `SELECT carna.take_epoch('dc1', 'older build', 9) AS epoch`,
  });
  assert.equal(Number(older?.epoch), epoch + 43);
  for (const over of [epoch, epoch + 41, epoch + 42]) {
    const late = { ...plan(0, { changes: [insertOf(ourRow(1))], floor: 900 }), epoch: over };
    await assert.rejects(commitPlan(db.store, late), DeposedError);
  }
  assert.deepEqual(await readTable(db.store), { generation: 0, rows: [] });
  const elsewhere = { ...term, dc: `dc-${epoch}` };
  assert.equal(await takeEpoch(db.store, { ...elsewhere, floor: 7 }), 8);
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
