import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setHash } from '../../src/topology/set-hash.js';
import { ApplierBench } from './support/applier-bench.js';
import { row } from './support/fake-kamailio.js';

const A = row(30, 'a');
const B = row(30, 'b');
const C = row(30, 'c');

test('what Kamailio loaded by itself is proven without touching it', async () => {
  const bench = new ApplierBench([A, B]);
  await bench.time.advance(0);
  assert.equal(bench.applier.isProven, true);
  assert.equal(bench.record?.drift, null);
  assert.equal(bench.record.sets['30'], setHash([A, B]));
  assert.deepEqual([bench.kamailio.setStates, bench.kamailio.reloads], [[], []]);
  await bench.stop();
});

test('with no change it writes nothing and reloads nothing', async () => {
  const bench = new ApplierBench([A, B]);
  await bench.time.advance(600_000);
  assert.equal(bench.publication.history.length, 1);
  assert.deepEqual([bench.kamailio.setStates, bench.kamailio.reloads], [[], []]);
  await bench.stop();
});

test('down and up go in by set_state at once, without a reload, and are acknowledged', async () => {
  const bench = new ApplierBench([A, B]);
  await bench.time.advance(0);
  await bench.commit([{ ...A, flags: 4 }, B]);
  assert.equal(bench.kamailio.letters(), 'a=DX b=AP');
  assert.equal(bench.record?.generation, 2);
  await bench.commit([A, B]);
  assert.equal(bench.kamailio.letters(), 'a=AP b=AP');
  assert.equal(bench.record.generation, 3);
  assert.deepEqual(bench.kamailio.reloads, []);
  await bench.stop();
});

test('reloads keep their distance: a change inside the gap takes effect by set_state, then by reload', async () => {
  const bench = new ApplierBench([A]);
  await bench.time.advance(0);
  await bench.commit([A, B]);
  assert.equal(bench.kamailio.reloads.length, 1);
  await bench.time.advance(100);
  await bench.commit([B, C]);
  assert.equal(bench.kamailio.reloads.length, 1);
  assert.equal(bench.kamailio.letters(), 'a=DX b=AP', 'the deleted one takes calls in the gap');
  assert.equal(bench.record?.generation, 2, 'acknowledged before it was true');
  await bench.time.advance(1_000);
  assert.equal(bench.kamailio.letters(), 'b=AP c=AP');
  assert.equal(bench.record.generation, 3);
  assert.equal(bench.kamailio.reloads.length, 2);
  await bench.stop();
});

test('a storm of changes reloads once a second at most and loses none', async () => {
  const bench = new ApplierBench([A]);
  await bench.time.advance(0);
  for (let change = 0; change < 100; change++) {
    await bench.commit([A, row(30, `n${change}`)]);
    await bench.time.advance(50);
  }
  await bench.time.advance(2_000);
  assert.equal(bench.kamailio.letters(), 'a=AP n99=AP');
  const { reloads } = bench.kamailio;
  assert.ok(reloads.length >= 4 && reloads.length <= 8, `${reloads.length} reloads`);
  reloads.forEach((atMs, i) => assert.ok(i === 0 || atMs - (reloads[i - 1] ?? 0) >= 1_000));
  await bench.stop();
});

test('"too early" is tried again', async () => {
  const bench = new ApplierBench([A]);
  bench.kamailio.reloadDeltaMs = 5_000;
  await bench.time.advance(0);
  await bench.commit([A, B]);
  await bench.commit([A, B, C]);
  await bench.time.advance(10_000);
  assert.equal(bench.kamailio.letters(), 'a=AP b=AP c=AP');
  assert.equal(bench.record?.drift, null);
  await bench.stop();
});

test('whom Kamailio found dead stays dead over a reload', async () => {
  const bench = new ApplierBench([A, B]);
  await bench.time.advance(0);
  bench.kamailio.ping('a', false);
  await bench.commit([A, B, C]);
  assert.equal(bench.kamailio.letters(), 'a=IP b=AP c=AP');
  await bench.stop();
});

test('a row that Kamailio refuses is told as drift, and not reloaded for ever', async () => {
  const bench = new ApplierBench([A]);
  await bench.time.advance(0);
  bench.kamailio.badRows.add(B.destination);
  await bench.commit([A, B, C]);
  assert.equal(bench.kamailio.letters(), 'a=AP c=AP');
  assert.equal(bench.record?.generation, 2);
  assert.match(bench.record.drift ?? '', /sip:b:5060 is missing in set 30/);
  await bench.time.advance(600_000);
  assert.ok(bench.kamailio.reloads.length < 45, `${bench.kamailio.reloads.length} reloads`);
  bench.kamailio.badRows.clear();
  await bench.time.advance(60_000);
  assert.equal(bench.publication.current?.drift, null);
  await bench.stop();
});

