import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ProcessIdentity } from '../../../src/lab/parts/daemon.js';
import type { KamailioRole } from '../../../src/topology/node.js';
import { postgresUrl, startPostgres, stopPostgres } from '../../../src/lab/parts/postgres.js';
import { DEBIAN_KAMAILIO_SCHEMA_DIR, migrate } from '../../../src/store/migrate.js';
import { openStore } from '../../../src/store/pool.js';
import { freePort, loopbackNet, testDir } from '../../support/resources.js';
import { kamailioHome } from './kamailio-home.js';

const run = promisify(execFile);
const PASSWORD = 'for-this-test-only';

/** PostgreSQL as `carna init` leaves it, shared by the tests of one file. */
export interface Database {
  /** As Kamailio spells it. */
  readonly url: string;
  sql(text: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startDatabase(): Promise<Database> {
  const server = { host: '127.0.0.1', port: await freePort(), password: PASSWORD };
  const dir = join(testDir('pg'), 'pg');
  const postgres = await startPostgres({ ...server, dir, env: process.env });
  const url = postgresUrl(server, 'postgres');
  const psql = async (...args: string[]): Promise<void> => {
    await run('psql', ['-qX', '-v', 'ON_ERROR_STOP=1', '-d', url, ...args]);
  };
  await migrateAt(url);
  // Peers of a test call without a password, as trunks do.
  await psql(
    '-c',
    'insert into carna.trunk (name, host, source, weight) ' +
      `select 'peer-' || n, '${loopbackNet()}.' || n, true, 0 from generate_series(1, 254) as n`,
  );
  return {
    url: url.replace('postgresql:', 'postgres:'),
    sql: (text) => psql('-c', text),
    stop: () => stopPostgres(postgres),
  };
}

async function migrateAt(url: string): Promise<void> {
  const store = openStore({
    url,
    connectTimeoutMs: 3_000,
    statementTimeoutMs: 10_000,
    log: { warn: () => undefined },
  });
  try {
    await migrate(store, { kamailioSchemaDir: DEBIAN_KAMAILIO_SCHEMA_DIR });
  } finally {
    await store.close();
  }
}

export interface Node {
  readonly role: KamailioRole;
  readonly host: string;
  readonly process: ProcessIdentity;
  readonly logFile: string;
  rpc(...words: string[]): Promise<string>;
  /** SIGKILL to the whole process group, as when a host dies. */
  kill(): Promise<void>;
}

export interface Platform {
  readonly loadBalancer: Node;
  readonly dispatchers: readonly Node[];
  /** A load-balancer on the address of the one before, which must be dead; `loadBalancer` stays the old one. */
  startLoadBalancerAgain(): Promise<Node>;
  stop(): Promise<void>;
}

export interface PlatformOptions {
  readonly database: Database;
  /** Distinguishes the rows and views of platforms that share a database: letters and digits. */
  readonly name: string;
  readonly loadBalancer: string;
  readonly dispatchers: readonly string[];
  readonly media: readonly string[];
  /** Attrs of the rows of `media`, in their order; empty when absent. */
  readonly mediaAttrs?: readonly string[];
  /** Addresses that stand as outbound nodes and as registrars, for the load-balancer and the dispatchers. */
  readonly outbound?: readonly string[];
  readonly registrars?: readonly string[];
  /** Addresses in set 10 that nobody serves. */
  readonly deadDispatchers?: readonly string[];
  /** Seconds; a large one keeps Kamailio from finding dead nodes before the calls do. */
  readonly pingInterval?: number;
  /** Further variables for every node. */
  readonly env?: Readonly<Record<string, string>>;
}

/** One load-balancer and its dispatchers over rows for the given addresses, ready to serve. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { database, name } = options;
  const dispatchers = [...options.dispatchers, ...(options.deadDispatchers ?? [])];
  for (const [setid, hosts] of [
    [10, dispatchers],
    [20, options.registrars ?? []],
    [30, options.media],
    [40, options.outbound ?? []],
    [50, [options.loadBalancer]],
  ] as const) {
    for (const [index, host] of hosts.entries()) {
      const attrs = setid === 30 ? (options.mediaAttrs?.[index] ?? '') : '';
      await database.sql(
        `delete from dispatcher where setid = ${setid} and destination = 'sip:${host}:5060'; ` +
          'insert into dispatcher (setid, destination, flags, attrs, description) ' +
          `values (${setid}, 'sip:${host}:5060', 8, '${attrs}', 'carna:${name}')`,
      );
    }
  }
  await makeView(database, `${name}_lb`, name, '10, 20, 40');
  await makeView(database, `${name}_disp`, name, '10, 20, 30, 40, 50, 130');
  const dir = testDir(name);
  const nodes: Node[] = [];
  const start = async (role: KamailioRole, host: string, table: string): Promise<Node> => {
    const node = await startNode({
      role,
      host,
      dir: join(dir, `${host}-${nodes.length}`),
      env: {
        CARNA_KAMAILIO_DB_URL: database.url,
        CARNA_DISPATCHER_TABLE: table,
        CARNA_PING_INTERVAL: String(options.pingInterval ?? 1),
        CARNA_LOG_CALLS: '1',
        CARNA_CHILDREN: '2',
        ...options.env,
      },
    });
    nodes.push(node);
    return node;
  };
  const stop = async (): Promise<void> => {
    for (const node of nodes.reverse()) await node.kill();
  };
  try {
    const running: Node[] = [];
    for (const host of options.dispatchers) {
      running.push(await start('dispatcher', host, `${name}_disp`));
    }
    const startLoadBalancerAgain = (): Promise<Node> =>
      start('load-balancer', options.loadBalancer, `${name}_lb`);
    const loadBalancer = await startLoadBalancerAgain();
    return { loadBalancer, dispatchers: running, startLoadBalancerAgain, stop };
  } catch (err) {
    await stop();
    throw err;
  }
}

export interface NodeOptions {
  readonly role: KamailioRole;
  readonly host: string;
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
}

/** One Kamailio that answers its RPC. */
export async function startNode(options: NodeOptions): Promise<Node> {
  const { role, host, dir, env } = options;
  const home = kamailioHome(role, host, dir);
  const process_ = await home.start(env);
  // The group, not the process: Kamailio's workers go on serving without their main process.
  const kill = (): Promise<void> => home.end(process_, 'SIGKILL', true);
  return { role, host, process: process_, logFile: home.logFile, rpc: home.rpc, kill };
}

async function makeView(
  database: Database,
  view: string,
  name: string,
  setids: string,
): Promise<void> {
  await database.sql(
    `create view ${view} as select * from dispatcher ` +
      `where setid in (${setids}) and description = 'carna:${name}' order by setid, destination; ` +
      `insert into version (table_name, table_version) values ('${view}', 4)`,
  );
}
