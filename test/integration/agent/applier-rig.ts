import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { DEFAULT_APPLIER_TIMING } from '../../../src/agent/applier-timing.js';
import { Applier } from '../../../src/agent/applier.js';
import { agentMetrics } from '../../../src/agent/metrics.js';
import type { KamailioRpc } from '../../../src/agent/ports.js';
import { systemTimekeeper } from '../../../src/agent/timekeeper.js';
import { createMetrics } from '../../../src/http/metrics.js';
import { BinrpcClient } from '../../../src/protocols/binrpc/client.js';
import * as dispatcher from '../../../src/protocols/binrpc/dispatcher-rpc.js';
import { readUptimeSeconds } from '../../../src/protocols/binrpc/kamailio-rpc.js';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import type { AppliedRecord } from '../../../src/topology/node.js';
import { setHash } from '../../../src/topology/set-hash.js';
import { CarnaError } from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import { FakePublication, FakeView, silentLog } from '../../agent/support/fakes.js';
import { testDir } from '../../support/resources.js';
import { CtlTap } from './ctl-tap.js';
import { DispatcherDatabase } from './dispatcher-database.js';
import type { KamailioFixture } from './kamailio-fixture.js';
import { kamailioFixture } from './kamailio-fixture.js';
import type { NamedRow } from './named-rows.js';
import { listInWords, namedRow } from './named-rows.js';

const run = promisify(execFile);
export const LIMIT_MS = 30_000;

/** A module parameter as the shipped configuration sets it. */
export function shipped(module: string, name: string): number {
  const text = readFileSync('kamailio/include/core.cfg', 'utf8');
  const found = new RegExp(`modparam\\("${module}", "${name}", (\\d+)\\)`).exec(text)?.[1];
  if (found === undefined) throw new Error(`kamailio/include/core.cfg does not set ${name}`);
  return Number(found);
}

/** A real Kamailio with a real table, and the applier alone beside it, over the real client. */
export class ApplierRig {
  readonly view = new FakeView();
  readonly applied = new FakePublication<AppliedRecord>();
  readonly metrics = createMetrics();
  readonly fixture: KamailioFixture;
  readonly database: DispatcherDatabase;
  readonly tap: CtlTap;
  readonly net: string;
  client: BinrpcClient;
  rpc: KamailioRpc;
  applier: Applier;
  generation = 1;
  reloads = 0;
  #kamailio: ChildProcess | null = null;
  readonly #stop = new AbortController();
  #end: Promise<void> = Promise.resolve();

  private constructor(parts: {
    fixture: KamailioFixture;
    database: DispatcherDatabase;
    tap: CtlTap;
    net: string;
  }) {
    this.fixture = parts.fixture;
    this.database = parts.database;
    this.tap = parts.tap;
    this.net = parts.net;
    this.client = new BinrpcClient({ socketPath: `${this.fixture.socket}.tap`, timeoutMs: 800 });
    this.rpc = rpcOf(this.client, () => (this.reloads += 1));
    this.applier = this.#newApplier();
  }

  /** `extra` are further lines of Kamailio's configuration, after those of the shipped one. */
  static async open(net: string, name: string, extra: readonly string[] = []): Promise<ApplierRig> {
    const dir = testDir(name);
    const limits = { max: 2, connectionTimeoutMillis: 1_000, query_timeout: 1_000 };
    const database = await DispatcherDatabase.open(dir, limits);
    const fixture = kamailioFixture(dir, `${net}.9`, 5060, [
      'loadmodule "db_postgres.so"',
      'loadmodule "dispatcher.so"',
      `modparam("db_postgres", "timeout", ${shipped('db_postgres', 'timeout')})`,
      `modparam("ctl", "binrpc_struct_max_body_size", ${shipped('ctl', 'binrpc_struct_max_body_size')})`,
      `modparam("dispatcher", "db_url", "${database.kamailioUrl}")`,
      `modparam("dispatcher", "reload_delta", ${shipped('dispatcher', 'reload_delta')})`,
      ...extra,
    ]);
    const tap = await CtlTap.open(`${fixture.socket}.tap`, fixture.socket);
    return new ApplierRig({ fixture, database, tap, net });
  }

