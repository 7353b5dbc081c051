import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BusKeeper, DEFAULT_BUS_TIMING } from '../../src/agent/bus-keeper.js';
import { agentMetrics } from '../../src/agent/metrics.js';
import { createMetrics } from '../../src/http/metrics.js';
import { collectingLog } from './support/docker-fakes.js';
import { DMQ_PORT, FakeBus, SELF } from './support/fake-bus.js';
import { FakeTime } from './support/fake-time.js';

/** One keeper over a bus and a time that tests hold in their hands; its server answers from the start. */
class Bench {
  readonly bus = new FakeBus();
  readonly time = new FakeTime();
  readonly metrics = createMetrics();
  readonly lines: string[];
  readonly keeper: BusKeeper;
  isServing = true;
  readonly #stop = new AbortController();
  readonly #end: Promise<void>;

  constructor(prepare: (bus: FakeBus) => void, isAdopted = false) {
    this.bus.contacts.set('10.0.0.1', 0);
    prepare(this.bus);
    const { log, lines } = collectingLog();
    this.lines = lines;
    this.keeper = new BusKeeper({
      self: {
        nodeId: 'n1',
        dc: 'a',
        dmqPort: DMQ_PORT,
        address: SELF,
        sip: { host: '10.0.0.1', port: 5060 },
      },
      view: this.bus,
      link: this.bus,
      isServing: () => this.isServing,
      time: this.time,
      timing: DEFAULT_BUS_TIMING,
      metrics: agentMetrics(this.metrics),
      log,
    });
    this.#end = this.keeper.run(this.#stop.signal);
    this.keeper.serverStarted(isAdopted);
    this.keeper.serverAnswers();
  }

  /** A keeper whose server has long had all contacts. */
  static async settled(prepare: (bus: FakeBus) => void): Promise<Bench> {
    const bench = new Bench(prepare);
    await bench.time.advance(3_000);
    assert.equal(bench.keeper.isSynced, true);
    bench.bus.done();
    return bench;
  }

  async pass(): Promise<string> {
    await this.time.advance(5_600);
    return this.bus.done();
  }

  async metric(name: string): Promise<number> {
    const line = (await this.metrics.text())
      .split('\n')
      .find((text) => text.startsWith(`${name} `));
    return Number(line?.split(' ')[1] ?? 0);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#end;
  }
}

const withPeer = (bus: FakeBus): void => {
  bus.add(2, 'up', 10);
  bus.lists(2);
};

test('a dead server is removed as soon as its agent says down', async () => {
  const bench = await Bench.settled(withPeer);
  bench.bus.contacts.delete('10.0.0.2');
  bench.bus.add(2, 'down', null);
  await bench.time.advance(0);
  assert.equal(bench.bus.done(), 'remove 2');
  assert.equal(await bench.pass(), '');
  assert.equal(await bench.metric('carna_agent_bus_removals_total'), 1);
  await bench.stop();
});

test('one that is down and lives again stays: it fetches its contacts at this moment', async () => {
  const bench = await Bench.settled(withPeer);
  bench.bus.add(2, 'down', 10);
  assert.equal(await bench.pass(), '');
  await bench.stop();
});

test('one whose agent alone is gone stays; when it falls silent too, it goes', async () => {
  const bench = await Bench.settled(withPeer);
  bench.bus.forget(2);
  assert.equal(await bench.pass(), '');
  bench.bus.deaf.add('10.0.0.2');
  assert.equal(await bench.pass(), 'remove 2');
  await bench.stop();
});

test('one lost answer is no evidence: it is asked twice', async () => {
  const bench = await Bench.settled(withPeer);
  bench.bus.forget(2);
  bench.bus.deaf.add('10.0.0.2');
  bench.bus.acts.length = 0;
  await bench.time.advance(5_600);
  assert.equal(bench.bus.acts.filter((act) => act === 'ask 2').length, 2);
  await bench.stop();
});

