import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from '../../../src/lab/parts/daemon.js';
import { isAlive } from '../../../src/lab/parts/daemon.js';
import { postgresUrl, startPostgres } from '../../../src/lab/parts/postgres.js';
import { createLogin } from '../../../src/store/group-roles.js';
import { DEBIAN_KAMAILIO_SCHEMA_DIR, migrate } from '../../../src/store/migrate.js';
import type { Store } from '../../../src/store/pool.js';
import { openStore } from '../../../src/store/pool.js';
import { waitUntil } from '../../../src/util/wait.js';
import { freePort, loopbackNet, testDir } from '../../support/resources.js';
import { kamailioHome } from './kamailio-home.js';
import type { Phones } from './phones.js';
import { openPhones } from './phones.js';

const PASSWORD = 'for-this-test-only';
const READY_MS = 20_000;
export const DMQ_PORT = 5061;
export const DOMAIN = 'carna.test';

type Role = 'registrar' | 'outbound';

/** PostgreSQL with the platform's schema, which can be taken away. */
export interface LocationDatabase {
  readonly store: Store;
  loginUrl(role: Role): string;
  /** kill -9 of the server and all its children. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** SIGSTOP: connections stand, nothing answers. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

export interface LocationNode {
  readonly role: Role;
  readonly host: string;
  isRunning(): boolean;
  start(): Promise<void>;
  kill(): Promise<void>;
  terminate(): Promise<void>;
  rpc(...words: string[]): Promise<string>;
  log(): string;
}

/** Two registrars and two outbound nodes behind a dispatcher and an edge that the test plays. */
export interface LocationPlatform {
  readonly database: LocationDatabase;
  readonly registrars: readonly [LocationNode, LocationNode];
  readonly outbounds: readonly [LocationNode, LocationNode];
  /** Speaks from the address of a dispatcher. */
  readonly dispatcher: Phones;
  readonly net: string;
  /** As the agent does at a start of `node`: the peers are told first. */
  join(node: LocationNode): Promise<void>;
  stop(): Promise<void>;
}

async function startDatabase(host: string): Promise<LocationDatabase> {
  const options = { host, port: await freePort(host), password: PASSWORD, env: process.env };
  const dir = join(testDir('pg'), 'pg');
  let server = await startPostgres({ ...options, dir });
  const store = openStore({
    url: postgresUrl(options, 'postgres'),
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 20_000,
    log: { warn: () => undefined },
  });
  await migrate(store, { kamailioSchemaDir: DEBIAN_KAMAILIO_SCHEMA_DIR });
  for (const role of ['registrar', 'outbound'] as const) {
    await createLogin(store, { user: `kam_${role}`, password: PASSWORD, role: `carna_${role}` });
  }
  // Each backend is the leader of a group of its own.
  const all = (): number[] => [server.pid, ...childrenOf(server.pid)];
  const signal = (name: NodeJS.Signals): void => {
    for (const pid of all()) {
      try {
        process.kill(pid, name);
      } catch {
        // A backend that ended meanwhile.
      }
    }
  };
  const kill = async (): Promise<void> => {
    signal('SIGKILL');
    await waitUntil('PostgreSQL is gone', READY_MS, () => !isAlive(server), 5);
  };
  return {
    store,
    loginUrl: (role) =>
      `postgres://kam_${role}:${PASSWORD}@${options.host}:${options.port}/postgres`,
    kill,
    start: async () => {
      server = await startPostgres({ ...options, dir });
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    stop: async () => {
      await store.close();
      if (isAlive(server)) await kill();
    },
  };
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
      } catch {
        return false; // gone meanwhile
      }
    });
}

function locationNode(
  role: Role,
  host: string,
  database: LocationDatabase,
  env: Readonly<Record<string, string>>,
): LocationNode {
  const home = kamailioHome(role, host, join(testDir(role), host));
  let server: ProcessIdentity | null = null;
  const end = async (signal: NodeJS.Signals, group: boolean): Promise<void> => {
    if (server !== null) await home.end(server, signal, group);
    server = null;
  };
  return {
    role,
    host,
    isRunning: () => server !== null && isAlive(server),
    start: async () => {
      server = await home.start({
        CARNA_KAMAILIO_DB_URL: database.loginUrl(role),
        CARNA_SIP_DOMAIN: DOMAIN,
        CARNA_DMQ_HOST: host,
        CARNA_DMQ_PORT: String(DMQ_PORT),
        ...env,
      });
    },
    rpc: home.rpc,
    kill: () => end('SIGKILL', true),
    terminate: () => end('SIGTERM', false),
    log: () => readFileSync(home.logFile, 'utf8'),
  };
}

/** Starts all of it, joined to one bus. `env` goes to every node. */
export async function startLocationPlatform(
  env: Readonly<Record<string, string>> = {},
): Promise<LocationPlatform> {
  const net = loopbackNet();
  const database = await startDatabase(`${net}.1`);
  const hosts = { dispatcher: `${net}.20`, edges: [`${net}.10`, `${net}.11`] };
  await database.store.query({
    text: `INSERT INTO dispatcher (setid, destination, flags, attrs, description)
           VALUES (10, 'sip:${hosts.dispatcher}:5060', 8, '', 'test'),
                  (50, 'sip:${hosts.edges[0]}:5060', 8, '', 'test')`,
  });
  const node = (role: Role, last: number): LocationNode =>
    locationNode(role, `${net}.${last}`, database, env);
  const registrars = [node('registrar', 40), node('registrar', 41)] as const;
  const outbounds = [node('outbound', 50), node('outbound', 51)] as const;
  const nodes = [...registrars, ...outbounds];
  const dispatcher = await openPhones(hosts.dispatcher, 5060);
  const join_ = async (joining: LocationNode): Promise<void> => {
    const line = (host: string): string => `sip:${host}:${DMQ_PORT};status=active\r\n`;
    const peers = nodes.filter((peer) => peer !== joining && peer.isRunning());
    const tell = (to: string, body: string): Promise<string | null> =>
      dispatcher.notifyPeer(to, DMQ_PORT, joining.host, body);
    const answers = await Promise.all(
      peers.map(async (peer) =>
        (await tell(peer.host, line(joining.host))) === null ? '' : line(peer.host),
      ),
    );
    await tell(joining.host, answers.join(''));
  };
  const stop = async (): Promise<void> => {
    await dispatcher.close();
    for (const running of nodes) await running.kill();
    await database.stop();
  };
  return { database, registrars, outbounds, dispatcher, net, join: join_, stop };
}
