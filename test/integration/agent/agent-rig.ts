import { randomUUID } from 'node:crypto';
import { DEFAULT_APPLIER_TIMING } from '../../../src/agent/applier-timing.js';
import { agentMetrics } from '../../../src/agent/metrics.js';
import type { Agent, AgentDeps } from '../../../src/agent/run-agent.js';
import { createAgent } from '../../../src/agent/run-agent.js';
import { processRuntime } from '../../../src/agent/runtime/process.js';
import { kamailioControl } from '../../../src/agent/servers/kamailio.js';
import { systemTimekeeper } from '../../../src/agent/timekeeper.js';
import { DEFAULT_AGENT_TIMING } from '../../../src/agent/timing.js';
import { createMetrics } from '../../../src/http/metrics.js';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import type { AppliedRecord, NodeRecord } from '../../../src/topology/node.js';
import { setHash } from '../../../src/topology/set-hash.js';
import { waitUntil } from '../../../src/util/wait.js';
import { FakePublication, FakeView, silentLog } from '../../agent/support/fakes.js';
import { testDir } from '../../support/resources.js';
import { DispatcherDatabase } from './dispatcher-database.js';
import type { KamailioFixture } from './kamailio-fixture.js';
import { answersOptions, KamcmdRpc, kamailioFixture } from './kamailio-fixture.js';
import type { NamedRow } from './named-rows.js';
import { listInWords, namedRow } from './named-rows.js';

export const LIMIT_MS = 20_000;

/** A real agent, process, Kamailio and table; only the registry is in memory. Without Kamailio's own pings. */
export class AgentRig {
  readonly view = new FakeView();
  readonly nodes = new FakePublication<NodeRecord>();
  readonly applied = new FakePublication<AppliedRecord>();
  readonly database: DispatcherDatabase;
  readonly rpc: KamcmdRpc;
  readonly agent: Agent;
  generation = 1;
  readonly #net: string;
  readonly #term = new AbortController();
  #end: Promise<void> = Promise.resolve();

  private constructor(net: string, database: DispatcherDatabase, fixture: KamailioFixture) {
    this.#net = net;
    this.database = database;
    this.rpc = new KamcmdRpc(fixture.socket);
    this.agent = createAgent(this.#deps(fixture));
  }

  static async open(net: string, name: string): Promise<AgentRig> {
    const dir = testDir(name);
    const limits = { max: 2, connectionTimeoutMillis: 1_000 };
    const database = await DispatcherDatabase.open(dir, limits);
    const fixture = kamailioFixture(dir, `${net}.9`, 5060, [
      'loadmodule "db_postgres.so"',
      'loadmodule "dispatcher.so"',
      'modparam("db_postgres", "timeout", 2)',
      `modparam("dispatcher", "db_url", "${database.kamailioUrl}")`,
      'modparam("dispatcher", "reload_delta", 0)',
    ]);
    return new AgentRig(net, database, fixture);
  }

  #deps({ dir, args, host, port }: KamailioFixture): AgentDeps {
    const log = silentLog;
    const time = systemTimekeeper;
    const ping = async (timeoutMs: number) =>
      (await answersOptions(host, port, timeoutMs))
        ? ({ kind: 'answered', status: 200, latencyMs: 1 } as const)
        : ({ kind: 'silent', reason: 'timed out', isLocal: false } as const);
    const program = { command: 'kamailio', args, env: process.env, cwd: dir, stateDir: dir };
    const readTable = (setids: readonly number[]) =>
      this.database.readTable(this.generation, setids);
    return {
      identity: { ...IDENTITY, sip: [{ transport: 'udp', host, port }] },
      wiring: [{ consumer: 'dispatcher', target: 'media', setid: 30, selection: 'weight' }],
      runtime: processRuntime(program, log, time),
      openControl: kamailioControl(this.rpc, ping, time.monoMs),
      kamailio: { rpc: this.rpc, table: { readTable }, publication: this.applied },
      publication: this.nodes,
      view: this.view,
      registryState: () => 'connected',
      time,
      timing: TIMING,
      newId: randomUUID,
      metrics: agentMetrics(createMetrics()),
      log,
    };
  }

  async start(): Promise<void> {
    this.#end = this.agent.run(this.#term.signal);
    this.#end.catch(() => undefined);
    await waitUntil('up', LIMIT_MS, () => this.agent.state() === 'up');
  }

  /** As SIGTERM ends it. */
  async stop(): Promise<void> {
    this.#term.abort();
    await this.#end;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.database.close();
  }

  row(...of: NamedRow): DispatcherRow {
    return namedRow(this.#net, ...of);
  }

  /** Rows as a leader would commit them, and a generation that tells these hashes of its sets. */
  async publish(rows: readonly DispatcherRow[], sets: Record<string, string>): Promise<void> {
    await this.database.writeRows(rows);
    this.generation += 1;
    this.view.setGeneration(this.generation, sets);
  }

  /** Commits rows as a leader would and waits until they are acknowledged. */
  async commit(rows: readonly DispatcherRow[]): Promise<void> {
    await this.publish(rows, { '30': setHash(rows) });
    await this.acknowledged();
  }

  async acknowledged(): Promise<void> {
    const { applied, generation } = this;
    await waitUntil(
      `generation ${generation}, last ${JSON.stringify(applied.current)}`,
      LIMIT_MS,
      () => applied.current?.generation === generation && applied.current.drift === null,
    );
  }

  /** The live list as words: a=AP b=DX. */
  async letters(): Promise<string> {
    return listInWords(this.#net, await this.rpc.readDispatcherList());
  }
}

const IDENTITY = {
  nodeId: 'd1',
  role: 'dispatcher',
  kind: 'kamailio',
  dc: 'a',
  weight: 50,
  maxSessions: 0,
  marathon: null,
  agent: { version: '0', http: null },
} as const;

const TIMING = {
  ...DEFAULT_AGENT_TIMING,
  drain: { acknowledgeMs: 100, deadlineMs: 10_000, pollMs: 100 },
  applier: { ...DEFAULT_APPLIER_TIMING, resyncMs: 1_000 },
};
