import { DEFAULT_APPLIER_TIMING } from '../../../src/agent/applier-timing.js';
import { Applier } from '../../../src/agent/applier.js';
import { agentMetrics } from '../../../src/agent/metrics.js';
import { createMetrics } from '../../../src/http/metrics.js';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import { encodeAppliedRecord } from '../../../src/topology/node-codec.js';
import type { AppliedRecord } from '../../../src/topology/node.js';
import { setHash } from '../../../src/topology/set-hash.js';
import { FakeKamailio } from './fake-kamailio.js';
import { FakeTime } from './fake-time.js';
import { FakePublication, FakeView, silentLog } from './fakes.js';

const NEEDED: readonly number[] = [20, 30];

/** The applier alone over a Kamailio and a time that tests hold in their hands. */
export class ApplierBench {
  readonly time = new FakeTime();
  readonly view = new FakeView();
  readonly publication = new FakePublication<AppliedRecord>(encodeAppliedRecord);
  readonly metrics = createMetrics();
  readonly kamailio: FakeKamailio;
  readonly applier: Applier;
  readonly #stop = new AbortController();
  readonly #end: Promise<void>;

  constructor(rows: readonly DispatcherRow[], setids: readonly number[] = NEEDED) {
    this.kamailio = new FakeKamailio(rows);
    this.kamailio.nowMs = this.time.monoMs;
    this.applier = new Applier({
      nodeId: 'd1',
      role: 'dispatcher',
      setids,
      needed: NEEDED,
      table: this.kamailio,
      rpc: this.kamailio,
      view: this.view,
      publication: this.publication,
      time: this.time,
      timing: DEFAULT_APPLIER_TIMING,
      metrics: agentMetrics(this.metrics),
      log: silentLog,
    });
    this.applier.serverStarted();
    this.#end = this.applier.run(this.#stop.signal);
  }

  /** The leader commits other rows and says so. */
  async commit(rows: readonly DispatcherRow[]): Promise<void> {
    this.kamailio.table = [...rows];
    this.kamailio.generation += 1;
    await this.publish();
  }

  /** The leader says what stands in the table. */
  async publish(): Promise<void> {
    const sets: Record<string, string> = {};
    for (const { setid } of this.kamailio.table) {
      sets[String(setid)] = setHash(this.kamailio.table.filter((r) => r.setid === setid));
    }
    this.view.setGeneration(this.kamailio.generation, sets);
    await this.time.advance(0);
  }

  get record(): AppliedRecord | null {
    return this.publication.current;
  }

  async metric(line: string): Promise<number> {
    const text = await this.metrics.text();
    const found = text.split('\n').find((l) => l.startsWith(`${line} `));
    return found === undefined ? 0 : Number(found.slice(line.length + 1));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#end;
  }
}

/** From now on each reload answers "Reload Failed" and keeps the list, until the function given is called. */
export function faultyReloads(kamailio: FakeKamailio): () => void {
  const reload = kamailio.reloadDispatcher.bind(kamailio);
  kamailio.reloadDispatcher = () => Promise.resolve({ kind: 'failed', text: 'Reload Failed' });
  return () => (kamailio.reloadDispatcher = reload);
}
