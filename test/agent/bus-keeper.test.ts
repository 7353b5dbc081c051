import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BusBench, withPeer } from './support/bus-bench.js';
import { SELF } from './support/fake-bus.js';

test('a dead server is removed as soon as its agent says down', async () => {
  const bench = await BusBench.settled(withPeer);
  bench.bus.contacts.delete('10.0.0.2');
  bench.bus.add(2, 'down', null);
  await bench.time.advance(0);
  assert.equal(bench.bus.done(), 'remove 2');
  assert.equal(await bench.pass(), '');
  assert.equal(await bench.metric('carna_agent_bus_removals_total'), 1);
  await bench.stop();
});

test('one that is down and lives again stays: it fetches its contacts at this moment', async () => {
  const bench = await BusBench.settled(withPeer);
  bench.bus.add(2, 'down', 10);
  assert.equal(await bench.pass(), '');
  await bench.stop();
});

test('one whose agent alone is gone stays; when it falls silent too, it goes', async () => {
  const bench = await BusBench.settled(withPeer);
  bench.bus.forget(2);
  assert.equal(await bench.pass(), '');
  bench.bus.deaf.add('10.0.0.2');
  assert.equal(await bench.pass(), 'remove 2');
  await bench.stop();
});

test('one lost answer is no evidence: it is asked twice', async () => {
  const bench = await BusBench.settled(withPeer);
  bench.bus.forget(2);
  bench.bus.deaf.add('10.0.0.2');
  bench.bus.acts.length = 0;
  await bench.time.advance(5_600);
  assert.equal(bench.bus.acts.filter((act) => act === 'ask 2').length, 2);
  await bench.stop();
});

test('without the registry nothing is removed or announced', async () => {
  const bench = await BusBench.settled(withPeer);
  bench.bus.fresh = false;
  bench.bus.records = [];
  bench.bus.contacts.delete('10.0.0.2');
  bench.bus.changed();
  assert.equal(await bench.pass(), '');
  assert.equal(await bench.pass(), '');
  bench.bus.fresh = true;
  bench.bus.changed();
  await bench.time.advance(0);
  assert.equal(bench.bus.done(), 'remove 2');
  await bench.stop();
});

test('a view that breaks while a member is asked changes nothing any more', async () => {
  const bench = await BusBench.settled(withPeer);
  const ask = bench.bus.ask.bind(bench.bus);
  bench.bus.ask = async (address) => {
    bench.bus.fresh = false;
    return ask(address);
  };
  bench.bus.contacts.delete('10.0.0.2');
  bench.bus.add(2, 'down', null);
  assert.equal(await bench.pass(), '');
  await bench.stop();
});

test('a member that came onto the list while another was asked is not announced again', async () => {
  const bench = await BusBench.settled(() => undefined);
  const ask = bench.bus.ask.bind(bench.bus);
  bench.bus.ask = async (address) => {
    if (address === 'sip:10.0.0.3:5061') bench.bus.lists(2);
    return ask(address);
  };
  bench.bus.contacts.set('10.0.0.3', 0);
  bench.bus.records = [];
  bench.bus.lists(3);
  bench.bus.add(2, 'up', 10);
  await bench.time.advance(0);
  assert.equal(bench.bus.done(), '');
  await bench.stop();
});

test('two islands that both served become one, and each gets what the other had', async () => {
  const bench = await BusBench.settled(() => undefined);
  bench.bus.add(2, 'up', 10);
  await bench.time.advance(0);
  const told = 'tell 2 of 1, tell 1 of 2, 1 sends all to 2, 2 sends all to 1';
  assert.equal(bench.bus.done(), told);
  assert.equal(await bench.pass(), '');
  await bench.stop();
});

test('one that knew us all the time lacks only what came to us', async () => {
  const bench = await BusBench.settled(() => undefined);
  bench.bus.named.set('sip:10.0.0.2:5061', [SELF]);
  bench.bus.add(2, 'up', 10);
  await bench.time.advance(0);
  assert.equal(bench.bus.done(), 'tell 2 of 1, tell 1 of 2, 1 sends all to 2');
  await bench.stop();
});

test('a node that does not serve yet fetches for itself', async () => {
  const bench = await BusBench.settled(() => undefined);
  bench.bus.add(2, 'starting', 0);
  await bench.time.advance(0);
  assert.equal(bench.bus.done(), 'tell 2 of 1, tell 1 of 2');
  await bench.stop();
});

test('a member listed as disabled is removed and named anew', async () => {
  const bench = await BusBench.settled(withPeer);
  bench.bus.lists(2, 'disabled');
  assert.match(await bench.pass(), /^remove 2, tell 2 of 1, tell 1 of 2/);
  assert.deepEqual(bench.keeper.report().members, [
    { address: 'sip:10.0.0.2:5061', status: 'active' },
  ]);
  await bench.stop();
});

test('one that does not take it is an alarm, told once, until it does', async () => {
  const bench = await BusBench.settled(() => undefined);
  bench.bus.deaf.add('10.0.0.2');
  bench.bus.add(2, 'up', 10);
  await bench.pass();
  await bench.pass();
  assert.equal(bench.keeper.report().alarm, 'n2 does not answer on the bus');
  assert.equal(await bench.metric('carna_agent_bus_alarm'), 1);
  const told = bench.lines.filter((line) => line.startsWith('cannot announce'));
  assert.equal(told.length, 1);
  bench.bus.deaf.clear();
  await bench.pass();
  assert.equal(bench.keeper.report().alarm, null);
  assert.equal(await bench.metric('carna_agent_bus_alarm'), 0);
  assert.equal(await bench.metric('carna_agent_bus_announcements_total'), 1);
  await bench.stop();
});

test('a server that does not tell its members is an alarm, and is asked again', async () => {
  const bench = await BusBench.settled(withPeer);
  bench.bus.rpcFails = true;
  await bench.pass();
  assert.match(bench.keeper.report().alarm ?? '', /^the members of the bus cannot be told/);
  bench.bus.rpcFails = false;
  await bench.pass();
  assert.equal(bench.keeper.report().alarm, null);
  await bench.stop();
});

test('while no server runs nobody is asked or told', async () => {
  const bench = await BusBench.settled(withPeer);
  bench.keeper.serverExited();
  bench.bus.acts.length = 0;
  bench.bus.add(2, 'down', null);
  await bench.time.advance(20_000);
  assert.deepEqual(bench.bus.acts, []);
  assert.deepEqual(bench.keeper.report().members, []);
  await bench.stop();
});
