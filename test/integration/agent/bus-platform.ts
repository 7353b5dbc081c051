import { pino } from 'pino';
import type { ProcessIdentity } from '../../../src/lab/parts/daemon.js';
import { startZookeeper, stopZookeeper } from '../../../src/lab/parts/zookeeper.js';
import { openRegistry } from '../../../src/registry/registry.js';
import { freePort, testDir } from '../../support/resources.js';
import type { TestDatabase } from '../store/database.js';
import { startDatabase } from '../store/database.js';
import { BusPeer, LIMIT_MS } from './bus-peer.js';

/** A real ZooKeeper and PostgreSQL; `carna agent` processes with real Kamailios on one DMQ bus. */
export class BusPlatform {
  readonly db: TestDatabase;
  readonly #zkPort: number;
  readonly #zkDir = testDir('zk');
  readonly #nodes: BusPeer[] = [];
  #zk: ProcessIdentity | null = null;

  static async open(): Promise<BusPlatform> {
    const platform = new BusPlatform(await startDatabase(), await freePort());
    await platform.startZookeeper();
    return platform;
  }

  private constructor(db: TestDatabase, zkPort: number) {
    this.db = db;
    this.#zkPort = zkPort;
  }

  /** A node that is not started yet. */
  async node(
    at: number,
    role: 'registrar' | 'outbound' = 'registrar',
    env: NodeJS.ProcessEnv = {},
  ): Promise<BusPeer> {
    const url = this.db.url.replace('postgresql:', 'postgres:');
    const node = new BusPeer(at, role, await freePort(), {
      ...process.env,
      CARNA_ZOOKEEPER: `127.0.0.1:${this.#zkPort}`,
      CARNA_CLUSTER: 'test',
      CARNA_DC: 'fra1',
      CARNA_ZK_SESSION_TIMEOUT_MS: '1000',
      CARNA_DATABASE_URL: this.db.url,
      CARNA_KAMAILIO_DB_URL: url,
      CARNA_SIP_DOMAIN: 'carna.test',
      CARNA_FLAP_CHANGES: '1000',
      CARNA_LOG_LEVEL: 'info',
      ...env,
    });
    this.#nodes.push(node);
    return node;
  }

  /** `nodeId host` of all that are registered now, through a session of its own. */
  async registered(): Promise<readonly string[]> {
    const registry = openRegistry({
      connectString: `127.0.0.1:${this.#zkPort}`,
      auth: null,
      zkSessionTimeoutMs: 5_000,
      cluster: 'test',
      dc: 'fra1',
      log: pino({ level: 'silent' }),
    });
    try {
      const view = registry.watchNodes();
      await view.whenFresh(LIMIT_MS);
      const records = [...view.nodes().nodes.values()].map(({ record }) => record);
      return records.map(({ nodeId, sip }) => `${nodeId} ${sip[0]?.host ?? ''}`);
    } finally {
      await registry.close();
    }
  }

  async startZookeeper(): Promise<void> {
    const [dir, port] = [this.#zkDir, this.#zkPort];
    const server = { dir, host: '127.0.0.1', port, tickTimeMs: 500, env: process.env };
    this.#zk = await startZookeeper(server);
  }

  async stopZookeeper(): Promise<void> {
    if (this.#zk !== null) await stopZookeeper(this.#zk);
    this.#zk = null;
  }

  async close(): Promise<void> {
    for (const node of this.#nodes) await node.stop();
    await this.stopZookeeper();
    await this.db.close();
  }
}