test('without the registry nothing is removed or announced', async () => {
  const bench = await Bench.settled(withPeer);
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
  const bench = await Bench.settled(withPeer);
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

test('two islands that both served become one, and each gets what the other had', async () => {
  const bench = await Bench.settled(() => undefined);
  bench.bus.add(2, 'up', 10);
  await bench.time.advance(0);
  const told = 'tell 2 of 1, tell 1 of 2, 1 sends all to 2, 2 sends all to 1';
  assert.equal(bench.bus.done(), told);
  assert.equal(await bench.pass(), '');
  await bench.stop();
});

test('one that knew us all the time lacks only what came to us', async () => {
  const bench = await Bench.settled(() => undefined);
  bench.bus.named.set('sip:10.0.0.2:5061', [SELF]);
  bench.bus.add(2, 'up', 10);
  await bench.time.advance(0);
  assert.equal(bench.bus.done(), 'tell 2 of 1, tell 1 of 2, 1 sends all to 2');
  await bench.stop();
});

test('a node that does not serve yet fetches for itself', async () => {
  const bench = await Bench.settled(() => undefined);
  bench.bus.add(2, 'starting', 0);
  await bench.time.advance(0);
  assert.equal(bench.bus.done(), 'tell 2 of 1, tell 1 of 2');
  await bench.stop();
});

test('a member listed as disabled is removed and named anew', async () => {
  const bench = await Bench.settled(withPeer);
  bench.bus.lists(2, 'disabled');
  assert.match(await bench.pass(), /^remove 2, tell 2 of 1, tell 1 of 2/);
  assert.deepEqual(bench.keeper.report().members, [
    { address: 'sip:10.0.0.2:5061', status: 'active' },
  ]);
  await bench.stop();
});

test('one that does not take it is an alarm, told once, until it does', async () => {
  const bench = await Bench.settled(() => undefined);
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
  const bench = await Bench.settled(withPeer);
  bench.bus.rpcFails = true;
  await bench.pass();
  assert.match(bench.keeper.report().alarm ?? '', /^the members of the bus cannot be told/);
  bench.bus.rpcFails = false;
  await bench.pass();
  assert.equal(bench.keeper.report().alarm, null);
  await bench.stop();
});

test('while no server runs nobody is asked or told', async () => {
  const bench = await Bench.settled(withPeer);
  bench.keeper.serverExited();
  bench.bus.acts.length = 0;
  bench.bus.add(2, 'down', null);
  await bench.time.advance(20_000);
  assert.deepEqual(bench.bus.acts, []);
  assert.deepEqual(bench.keeper.report().members, []);
  await bench.stop();
});

test('the gate: alone there is nothing to wait for', async () => {
  const bench = new Bench(() => undefined);
  await bench.time.advance(0);
  assert.equal(bench.keeper.isSynced, true);
  assert.equal(bench.keeper.fault, null);
  await bench.stop();
});

test('the gate: both are told of each other, the peer sends all, then it opens', async () => {
  const bench = new Bench((bus) => bus.add(2, 'up', 500));
  bench.isServing = false;
  await bench.time.advance(0);
  assert.equal(bench.bus.contacts.get('10.0.0.1'), 500);
  await bench.time.advance(250);
  assert.equal(bench.keeper.isSynced, true);
  assert.match(bench.keeper.report().sync, /^synced in \d+ ms: 500 here, 500 on n2$/);
  assert.equal(bench.keeper.report().alarm, null);
  await bench.stop();
});

test('the gate: of peers that do not send the next is asked', async () => {
  const bench = new Bench((bus) => {
    bus.add(2, 'up', 500);
    bus.add(3, 'up', 500);
    bus.deaf.add('10.0.0.2');
  });
  bench.isServing = false;
  await bench.time.advance(1_000);
  assert.match(bench.keeper.report().sync, /^synced in \d+ ms: 500 here, 500 on n3$/);
  await bench.stop();
});

test('the gate: a server that was taken over with its contacts fetches nothing', async () => {
  const bench = new Bench((bus) => {
    withPeer(bus);
    bus.contacts.set('10.0.0.1', 10);
  }, true);
  await bench.time.advance(0);
  assert.equal(bench.keeper.isSynced, true);
  assert.equal(bench.bus.done(), '');
  await bench.stop();
});

test('the gate: the wait is bounded; it tells, goes on asking, and tells when all is here', async () => {
  const bench = new Bench((bus) => {
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

test('the gate: contacts that were sent and do not come are waited for two seconds', async () => {
  const bench = new Bench((bus) => {
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

test('the gate: it closes when the server starts anew or did not answer for some time', async () => {
  const bench = await Bench.settled(withPeer);
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
