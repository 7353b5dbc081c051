import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BinrpcFaultError, DeadlineError } from '../../src/util/errors.js';
import { ApplierBench, faultyReloads } from './support/applier-bench.js';
import { row } from './support/fake-kamailio.js';

const A = row(30, 'a');
const B = row(30, 'b');
const C = row(30, 'c');

test('a reload whose answer is lost is owed its carry-over until the states stand again', async () => {
  const bench = new ApplierBench([A, B]);
  await bench.time.advance(0);
  bench.kamailio.ping('a', false);
  const reload = bench.kamailio.reloadDispatcher.bind(bench.kamailio);
  bench.kamailio.reloadDispatcher = async () => {
    bench.kamailio.reloadDispatcher = reload;
    await reload();
    throw new DeadlineError('dispatcher.reload', 1);
  };
  await bench.commit([A, B, C]);
  await bench.time.advance(1_000);
  assert.equal(bench.kamailio.letters(), 'a=IP b=AP c=AP');
  assert.equal(bench.kamailio.reloads.length, 1);
  assert.equal(await bench.metric('carna_agent_reloads_total{answer="unknown"}'), 1);
  await bench.stop();
});

test('a carry-over that breaks off half-way is finished by the next look', async () => {
  const bench = new ApplierBench([A, B]);
  await bench.time.advance(0);
  bench.kamailio.ping('a', false);
  bench.kamailio.ping('b', false);
  const set = bench.kamailio.setDispatcherState.bind(bench.kamailio);
  let calls = 0;
  bench.kamailio.setDispatcherState = (state, setid, destination) => {
    calls += 1;
    if (calls === 2) return Promise.reject(new DeadlineError('dispatcher.set_state', 1));
    return set(state, setid, destination);
  };
  await bench.commit([A, B, C]);
  await bench.time.advance(1_000);
  assert.equal(bench.kamailio.letters(), 'a=IP b=IP c=AP');
  await bench.stop();
});

test('with a row that Kamailio refuses, other changes go in as ever, and reloads grow rare', async () => {
  const bench = new ApplierBench([A]);
  await bench.time.advance(0);
  bench.kamailio.badRows.add(B.destination);
  await bench.commit([A, B]);
  await bench.time.advance(600_000);
  assert.match(bench.record?.drift ?? '', /sip:b:5060 is missing in set 30; a reload did not help/);
  const before = bench.kamailio.reloads.length;
  assert.ok(before < 15, `${before} reloads in ten minutes`);
  for (let n = 0; n < 20; n++) {
    await bench.commit([{ ...A, flags: n % 2 === 0 ? 4 : 8 }, B]);
    await bench.time.advance(100);
  }
  assert.ok(bench.kamailio.reloads.length <= before + 1, 'flags alone were reloaded for');
  await bench.commit([A, B, C]);
  await bench.time.advance(1_000);
  assert.equal(bench.kamailio.letters(), 'a=AP c=AP', 'a new row waits for no back-off');
  await bench.stop();
});

test('rows deleted by hand empty no set, although the leader then reads an empty table', async () => {
  const bench = new ApplierBench([A, B, row(20, 'r')]);
  await bench.publish();
  bench.kamailio.table = [A, B];
  await bench.publish();
  await bench.time.advance(120_000);
  assert.equal(bench.kamailio.letters(), 'a=AP b=AP r=AP');
  assert.match(bench.record?.drift ?? '', /set 20 kept/);
  bench.kamailio.generation += 1;
  await bench.publish();
  await bench.time.advance(31_000);
  assert.equal(bench.kamailio.letters(), 'a=AP b=AP', 'the leader committed the empty set');
  await bench.stop();
});

test('drift by hand is counted by kind; what our own table changed is not', async () => {
  const bench = new ApplierBench([A, B]);
  await bench.time.advance(0);
  const healed = (kind: string): Promise<number> =>
    bench.metric(`carna_agent_drift_healed_total{kind="${kind}"}`);
  await bench.commit([{ ...A, flags: 4 }, B, C]);
  await bench.time.advance(2_000);
  await bench.commit([A, B, { ...C, attrs: 'weight=5' }]);
  await bench.time.advance(2_000);
  await bench.commit([A, B]);
  await bench.time.advance(2_000);
  const kinds = ['state', 'missing', 'extra', 'changed'];
  assert.deepEqual(await Promise.all(kinds.map(healed)), [0, 0, 0, 0]);
  const [a, b] = bench.kamailio.live;
  assert.ok(a !== undefined && b !== undefined);
  bench.kamailio.live = [{ ...a, letters: 'DX' }];
  await bench.time.advance(35_000);
  bench.kamailio.live = [a, { ...b, attrs: 'weight=1' }, { ...b, destination: 'sip:z:5060' }];
  await bench.time.advance(35_000);
  assert.deepEqual(await Promise.all(kinds.map(healed)), [1, 1, 1, 1]);
  assert.equal(bench.kamailio.letters(), 'a=AP b=AP');
  await bench.stop();
});

test("a probing mode that probes what somebody else's row does not ask for is no drift", async () => {
  const other = { ...row(30, 'o', 0), description: 'by hand' };
  const bench = new ApplierBench([A, other]);
  await bench.time.advance(0);
  bench.kamailio.ping('o', true);
  await bench.time.advance(120_000);
  assert.deepEqual(bench.kamailio.setStates, []);
  assert.equal(bench.record?.drift, null);
  assert.equal(await bench.metric('carna_agent_foreign_rows'), 1);
  await bench.stop();
});

