import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { LabContext } from '../../../src/lab/daemon-env.js';
import { LAB_TICK_MS } from '../../../src/lab/daemon-env.js';
import { initialisePlatform } from '../../../src/lab/initialise.js';
import { stopDaemon } from '../../../src/lab/parts/daemon.js';
import { startPostgres, stopPostgres } from '../../../src/lab/parts/postgres.js';
import { startZookeeper } from '../../../src/lab/parts/zookeeper.js';
import type { LabPlan } from '../../../src/lab/plan.js';
import { firstZookeeper, ONLY_SITE } from '../../../src/lab/plan.js';
import { kamailioLogin, LAB_LOGINS, loginUrl, newSecrets } from '../../../src/lab/secrets.js';
import type { LabState } from '../../../src/lab/state.js';
import { DEFAULT_PROBING, partDir } from '../../../src/lab/state.js';
import { KAMAILIO_ROLES } from '../../../src/topology/node.js';
import { testDir } from '../../support/resources.js';

const STOP_GRACE_MS = 5_000;

/** Where a platform keeps what it knows, on this machine's address of the switch. */
export interface Stores {
  readonly context: LabContext;
  /** What `openPlatform` wants. */
  readonly state: LabState;
  /** The files that every task finds at /secrets. */
  readonly secretsDir: string;
}

/** ZooKeeper and PostgreSQL as processes at `host`, initialised; what ends them is added to `closers`. */
export async function openStores(
  host: string,
  log: Logger,
  closers: (() => Promise<unknown>)[],
): Promise<Stores> {
  const runDir = testDir('platform');
  const secrets = newSecrets();
  const plan = planAt(host);
  const mark = `t${process.pid}`;
  const context = { runDir, mark, plan, secrets, probing: DEFAULT_PROBING, env: process.env };
  const zookeeper = await startZookeeper({
    ...{ dir: partDir(runDir, 'zookeeper'), ...firstZookeeper(plan).client },
    ...{ tickTimeMs: LAB_TICK_MS, env: process.env },
  });
  closers.push(() => stopDaemon(zookeeper, 'SIGTERM', STOP_GRACE_MS));
  const dir = partDir(runDir, 'postgres');
  mkdirSync(dir, { recursive: true });
  const postgres = await startPostgres({
    ...{ dir, ...plan.postgres },
    ...{ password: secrets.superuserPassword, clients: `${host}/24`, env: process.env },
  });
  closers.push(() => stopPostgres(postgres));
  await initialisePlatform(context, log);
  const media = { kind: 'stand-in' } as const;
  const state = { schema: 4, startedAtMs: Date.now(), media, processes: {}, ...context } as const;
  return { context, state, secretsDir: writeSecrets(context) };
}

/** The nodes are Marathon's to place: the plan knows none. */
function planAt(host: string): LabPlan {
  const client = { host, port: 2181 };
  return {
    net: host.split('.').slice(0, 2).join('.'),
    site: ONLY_SITE,
    zookeepers: [{ name: 'zookeeper', id: 1, client, peers: null }],
    postgres: { host, port: 5432 },
    caller: host,
    nodes: [],
    reconcilers: [],
  };
}

/** One file a secret, as marathon/README.md lists them. */
function writeSecrets({ runDir, plan, secrets }: LabContext): string {
  const dir = join(runDir, 'secrets');
  mkdirSync(dir);
  const texts = {
    'zookeeper-auth': secrets.zookeeperAuth,
    'agent-database-url': loginUrl(plan, LAB_LOGINS.reader.user, secrets.readerPassword),
    'reconciler-database-url': loginUrl(
      plan,
      LAB_LOGINS.reconciler.user,
      secrets.reconcilerPassword,
    ),
    'esl-password': secrets.eslPassword,
    'route-secret': secrets.routeSecret,
    ...Object.fromEntries(
      KAMAILIO_ROLES.map((role) => [
        `kamailio-db-url-${role}`,
        loginUrl(plan, kamailioLogin(role).user, secrets.kamailioPasswords[role], 'postgres'),
      ]),
    ),
  };
  for (const [name, text] of Object.entries(texts)) {
    // The containers' user is another one; the folder is gone with the run.
    writeFileSync(join(dir, name), `${text}\n`, { mode: 0o444 });
  }
  chmodSync(dir, 0o755);
  return dir;
}