  #newApplier(): Applier {
    return new Applier({
      nodeId: 'd1',
      role: 'dispatcher',
      setids: [20, 30],
      needed: [20, 30],
      table: { readTable: (setids) => this.database.readTable(this.generation, setids) },
      rpc: this.rpc,
      view: this.view,
      publication: this.applied,
      time: systemTimekeeper,
      timing: { ...DEFAULT_APPLIER_TIMING, resyncMs: 1_000 },
      metrics: agentMetrics(this.metrics),
      log: silentLog,
    });
  }

  /** Starts Kamailio, and the applier with it when asked to. */
  async start(withApplier = true): Promise<void> {
    await this.startKamailio();
    if (!withApplier) return;
    this.applier.serverStarted();
    this.#end = this.applier.run(this.#stop.signal);
    this.#end.catch(() => undefined);
    await waitUntil('proven', LIMIT_MS, () => this.applier.isProven);
  }

  async startKamailio(): Promise<void> {
    this.#kamailio = spawn('kamailio', [...this.fixture.args], { detached: true, stdio: 'ignore' });
    await waitUntil('Kamailio answers', LIMIT_MS, async () => {
      const probe = new BinrpcClient({ socketPath: this.fixture.socket, timeoutMs: 1_000 });
      try {
        await readUptimeSeconds(probe);
        return true;
      } catch (err) {
        if (err instanceof CarnaError) return false;
        throw err;
      } finally {
        probe.close();
      }
    });
  }

  async killKamailio(): Promise<void> {
    const child = this.#kamailio;
    if (child?.pid === undefined) return;
    const isOver = new Promise((resolve) => child.once('exit', resolve));
    process.kill(-child.pid, 'SIGKILL');
    await isOver;
    this.#kamailio = null;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#end;
    this.client.close();
    await this.killKamailio();
    await this.tap.close();
    await this.database.close();
  }

  row(...of: NamedRow): DispatcherRow {
    return namedRow(this.net, ...of);
  }

  /** Commits rows as a leader would. */
  async commit(rows: readonly DispatcherRow[]): Promise<void> {
    await this.database.writeRows(rows);
    this.generation += 1;
    const sets: Record<string, string> = {};
    for (const setid of new Set(rows.map((r) => r.setid))) {
      sets[String(setid)] = setHash(rows.filter((r) => r.setid === setid));
    }
    this.view.setGeneration(this.generation, sets);
  }

  async acknowledged(): Promise<void> {
    await waitUntil(
      `generation ${this.generation}`,
      LIMIT_MS,
      () =>
        this.applied.current?.generation === this.generation && this.applied.current.drift === null,
    );
  }

  async told(pattern: RegExp): Promise<void> {
    await waitUntil(`told ${pattern.source}`, LIMIT_MS, () =>
      pattern.test(this.applied.current?.drift ?? ''),
    );
  }

  /** Debian's own tool, past the applier's client. */
  async kamcmd(...words: readonly string[]): Promise<string> {
    const { stdout, stderr } = await run('kamcmd', [
      '-s',
      `unixs:${this.fixture.socket}`,
      ...words,
    ]);
    return stdout + stderr;
  }

  /** The live list as words, past the applier's client: a=AP b=DX. */
  async letters(): Promise<string> {
    const client = new BinrpcClient({ socketPath: this.fixture.socket, timeoutMs: LIMIT_MS });
    try {
      return listInWords(this.net, await dispatcher.readDispatcherList(client));
    } finally {
      client.close();
    }
  }

  async metric(line: string): Promise<number> {
    const text = await this.metrics.text();
    const found = text.split('\n').find((l) => l.startsWith(`${line} `));
    return found === undefined ? 0 : Number(found.slice(line.length + 1));
  }
}

function rpcOf(client: BinrpcClient, onReload: () => void): KamailioRpc {
  const unused = (): Promise<never> => Promise.reject(new Error('not asked here'));
  return {
    readDispatcherList: () => dispatcher.readDispatcherList(client),
    setDispatcherState: (state, setid, destination) =>
      dispatcher.setDispatcherState(client, dispatcher.dispatcherState(state), setid, destination),
    reloadDispatcher: () => {
      onReload();
      return dispatcher.reloadDispatcher(client);
    },
    readUptimeSeconds: () => readUptimeSeconds(client),
    readTmStats: unused,
    setSharedVariable: unused,
  };
}