test('a list too long to be told: no reload for the same rows twice, no acknowledgement, and it serves', async () => {
  const bench = new ApplierBench([A]);
  await bench.time.advance(0);
  const read = bench.kamailio.readDispatcherList.bind(bench.kamailio);
  bench.kamailio.readDispatcherList = () =>
    Promise.reject(new BinrpcFaultError('dispatcher.list', 500, 'Internal error creating dest'));
  await bench.commit([A, B]);
  await bench.time.advance(600_000);
  assert.equal(bench.kamailio.letters(), 'a=AP b=AP');
  assert.equal(bench.kamailio.reloads.length, 1);
  assert.equal(bench.record?.generation, 1);
  assert.match(bench.record.drift ?? '', /^proof impossible: .*Internal error creating dest/);
  assert.equal(bench.applier.isProven, true);
  await bench.commit([{ ...A, flags: 4 }, B]);
  assert.equal(bench.kamailio.letters(), 'a=DX b=AP');
  bench.kamailio.readDispatcherList = read;
  await bench.time.advance(31_000);
  assert.equal(bench.publication.current?.generation, 3);
  assert.equal(bench.kamailio.reloads.length, 1);
  await bench.stop();
});

test('the age of the proof stands still while nothing is proven', async () => {
  const bench = new ApplierBench([A]);
  const name = 'carna_agent_last_proof_timestamp_seconds';
  await bench.time.advance(0);
  const first = await bench.metric(name);
  await bench.time.advance(31_000);
  const second = await bench.metric(name);
  assert.ok(second > first);
  bench.kamailio.isDatabaseUp = false;
  await bench.time.advance(120_000);
  assert.equal(await bench.metric(name), second);
  await bench.stop();
});

test('a word that went in is not said again because the reload after it failed', async () => {
  const bench = new ApplierBench([{ ...A, flags: 4 }, B]);
  await bench.time.advance(0);
  const reload = bench.kamailio.reloadDispatcher.bind(bench.kamailio);
  bench.kamailio.reloadDispatcher = () => {
    bench.kamailio.reloadDispatcher = reload;
    return Promise.reject(new DeadlineError('dispatcher.reload', 1));
  };
  await bench.commit([A, B, C]);
  assert.equal(bench.kamailio.letters(), 'a=AP b=AP');
  bench.kamailio.ping('a', false);
  await bench.time.advance(10_000);
  assert.equal(bench.kamailio.letters(), 'a=IP b=AP c=AP');
  await bench.stop();
});

test('a set whose only row is one that Kamailio refuses is kept as it was', async () => {
  const bench = new ApplierBench([A, row(20, 'r')]);
  await bench.publish();
  const bad = { ...row(20, 'x'), destination: 'sip:no such uri', description: 'by hand' };
  bench.kamailio.badRows.add(bad.destination);
  await bench.commit([A, bad]);
  await bench.time.advance(120_000);
  assert.equal(bench.kamailio.letters(), 'a=AP r=AP');
  assert.match(bench.record?.drift ?? '', /set 20 kept although the table has no row/);
  await bench.stop();
});

test('what a failed reload left out is named beside the generation, and no more once it is in', async () => {
  const bench = new ApplierBench([A, row(20, 'r')]);
  await bench.time.advance(0);
  const heal = faultyReloads(bench.kamailio);
  await bench.commit([{ ...A, flags: 4 }, B, row(20, 'r')]);
  await bench.time.advance(3_000);
  assert.equal(bench.record?.generation, 2, 'the drained one needs no reload');
  assert.deepEqual(bench.record.unlisted, ['30 sip:b:5060']);
  heal();
  await bench.time.advance(130_000);
  assert.deepEqual([bench.record.drift, bench.record.unlisted], [null, undefined]);
  await bench.stop();
});

test('a list that stayed empty after a failed reload is not proven, one with a row less is', async () => {
  const bench = new ApplierBench([]);
  const heal = faultyReloads(bench.kamailio);
  await bench.commit([A, B]);
  bench.applier.serverExited();
  bench.applier.serverStarted();
  await bench.time.advance(10_000);
  assert.match(bench.record?.drift ?? '', /a reload did not help/);
  assert.equal(bench.applier.isProven, false);
  heal();
  bench.kamailio.badRows.add(B.destination);
  await bench.time.advance(130_000);
  assert.equal(bench.kamailio.letters(), 'a=AP');
  assert.equal(bench.applier.isProven, true);
  await bench.stop();
});

test('a Kamailio in service stays proven when a set that was empty cannot be loaded', async () => {
  const bench = new ApplierBench([A]);
  await bench.time.advance(0);
  faultyReloads(bench.kamailio);
  await bench.commit([A, row(20, 'r')]);
  await bench.time.advance(10_000);
  assert.deepEqual(bench.record?.unlisted, ['20 sip:r:5060']);
  assert.equal(bench.applier.isProven, true);
  await bench.stop();
});

test('a restarted Kamailio serves without the nodes of another data centre, whether they could not be loaded or were lost', async () => {
  const far = row(130, 'far');
  const bench = new ApplierBench([A, far], [20, 30, 130]);
  bench.kamailio.badRows.add(far.destination);
  bench.kamailio.start();
  const restart = async (): Promise<void> => {
    bench.applier.serverExited();
    bench.applier.serverStarted();
    await bench.time.advance(10_000);
  };
  await restart();
  assert.match(bench.record?.drift ?? '', /sip:far:5060 is missing in set 130/);
  assert.equal(bench.applier.isProven, true);
  await bench.publish();
  bench.kamailio.table = [A];
  await restart();
  assert.equal(bench.record?.drift, 'the table has no row for set 130');
  assert.equal(bench.applier.isProven, true);
  await bench.stop();
});
