import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import type { CallRun } from '../../../src/lab/calls/calls.js';
import { startCalls } from '../../../src/lab/calls/calls.js';
import type { LabContext } from '../../../src/lab/daemon-env.js';
import { agentEnv, LAB_TICK_MS, reconcilerEnv } from '../../../src/lab/daemon-env.js';
import { initialisePlatform } from '../../../src/lab/initialise.js';
import { startPostgres, stopPostgres } from '../../../src/lab/parts/postgres.js';
import { startZookeeper } from '../../../src/lab/parts/zookeeper.js';
import { stopDaemon } from '../../../src/lab/parts/daemon.js';
import type { LabNode } from '../../../src/lab/plan.js';
import { firstZookeeper, planLab } from '../../../src/lab/plan.js';
import type { Platform } from '../../../src/lab/platform.js';
import { openPlatform } from '../../../src/lab/platform.js';
import { newSecrets, writeSecretFiles } from '../../../src/lab/secrets.js';
import { DEFAULT_PROBING, partDir } from '../../../src/lab/state.js';
import { testDir } from '../../support/resources.js';
import { docker, DOCKER_SOCKET, dockerOutcome, imageOf, MARK, until } from './docker.js';

/** Where the containers see the files with secrets. */
const SECRETS = '/secrets';
const STOP_GRACE_MS = 5_000;
const LOG_LINES = '60';

export interface ContainerPlatform {
  readonly nodes: readonly LabNode[];
  /** The platform seen from outside. */
  readonly seen: Platform;
  /** Name of the container of a node's agent, or of a reconciler. */
  containerOf(name: string): string;
  /** Ids of all containers that carry the task of this node, running or not. */
  serversOf(name: string): Promise<readonly string[]>;
  /** Calls to the load-balancer. */
  call(rate: number, seconds: number, callMs: number): CallRun;
  /** The last log lines of every container, for a test that failed. */
  logs(): Promise<string>;
  close(): Promise<void>;
}

/** Value of MESOS_TASK_ID, which the label carna.task repeats. */
const taskOf = (name: string, run: string): string => `carna_${name}.${run}`;

/**
 * ZooKeeper and PostgreSQL as processes of this machine, everything of ours in containers on the host's
 * network: a reconciler, and for each node an agent that starts its SIP server by the runtime `docker`.
 * Nothing is left when it throws, and nothing after `close`.
 */
export async function openContainerPlatform(net: string): Promise<ContainerPlatform> {
  const run = `t${process.pid}`;
  const context = newContext(net, run);
  const { plan } = context;
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  const containerOf = (name: string): string => `carna-test-${run}-${name}`;
  try {
    await startStores(context, closers);
    const names = [...plan.reconcilers, ...plan.nodes].map((part) => part.name);
    closers.push(() => removeAll(names, containerOf, run));
    for (const reconciler of plan.reconcilers) {
      const env = inContainer(context, reconcilerEnv(context, reconciler));
      await start(containerOf(reconciler.name), context, env, ['reconciler']);
    }
    await Promise.all(
      plan.nodes.map((node) =>
        start(containerOf(node.name), context, nodeEnv(context, node, run), ['agent']),
      ),
    );
  } catch (err) {
    await close();
    throw err;
  }
  const seen = openPlatform(stateOf(context), silent);
  closers.push(() => seen.close());
  return {
    nodes: plan.nodes,
    seen,
    containerOf,
    serversOf: (name) => containersOfTask(taskOf(name, run)),
    call: (rate, seconds, callMs) => callsOf(context, rate, seconds, callMs),
    logs: () => allLogs(run),
    close,
  };
}

const silent = pino({ level: 'silent' });
const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

function newContext(net: string, mark: string): LabContext {
  const runDir = testDir('platform');
  const size = {
    loadBalancers: 1,
    dispatchers: 2,
    media: 4,
    registrars: 0,
    outbounds: 0,
    reconcilers: 1,
    zookeepers: 1,
  };
  const plan = planLab(size, net);
  const secrets = newSecrets();
  writeSecretFiles(runDir, plan, secrets);
  // The containers' user is another one; the folder is gone with the run.
  chmodSync(join(runDir, 'secrets'), 0o755);
  for (const file of readdirSync(join(runDir, 'secrets'))) {
    chmodSync(join(runDir, 'secrets', file), 0o444);
  }
  return { runDir, mark, plan, secrets, probing: DEFAULT_PROBING, env: process.env };
}

function stateOf(context: LabContext): Parameters<typeof openPlatform>[0] {
  const { runDir, mark, plan, secrets, probing } = context;
  const media = { kind: 'stand-in' } as const;
  const startedAtMs = Date.now();
  return { schema: 4, runDir, mark, startedAtMs, plan, media, probing, secrets, processes: {} };
}

