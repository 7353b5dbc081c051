import { mkdirSync } from 'node:fs';
import { LabError } from '../util/errors.js';
import { wait } from '../util/wait.js';
import type { LabContext } from './daemon-env.js';
import { baseEnv, LAB_TICK_MS } from './daemon-env.js';
import type { ProcessIdentity } from './parts/daemon.js';
import { isAlive } from './parts/daemon.js';
import { startPostgres, stopPostgres } from './parts/postgres.js';
import type { EnsembleMember } from './parts/zookeeper.js';
import { startZookeeper, stopZookeeper, zookeeperServes } from './parts/zookeeper.js';
import type { LabPlan, LabZookeeper } from './plan.js';
import type { LabState } from './state.js';
import { partDir, readLab, updateProcesses } from './state.js';

const ENSEMBLE_TIMEOUT_MS = 30_000;
const POLL_MS = 25;

/** What is neither agent nor reconciler: the ZooKeeper servers and postgres. */
export function infrastructureNames(plan: Pick<LabPlan, 'zookeepers'>): string[] {
  return [...zookeeperNames(plan), 'postgres'];
}

export function zookeeperNames(plan: Pick<LabPlan, 'zookeepers'>): string[] {
  return plan.zookeepers.map(({ name }) => name);
}

/** What starting a part takes. */
export type StartContext = Pick<LabContext, 'runDir' | 'mark' | 'plan' | 'secrets' | 'env'>;

/** Starts PostgreSQL or one ZooKeeper server on its data. Throws LabError for another name. */
export async function launchInfrastructure(
  context: StartContext,
  name: string,
): Promise<ProcessIdentity> {
  const { plan, runDir } = context;
  const dir = partDir(runDir, name);
  const env = baseEnv(context.env, context.mark);
  if (name === 'postgres') {
    mkdirSync(dir, { recursive: true });
    const password = context.secrets.superuserPassword;
    return startPostgres({ dir, ...plan.postgres, password, env });
  }
  const server = plan.zookeepers.find((found) => found.name === name);
  if (server === undefined) {
    const names = infrastructureNames(plan).join(', ');
    throw new LabError(`expected one of ${names}; found ${name}`);
  }
  const ensemble = ensembleOf(plan, server);
  return startZookeeper({ dir, ...server.client, tickTimeMs: LAB_TICK_MS, env, ensemble });
}

function ensembleOf(plan: LabPlan, { id }: LabZookeeper): EnsembleMember | null {
  const servers = plan.zookeepers.flatMap((server) =>
    server.peers === null
      ? []
      : [
          {
            id: server.id,
            host: server.peers.quorum.host,
            quorumPort: server.peers.quorum.port,
            electionPort: server.peers.election.port,
          },
        ],
  );
  return servers.length === 0 ? null : { id, servers };
}

/** Resolves when every ZooKeeper server of the lab serves. Throws LabError naming those that do not in time. */
export async function untilZookeeperServes(plan: Pick<LabPlan, 'zookeepers'>): Promise<void> {
  const endMs = performance.now() + ENSEMBLE_TIMEOUT_MS;
  for (;;) {
    const silent = await notServing(plan);
    if (silent.length === 0) return;
    if (performance.now() > endMs) throw new LabError(`${silent.join(', ')} do not serve`);
    await wait(POLL_MS);
  }
}

async function notServing(plan: Pick<LabPlan, 'zookeepers'>): Promise<string[]> {
  const asked = plan.zookeepers.map(async ({ name, client }) =>
    (await zookeeperServes(client.host, client.port)) ? [] : [name],
  );
  return (await Promise.all(asked)).flat();
}

/** Stops parts in the orderly way; their data stays. Throws LabError when one does not run. */
export async function stopInfrastructure(state: LabState, names: readonly string[]): Promise<void> {
  const running = names.map((name) => {
    const process = state.processes[name];
    if (process === undefined || !isAlive(process)) throw new LabError(`${name} is not running`);
    return { name, process };
  });
  await Promise.all(
    running.map(({ name, process }) =>
      name === 'postgres' ? stopPostgres(process) : stopZookeeper(process),
    ),
  );
}

/**
 * Starts those of the named parts that do not run, on their data; gives the lab's new state, which is
 * written. Does not wait for an ensemble to serve: too few of it may run.
 */
export async function startInfrastructure(
  state: LabState,
  names: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<LabState> {
  const newest = readLab(state.runDir) ?? state; // Others may have started some since.
  const missing = names.filter((name) => {
    const running = newest.processes[name];
    return running === undefined || !isAlive(running);
  });
  const started = await Promise.allSettled(
    missing.map(
      async (name) => [name, await launchInfrastructure({ ...state, env }, name)] as const,
    ),
  );
  const done = started.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const next = updateProcesses(state, Object.fromEntries(done));
  const failed = started.find((start) => start.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return next;
}
