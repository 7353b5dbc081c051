import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import type { CallOptions, CallRun } from '../../../src/lab/calls/calls.js';
import { startCalls } from '../../../src/lab/calls/calls.js';
import { zookeeperServers } from '../../../src/lab/plan.js';
import type { Platform } from '../../../src/lab/platform.js';
import { openPlatform } from '../../../src/lab/platform.js';
import { LAB_CLUSTER, LAB_LOGINS, loginUrl } from '../../../src/lab/secrets.js';
import type { NodeRecord, Role } from '../../../src/topology/node.js';
import { dockerDriver } from '../../minimarathon/docker-driver.js';
import type { MesosHost } from '../../minimarathon/driver.js';
import type { Minimarathon } from '../../minimarathon/minimarathon.js';
import { startMinimarathon } from '../../minimarathon/minimarathon.js';
import { RUN_MARK } from '../../support/reaper.js';
import { testDir } from '../../support/resources.js';
import type { Outcome } from './docker.js';
import { docker, dockerOutcome } from './docker.js';
import type { HostNetwork } from './hosts.js';
import { openHosts } from './hosts.js';
import type { Stores } from './marathon-stores.js';
import { openStores } from './marathon-stores.js';
import { platformValues } from './marathon-values.js';

/** Two load-balancers, dispatchers, registrars and outbound nodes, six media nodes, and one host that stays empty. */
const HOSTS = 15;
const COMMAND_LIMIT_MS = 300_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const LOG_LINES = '40';
/** What a Mesos agent offers that `carna marathon render` places its apps on. */
const OFFER: Omit<MesosHost, 'hostname'> = {
  attributes: {},
  ports: [
    [5060, 5061],
    [8021, 8021],
    [9100, 9101],
  ],
  cpus: 4,
  mem: 4_096,
};

/** A platform whose tasks are placed by Marathon's contract server on container hosts. */
export interface MarathonPlatform {
  readonly network: HostNetwork;
  readonly marathon: Minimarathon;
  /** ZooKeeper and PostgreSQL from outside; it knows no control socket. */
  readonly seen: Platform;
  /** The file that `carna marathon render` takes. */
  readonly valuesFile: string;
  /** What an operator of this platform has in the environment. */
  readonly operatorEnv: Readonly<Record<string, string | undefined>>;
  /** Of every user: phone-1, phone-2… */
  readonly userPassword: string;
  /** Runs the real command line as an operator would. */
  carna(...args: readonly string[]): Promise<Outcome>;
  /** What the nodes of a role publish. */
  nodesOf(role: Role): readonly NodeRecord[];
  /** Calls from this machine's own address on the switch. */
  call(options: Omit<CallOptions, 'localHost' | 'runDir' | 'env'>): CallRun;
  /** Ids of the containers of this platform, tasks and the servers bound to them. */
  containers(): Promise<readonly string[]>;
  /** The last log lines of every task, for a test that failed. */
  logs(): Promise<string>;
  /** Ends the tasks. */
  closeMarathon(): Promise<void>;
  close(): Promise<void>;
}

const silent = pino({ level: 'silent' });
const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

/** Hosts, stores and Marathon; no task runs yet. Nothing is left when it throws, and nothing after `close`. */
export async function openMarathonPlatform(): Promise<MarathonPlatform> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const network = await openHosts(HOSTS);
    closers.push(() => network.close());
    const stores = await openStores(network.gateway, silent, closers);
    const label = `carna.test-platform=${process.pid}`;
    const { hosts } = network;
    const marathon = await startMinimarathon({
      driver: dockerDriver({ hosts, dir: testDir('sandboxes'), label }),
      hosts: hosts.map(({ hostname }) => ({ hostname, ...OFFER })),
      listen: { host: network.gateway, port: 0 },
    });
    closers.push(() => marathon.close());
    const seen = openPlatform(stores.state, silent);
    closers.push(() => seen.close());
    const valuesFile = join(stores.context.runDir, 'values.yaml');
    writeFileSync(valuesFile, platformValues(stores));
    const env = operatorEnv(stores, marathon.url);
    return {
      ...{ network, marathon, seen, valuesFile, close },
      operatorEnv: env,
      userPassword: stores.context.secrets.userPassword,
      carna: (...args) => runCarna(args, env),
      nodesOf: (role) => nodesOf(seen, role),
      call: (options) => callsOf(stores, options),
      containers: async () => (await containersOf(label)).map(({ id }) => id),
      logs: () => allLogs(label),
      closeMarathon: () => marathon.close(),
    };
  } catch (err) {
    await close();
    throw err;
  }
}

/** What an operator of this platform has in the environment, and nothing that belongs to another one. */
function operatorEnv({ context, secretsDir }: Stores, url: string): NodeJS.ProcessEnv {
  const { plan, secrets, env } = context;
  const same = Object.entries(env).filter(
    ([name]) => !name.startsWith('CARNA_') || name === RUN_MARK,
  );
  return {
    ...Object.fromEntries(same),
    CARNA_LAB: 'off',
    CARNA_CLUSTER: LAB_CLUSTER,
    CARNA_DC: plan.site.dc,
    CARNA_ZOOKEEPER: zookeeperServers(plan),
    CARNA_ZOOKEEPER_AUTH_FILE: join(secretsDir, 'zookeeper-auth'),
    CARNA_DATABASE_URL: loginUrl(plan, LAB_LOGINS.reader.user, secrets.readerPassword),
    CARNA_MARATHON: url,
  };
}

function runCarna(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  const limits = { timeout: COMMAND_LIMIT_MS, maxBuffer: MAX_OUTPUT_BYTES };
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ['dist/src/bin/carna.js', ...args],
      { env, ...limits },
      (err, stdout, stderr) => {
        const code = err === null ? 0 : err.code;
        if (typeof code === 'number') resolve({ code, stdout, stderr });
        else reject(new Error(`carna ${args.join(' ')}: ${stdout}${stderr}`, { cause: err }));
      },
    );
  });
}

function nodesOf(seen: Platform, role: Role): readonly NodeRecord[] {
  const records = [...seen.view.nodes().nodes.values()].map(({ record }) => record);
  return records.filter((record) => record.role === role);
}

let runs = 0;

function callsOf(
  { context }: Stores,
  options: Omit<CallOptions, 'localHost' | 'runDir' | 'env'>,
): CallRun {
  const { plan, runDir, env } = context;
  const own = { localHost: plan.caller, runDir: join(runDir, `calls-${++runs}`), env };
  return startCalls({ ...options, ...own });
}

interface Found {
  readonly id: string;
  readonly name: string;
}

/** Tasks, and the servers whose owners they are. */
async function containersOf(label: string): Promise<readonly Found[]> {
  const list = async (filter: string): Promise<readonly Found[]> => {
    const format = '{{.ID}} {{.Names}}';
    const how = ['--all', '--no-trunc', '--filter', `label=${filter}`, '--format', format];
    return linesOf(await docker('ps', ...how)).map((line) => {
      const [id = '', name = ''] = line.split(' ');
      return { id, name };
    });
  };
  const tasks = await list(label);
  const servers = await Promise.all(tasks.map(({ id }) => list(`carna.owner=${id}`)));
  return [...tasks, ...servers.flat()];
}

async function allLogs(label: string): Promise<string> {
  const texts = (await containersOf(label)).map(async ({ id, name }) => {
    const { stdout, stderr } = await dockerOutcome(['logs', '--tail', LOG_LINES, id]);
    return `== ${name}\n${stdout}${stderr}`;
  });
  return (await Promise.all(texts)).join('\n');
}
