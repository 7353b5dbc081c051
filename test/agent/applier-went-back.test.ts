import assert from 'node:assert/strict';
import { test } from 'node:test';
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

test('a set that the leader calls lost is kept where it is, and keeps nobody out of service who starts without it', async () => {
  const bench = new ApplierBench([A, row(20, 'r')]);
  await bench.publish();
  await bench.time.advance(1_000);
  const hash = bench.view.record?.sets['20'] ?? '';
  bench.kamailio.table = [B];
  bench.kamailio.generation = 7;
  const held = { setid: 20, rule: 'never-empty', why: 'lost', sinceMs: 0, count: 1 } as const;
  const sets = { '20': hash, '30': setHash([B]) };
  bench.view.record = {
    ...generationRecord({ generation: 7, sets }),
    held: [{ ...held, destinations: [] }],
  };
  bench.view.changed();
  await bench.time.advance(60_000);
  assert.equal(bench.kamailio.letters(), 'a=DX r=AP');
  assert.match(bench.record?.drift ?? '', /set 20 kept although the table has no row for it/);
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
