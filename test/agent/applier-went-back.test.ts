import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { setHash } from '../../src/topology/set-hash.js';
import { generationRecord } from '../registry/records.js';
import { ApplierBench } from './support/applier-bench.js';
import { row } from './support/fake-kamailio.js';

const A = row(30, 'a');
const B = row(30, 'b');
const C = row(30, 'c');

for (const [when, isFresh] of [
  ['is gone from ZooKeeper', true],
  ['is old itself', false],
] as const) {
  test(`a table older than what was read is not obeyed while the record ${when}`, async () => {
    const bench = new ApplierBench([A, B]);
    bench.kamailio.generation = 9;
    await bench.publish();
    await bench.time.advance(1_000);
    bench.view.fresh = isFresh;
    bench.view.record = isFresh ? null : generationRecord({ generation: 4 });
    bench.kamailio.generation = 5;
    bench.kamailio.table = [A];
    await bench.time.advance(60_000);
    assert.equal(bench.kamailio.letters(), 'a=AP b=AP');
    assert.match(bench.record?.drift ?? '', /went back from generation 9 to 5/);
    bench.view.fresh = true;
    await bench.publish(); // Whoever leads now knows of no more: both stores were made anew.
    await bench.time.advance(60_000);
    assert.equal(bench.kamailio.letters(), 'a=AP');
    await bench.stop();
  });
}

test('a table older than what the leader told is not obeyed, until it is written anew', async () => {
  const bench = new ApplierBench([A, B, C]);
  bench.kamailio.generation = 9;
  await bench.publish();
  await bench.time.advance(1_000);
  assert.equal(bench.record?.generation, 9);
  const { setStates, reloads } = bench.kamailio;
  const acts = (): number => setStates.length + reloads.length;
  const before = acts();
  bench.kamailio.generation = 5;
  bench.kamailio.table = [A, { ...B, flags: 4 }, row(30, 'yesterday')];
  await bench.time.advance(120_000);
  assert.equal(acts(), before, 'no set_state, no reload');
  assert.equal(bench.kamailio.letters(), 'a=AP b=AP c=AP');
  assert.equal(bench.record.generation, 9);
  assert.equal(bench.record.drift, 'the table went back from generation 9 to 5, the list is kept');
  bench.kamailio.generation = 9;
  await bench.commit([A, C]);
  await bench.time.advance(1_000);
  assert.equal(bench.kamailio.letters(), 'a=AP c=AP');
  assert.deepEqual([bench.record.generation, bench.record.drift], [10, null]);
  await bench.stop();
});

/** PostgreSQL lost all rows of a set; the leader tells it on as it was, with these rows. */
async function lose(
  bench: ApplierBench,
  setid: number,
  rows: readonly DispatcherRow[],
): Promise<void> {
  const { sets = {} } = bench.view.record ?? {};
  bench.kamailio.table = [...rows];
  bench.kamailio.generation = 7;
  const held = { setid, rule: 'never-empty', why: 'lost', sinceMs: 0, count: 1 } as const;
  const hashes = [...new Set(rows.map((r) => r.setid))].map((id) => {
    return [String(id), setHash(rows.filter((r) => r.setid === id))] as const;
  });
  bench.view.record = {
    ...generationRecord({ generation: 7, sets: { ...sets, ...Object.fromEntries(hashes) } }),
    held: [{ ...held, destinations: [] }],
  };
  bench.view.changed();
  await bench.time.advance(60_000);
}

test('a set that the leader calls lost is kept where it is, and keeps nobody out of service who starts without it', async () => {
  const bench = new ApplierBench([A, row(20, 'r')]);
  await bench.publish();
  await bench.time.advance(1_000);
  await lose(bench, 20, [B]);
  assert.equal(bench.kamailio.letters(), 'a=AP r=AP', 'set 30 keeps a usable destination');
  assert.match(bench.record?.drift ?? '', /set 20 kept although the table has no row for it/);
  assert.match(bench.record?.drift ?? '', /sip:b:5060 is missing/);
  assert.equal(bench.applier.isProven, true);
  bench.applier.serverExited();
  bench.kamailio.start();
  bench.applier.serverStarted();
  await bench.time.advance(10_000);
  assert.equal(bench.kamailio.letters(), 'b=AP');
  assert.equal(bench.applier.isProven, true);
  assert.deepEqual([bench.record?.generation, bench.record?.drift], [7, null]);
  await bench.stop();
});

test('a lost set of another data centre is kept until a node of our own is to be loaded', async () => {
  const bench = new ApplierBench([A, C, row(20, 'r'), row(130, 'far')], [20, 30, 130]);
  await bench.publish();
  await bench.time.advance(1_000);
  await lose(bench, 130, [C, row(20, 'r')]);
  assert.equal(bench.kamailio.letters(), 'a=DX c=AP far=AP r=AP');
  await lose(bench, 130, [C, { ...B, flags: 4 }, row(20, 'r')]);
  assert.equal(bench.kamailio.letters(), 'a=DX c=AP far=AP r=AP', 'b takes no calls');
  await lose(bench, 130, [B, row(20, 'r')]);
  assert.equal(bench.kamailio.letters(), 'b=AP r=AP');
  assert.deepEqual([bench.record?.generation, bench.record?.drift], [7, null]);
  assert.equal(bench.applier.isProven, true);
  await bench.stop();
});
