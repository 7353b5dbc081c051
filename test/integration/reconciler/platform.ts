import { join } from 'node:path';
import { pino } from 'pino';
import type { ProcessIdentity } from '../../../src/lab/parts/daemon.js';
import { logTail, signalDaemon, startDaemon, stopDaemon } from '../../../src/lab/parts/daemon.js';
import { startZookeeper, stopZookeeper } from '../../../src/lab/parts/zookeeper.js';
import type { Registry } from '../../../src/registry/registry.js';
import { openRegistry } from '../../../src/registry/registry.js';
import { readTable } from '../../../src/store/dispatcher-table.js';
import { createLogin } from '../../../src/store/group-roles.js';
import { readLeader } from '../../../src/store/leadership.js';
import type { ReconcilerStatus } from '../../../src/reconciler/status.js';
import { waitUntil } from '../../../src/util/wait.js';
import type { Ended } from '../../e2e/carna.js';
import { runProgram } from '../../e2e/carna.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { freePort, loopbackNet, testDir } from '../../support/resources.js';
import type { SipPeer } from '../kamailio/sip-peer.js';
import { openPeer } from '../kamailio/sip-peer.js';
import type { TestDatabase } from '../store/database.js';
import { startDatabase } from '../store/database.js';

const HOST = '127.0.0.1';
const CLUSTER = 'test';
const SCRIPT = join(process.cwd(), 'dist/src/bin/carna.js');
const TICK_MS = 500;
/** What the reconcilers of these tests ask for, and get. */
export const ZK_SESSION_MS = 1_000;

/** A real ZooKeeper, a real PostgreSQL, real `carna reconciler` processes; nodes are bare publications. */
export class Platform {
  readonly db: TestDatabase;
  readonly dc = 'fra1';
  readonly #zkPort: number;
  #zkDir: string;
  readonly #peers: SipPeer[] = [];
  #zk: ProcessIdentity | null = null;
  readonly #closers: (() => Promise<void>)[] = [];

  static async open(): Promise<Platform> {
    const platform = new Platform(await startDatabase(), await freePort());
    await platform.startZookeeper();
    for (const role of ['carna_writer', 'carna_reader'] as const) {
      await createLogin(platform.db.store, { user: role.slice(6), password: 'its-own', role });
    }
    return platform;
  }

  private constructor(db: TestDatabase, zkPort: number) {
    this.db = db;
    this.#zkPort = zkPort;
    this.#zkDir = testDir('zk');
  }

  /** Address of the SIP server number `at`. */
  hostOf(at: number): string {
    return `${loopbackNet()}.${at}`;
  }

  /** SIP servers 1 to `count` answer OPTIONS from now on. */
  async startSipServers(count: number): Promise<void> {
    for (let at = 1; at <= count; at++) this.#peers.push(await openPeer(this.hostOf(at)));
  }

  async stopSipServers(): Promise<void> {
    for (const peer of this.#peers.splice(0)) await peer.close();
  }

  get zookeeper(): string {
    return `${HOST}:${this.#zkPort}`;
  }

  async startZookeeper(): Promise<void> {
    const [dir, port] = [this.#zkDir, this.#zkPort];
    this.#zk = await startZookeeper({
      dir,
      host: HOST,
      port,
      tickTimeMs: TICK_MS,
      env: process.env,
    });
  }

  async stopZookeeper(): Promise<void> {
    if (this.#zk !== null) await stopZookeeper(this.#zk);
    this.#zk = null;
  }

  /** A gate before ZooKeeper for those who are to come later than others. */
  async openGate(): Promise<FaultProxy> {
    const gate = await FaultProxy.open(HOST, await freePort(), this.#zkPort);
    this.#closers.push(() => gate.down());
    return gate;
  }

  /** Stopped, its data gone, started again. */
  async wipeZookeeper(): Promise<void> {
    await this.stopZookeeper();
    this.#zkDir = testDir('zk');
    await this.startZookeeper();
  }

  /** A session of its own, closed at the end; `address` = a proxy before ZooKeeper. */
  registry(zkSessionTimeoutMs = ZK_SESSION_MS, address = this.zookeeper): Registry {
    const registry = openRegistry({
      connectString: address,
      auth: null,
      zkSessionTimeoutMs,
      cluster: CLUSTER,
      dc: this.dc,
      log: pino({ level: 'silent' }),
    });
    this.#closers.push(() => registry.close());
    return registry;
  }

  /** Started, and its view is fresh unless ZooKeeper is away. */
  async reconciler(id: string, env: NodeJS.ProcessEnv = {}): Promise<ReconcilerProcess> {
    const proxy = await FaultProxy.open(HOST, await freePort(), this.db.options.port);
    const reconciler = new ReconcilerProcess(id, proxy, await freePort(), {
      ...this.#env('writer', `${HOST}:${proxy.address.split(':')[1]}`),
      CARNA_ZK_SESSION_TIMEOUT_MS: String(ZK_SESSION_MS),
      CARNA_RECONCILER_ID: id,
      ...env,
    });
    this.#closers.push(async () => {
      await reconciler.stop();
      await proxy.close();
    });
    await reconciler.start();
    return reconciler;
  }