async function startStores(
  context: LabContext,
  closers: (() => Promise<unknown>)[],
): Promise<void> {
  const { plan, secrets, env, runDir } = context;
  const zookeeper = await startZookeeper({
    ...{ dir: partDir(runDir, 'zookeeper'), ...firstZookeeper(plan).client },
    ...{ tickTimeMs: LAB_TICK_MS, env },
  });
  closers.push(() => stopDaemon(zookeeper, 'SIGTERM', STOP_GRACE_MS));
  const dir = partDir(runDir, 'postgres');
  mkdirSync(dir, { recursive: true });
  const postgres = await startPostgres({
    ...{ dir, ...plan.postgres },
    ...{ password: secrets.superuserPassword, env },
  });
  closers.push(() => stopPostgres(postgres));
  await initialisePlatform(context, silent);
}

type Env = Readonly<Record<string, string>>;

/** What of a daemon's environment in the lab holds in a container: our settings, with the files where they are there. */
function inContainer(context: LabContext, env: NodeJS.ProcessEnv): Env {
  const here = join(context.runDir, 'secrets');
  const ours = Object.entries(env).filter(([name]) => name.startsWith('CARNA_'));
  return Object.fromEntries(
    ours.map(([name, value]) => [name, value?.replace(here, SECRETS) ?? '']),
  );
}

/** What the image says better: paths in its volume, and the server's command. */
const FROM_IMAGE = new Set(['CARNA_SERVER_COMMAND', 'CARNA_STATE_DIR', 'CARNA_CTL_SOCKET']);

function nodeEnv(context: LabContext, node: LabNode, run: string): Env {
  const env = inContainer(context, agentEnv(context, node, []));
  const secret = join(context.runDir, 'secrets', 'esl-password');
  return {
    ...Object.fromEntries(Object.entries(env).filter(([key]) => !FROM_IMAGE.has(key))),
    MESOS_TASK_ID: taskOf(node.name, run),
    CARNA_RUNTIME: 'docker',
    CARNA_DOCKER_PULL: 'never',
    CARNA_SERVER_IMAGE: imageOf(node.kind === 'kamailio' ? 'kamailio' : 'standin'),
    CARNA_DOCKER_MOUNTS: node.esl === null ? '' : `${secret}:${SECRETS}/esl-password:ro`,
  };
}

async function start(
  name: string,
  context: LabContext,
  env: Env,
  command: readonly string[],
): Promise<void> {
  await docker(
    ...['run', '--detach', '--init', '--network=host', '--name', name, ...MARK],
    ...[`--volume=${join(context.runDir, 'secrets')}:${SECRETS}:ro`],
    ...[`--volume=${DOCKER_SOCKET}:/var/run/docker.sock`],
    ...[`--group-add=${statSync(DOCKER_SOCKET).gid}`],
    ...Object.entries(env).map(([key, value]) => `--env=${key}=${value}`),
    imageOf('carna'),
    ...command,
  );
}

async function removeAll(
  names: readonly string[],
  containerOf: (name: string) => string,
  run: string,
): Promise<void> {
  const containers = names.map(containerOf);
  await dockerOutcome(['kill', ...containers]);
  const servers = async (): Promise<readonly string[]> =>
    (await Promise.all(names.map((name) => containersOfTask(taskOf(name, run))))).flat();
  // A volume that a server still holds would stay.
  await until('the end of all servers', async () => (await servers()).length === 0 || null).catch(
    async () => dockerOutcome(['rm', '--force', '--volumes', ...(await servers())]),
  );
  await dockerOutcome(['rm', '--force', '--volumes', ...containers]);
}

/** Ids, running or not. */
async function containersOfTask(task: string): Promise<readonly string[]> {
  return linesOf(
    await docker('ps', '--all', '--quiet', '--no-trunc', '--filter', `label=carna.task=${task}`),
  );
}

let runs = 0;

function callsOf(context: LabContext, rate: number, seconds: number, callMs: number): CallRun {
  const { plan, runDir, env } = context;
  const target = plan.nodes.find((node) => node.role === 'load-balancer')?.sip;
  if (target === undefined) throw new Error('the plan has no load-balancer');
  return startCalls({
    ...{ target, localHost: plan.caller, rate, amount: { seconds }, callMs },
    ...{ runDir: join(runDir, `calls-${++runs}`), env },
  });
}

async function allLogs(run: string): Promise<string> {
  const names = linesOf(await docker('ps', '-a', '--format', '{{.Names}}'));
  const texts = names
    .filter((name) => name.includes(run) || name.startsWith('carna-'))
    .map(async (name) => {
      const { stdout, stderr } = await dockerOutcome(['logs', '--tail', LOG_LINES, name]);
      return `== ${name}\n${stdout}${stderr}`;
    });
  return (await Promise.all(texts)).join('\n');
}
