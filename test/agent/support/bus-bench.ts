import assert from 'node:assert/strict';
import { BusKeeper, DEFAULT_BUS_TIMING } from '../../../src/agent/bus-keeper.js';
import { agentMetrics } from '../../../src/agent/metrics.js';
import { createMetrics } from '../../../src/http/metrics.js';
import { collectingLog } from './docker-fakes.js';
import { DMQ_PORT, FakeBus, SELF } from './fake-bus.js';
import { FakeTime } from './fake-time.js';

/** One keeper over a bus and a time that tests hold in their hands; its server answers from the start. */
export class BusBench {
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
  static async settled(prepare: (bus: FakeBus) => void): Promise<BusBench> {
    const bench = new BusBench(prepare);
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

/** n2 serves with 10 contacts, and our server lists it. */
export const withPeer = (bus: FakeBus): void => {
  bus.add(2, 'up', 10);
  bus.lists(2);
};