  /** An operator's command. */
  async carna(...args: readonly string[]): Promise<Ended> {
    const env = this.#env('reader', `${HOST}:${this.db.options.port}`);
    return runProgram(process.execPath, [SCRIPT, ...args], env);
  }

  /** `nodeId flags`, in order. */
  async rows(): Promise<readonly string[]> {
    const { rows } = await readTable(this.db.store);
    return rows.map((row) => `${row.description.slice('carna:'.length)} ${row.flags}`).sort();
  }

  async leader(): Promise<{ readonly holder: string; readonly epoch: number }> {
    return (await readLeader(this.db.store, this.dc)) ?? { holder: '', epoch: 0 };
  }

  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
    await this.stopSipServers();
    await this.stopZookeeper();
    await this.db.close();
  }

  #env(user: string, address: string): NodeJS.ProcessEnv {
    const url = new URL(this.db.url);
    return {
      ...process.env,
      CARNA_ZOOKEEPER: this.zookeeper,
      CARNA_CLUSTER: CLUSTER,
      CARNA_DC: this.dc,
      CARNA_DATABASE_URL: `postgresql://${user}:its-own@${address}${url.pathname}`,
      NO_COLOR: '1',
    };
  }
}

/** One `carna reconciler`, reaching PostgreSQL through a proxy of its own. */
export class ReconcilerProcess {
  readonly id: string;
  readonly proxy: FaultProxy;
  readonly logFile: string;
  readonly #port: number;
  readonly #env: NodeJS.ProcessEnv;
  #process: ProcessIdentity | null = null;

  constructor(id: string, proxy: FaultProxy, port: number, env: NodeJS.ProcessEnv) {
    this.id = id;
    this.proxy = proxy;
    this.#port = port;
    this.#env = { ...env, CARNA_HTTP_PORT: String(port) };
    this.logFile = join(testDir(id), 'log');
  }

  async start(): Promise<void> {
    this.#process = await startDaemon({
      name: this.id,
      command: process.execPath,
      args: [SCRIPT, 'reconciler'],
      env: this.#env,
      cwd: process.cwd(),
      logFile: this.logFile,
    });
    await waitUntil(`${this.id} answers`, 30_000, async () => (await this.status()) !== null);
  }

  /** Null while it does not answer. */
  async status(): Promise<ReconcilerStatus | null> {
    try {
      const answer = await fetch(`http://${HOST}:${this.#port}/healthz`, {
        signal: AbortSignal.timeout(2_000),
      });
      return (await answer.json()) as ReconcilerStatus;
    } catch {
      return null;
    }
  }

  /** One sample of /metrics, for example `carna_reconciler_count{what="deposed"}`. */
  async metric(sample: string): Promise<number> {
    const answer = await fetch(`http://${HOST}:${this.#port}/metrics`);
    const line = (await answer.text()).split('\n').find((text) => text.startsWith(`${sample} `));
    return Number(line?.slice(sample.length + 1) ?? Number.NaN);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#process !== null) signalDaemon(this.#process, signal);
  }

  get log(): string {
    return logTail(this.logFile);
  }

  async untilWarm(): Promise<void> {
    await waitUntil(`${this.id} sees the topology`, 30_000, async () => {
      return (await this.status())?.isFresh === true;
    });
  }

  /** Ended with grace, or by force. */
  async stop(): Promise<void> {
    if (this.#process === null) return;
    this.signal('SIGCONT');
    await stopDaemon(this.#process, 'SIGTERM', 10_000);
    this.#process = null;
  }
}