test('drift is told in one line, whatever stands in a row', async () => {
  const bench = new ApplierBench([A]);
  await bench.time.advance(0);
  const bad = { ...B, destination: 'sip:b\t\u0085b:5060' };
  bench.kamailio.badRows.add(bad.destination);
  await bench.commit([A, bad, C]);
  assert.equal(bench.record?.generation, 2);
  assert.match(bench.record.drift ?? '', /sip:b {2}b:5060 is missing in set 30/);
  await bench.stop();
});

test('drift made by hand is healed by the resync', async () => {
  const bench = new ApplierBench([A, B]);
  await bench.time.advance(0);
  await bench.kamailio.setDispatcherState('d', 30, A.destination);
  await bench.time.advance(31_000);
  assert.equal(bench.kamailio.letters(), 'a=AP b=AP');
  await bench.stop();
});

test('a table emptied behind the leader changes nothing, is counted and told', async () => {
  const bench = new ApplierBench([A, B, row(20, 'r')]);
  await bench.commit(bench.kamailio.table);
  bench.kamailio.table = [];
  await bench.time.advance(300_000);
  assert.equal(bench.kamailio.letters(), 'a=AP b=AP r=AP');
  assert.deepEqual(bench.kamailio.reloads, []);
  assert.match(bench.record?.drift ?? '', /set 20 kept although the table has no row/);
  assert.equal(bench.applier.isProven, true, 'the list that is kept serves calls');
  assert.match(await bench.metrics.text(), /carna_agent_refused_empty_total (?!0)\d/);
  bench.kamailio.table = [A, B, row(20, 'r')];
  await bench.time.advance(31_000);
  assert.equal(bench.publication.current?.drift, null);
  await bench.stop();
});

test('rows that are gone before the leader said so wait for its word', async () => {
  const bench = new ApplierBench([A, row(20, 'r')]);
  await bench.commit(bench.kamailio.table);
  bench.kamailio.table = [A];
  bench.kamailio.generation += 1;
  await bench.time.advance(31_000);
  assert.equal(bench.kamailio.letters(), 'a=AP r=AP');
  bench.view.setGeneration(bench.kamailio.generation, { '30': setHash([A]) });
  await bench.time.advance(0);
  assert.equal(bench.kamailio.letters(), 'a=AP');
  assert.equal(bench.record?.drift, null);
  await bench.stop();
});

test('a record older than the table says nothing of it', async () => {
  const bench = new ApplierBench([A]);
  await bench.commit([A]);
  bench.kamailio.table = [A, row(20, 'r')];
  bench.kamailio.generation += 1;
  await bench.time.advance(31_000);
  assert.equal(bench.kamailio.letters(), 'a=AP r=AP');
  bench.kamailio.table = [A];
  await bench.time.advance(31_000);
  assert.equal(bench.kamailio.letters(), 'a=AP r=AP');
  await bench.stop();
});

test('without the database the list is kept, it is told, and healed within seconds of its return', async () => {
  const bench = new ApplierBench([A, B]);
  await bench.time.advance(0);
  bench.kamailio.isDatabaseUp = false;
  await bench.time.advance(60_000);
  assert.equal(bench.kamailio.letters(), 'a=AP b=AP');
  assert.match(bench.record?.drift ?? '', /database does not answer/);
  assert.equal(bench.record?.generation, 1);
  assert.equal(bench.publication.history.length, 2, 'one outage is one write');
  bench.kamailio.isDatabaseUp = true;
  bench.kamailio.table = [{ ...A, flags: 4 }, B];
  await bench.time.advance(10_000);
  assert.equal(bench.kamailio.letters(), 'a=DX b=AP');
  assert.equal(bench.publication.current?.drift, null);
  await bench.stop();
});

test('a set_state that fails is looked at again', async () => {
  const bench = new ApplierBench([A, B]);
  await bench.time.advance(0);
  bench.kamailio.failNextSetState = true;
  await bench.commit([{ ...A, flags: 4 }, B]);
  assert.equal(bench.kamailio.letters(), 'a=DX b=AP');
  assert.equal(bench.record?.generation, 2);
  await bench.stop();
});

test('a server that is gone acknowledges nothing until it is proven again', async () => {
  const bench = new ApplierBench([A, B]);
  await bench.time.advance(0);
  bench.applier.serverExited();
  assert.equal(bench.record, null);
  assert.equal(bench.applier.isProven, false);
  await bench.time.advance(60_000);
  assert.equal(bench.publication.current, null);
  let proofs = 0;
  bench.applier.onProven(() => (proofs += 1));
  bench.kamailio.start();
  bench.applier.serverStarted();
  await bench.time.advance(60_000);
  assert.equal(bench.publication.history.at(-1)?.generation, 1);
  assert.equal(proofs, 1);
  await bench.stop();
});
