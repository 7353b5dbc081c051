import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BusBench, withPeer } from './support/bus-bench.js';

test('alone there is nothing to wait for', async () => {
  const bench = new BusBench(() => undefined);
  await bench.time.advance(0);
  assert.equal(bench.keeper.isSynced, true);
  assert.equal(bench.keeper.fault, null);
  await bench.stop();
});

test('both are told of each other, the peer sends all, then it opens', async () => {
  const bench = new BusBench((bus) => bus.add(2, 'up', 500));
  bench.isServing = false;
  await bench.time.advance(0);
  assert.equal(bench.bus.contacts.get('10.0.0.1'), 500);
  await bench.time.advance(250);
  assert.equal(bench.keeper.isSynced, true);
  assert.match(bench.keeper.report().sync, /^synced in \d+ ms: 500 here, 500 on n2$/);
  assert.equal(bench.keeper.report().alarm, null);
  await bench.stop();
});

test('of peers that do not send the next is asked', async () => {
  const bench = new BusBench((bus) => {
    bus.add(2, 'up', 500);
    bus.add(3, 'up', 500);
    bus.deaf.add('10.0.0.2');
  });
  bench.isServing = false;
  await bench.time.advance(1_000);
  assert.match(bench.keeper.report().sync, /^synced in \d+ ms: 500 here, 500 on n3$/);
  await bench.stop();
});

test('a server that was taken over with its contacts fetches nothing', async () => {
  const bench = new BusBench((bus) => {
    withPeer(bus);
    bus.contacts.set('10.0.0.1', 10);
  }, true);
  await bench.time.advance(0);
  assert.equal(bench.keeper.isSynced, true);
  assert.equal(bench.bus.done(), '');
  await bench.stop();
});

test('the wait is bounded; it tells, goes on asking, and tells when all is here', async () => {
  const bench = new BusBench((bus) => {
    bus.add(2, 'up', 500);
    bus.deaf.add('10.0.0.2');
  });
  bench.isServing = false;
  await bench.time.advance(14_000);
  assert.equal(bench.keeper.isSynced, false);
  await bench.time.advance(2_000);
  assert.equal(bench.keeper.isSynced, true);
  assert.match(
    bench.keeper.fault ?? '',
    /^its contacts may not be complete after 15\d\d\d ms: 0 here/,
  );
  bench.bus.deaf.clear();
  await bench.time.advance(12_000);
  assert.equal(bench.keeper.fault, null);
  assert.equal(bench.bus.contacts.get('10.0.0.1'), 500);
  await bench.stop();
});

test('contacts that were sent and do not come are waited for two seconds', async () => {
  const bench = new BusBench((bus) => {
    bus.add(2, 'up', 500);
    bus.delivers = false;
  });
  bench.isServing = false;
  await bench.time.advance(1_900);
  assert.equal(bench.keeper.isSynced, false);
  await bench.time.advance(700);
  assert.match(bench.keeper.report().sync, /^synced in \d+ ms: 0 here, 500 on n2$/);
  await bench.stop();
});

test('it closes when the server starts anew or did not answer for some time', async () => {
  const bench = await BusBench.settled(withPeer);
  bench.keeper.serverFailed();
  assert.equal(bench.keeper.isSynced, false);
  await bench.time.advance(20_000);
  assert.equal(bench.keeper.isSynced, false);
  bench.keeper.serverAnswers();
  await bench.time.advance(500);
  assert.equal(bench.keeper.isSynced, true);
  bench.keeper.serverStarted(false);
  assert.equal(bench.keeper.isSynced, false);
  await bench.stop();
});
