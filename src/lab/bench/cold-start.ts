import { randomBytes } from 'node:crypto';
import { dcPaths } from '../../registry/paths.js';
import { ZkSession } from '../../registry/session.js';
import {
  generationZnode,
  optionsWitness,
  reconcilerTable,
  reconcilerView,
} from '../../reconciler/adapters.js';
import { openReconciler } from '../../reconciler/run-reconciler.js';
import { createDatabase } from '../../store/create-database.js';
import { readTable } from '../../store/dispatcher-table.js';
import { DEBIAN_KAMAILIO_SCHEMA_DIR, migrate } from '../../store/migrate.js';
import type { Store } from '../../store/pool.js';
import { openStore } from '../../store/pool.js';
import { DEFAULT_DERIVE_LIMITS } from '../../topology/desired-rows.js';
import { encodeNodeRecord } from '../../topology/node-codec.js';
import { DEFAULT_BUDGET_LIMITS } from '../../topology/guard-budget.js';
import { DEFAULT_WIRING } from '../../topology/wiring.js';
import { systemClock } from '../../util/clock.js';
import { Doorbell } from '../../util/doorbell.js';
import { wait, waitUntil } from '../../util/wait.js';
import { labAuth, labZookeeper, openLabRegistry } from '../lab-registry.js';
import { postgresUrl } from '../parts/postgres.js';
import type { BenchRow } from './report.js';
import type { BenchContext } from './run-bench.js';
import { summarise } from './stats.js';
import { syntheticNode } from './synthetic-node.js';

const BUDGET_MS = 3_000;
const CLUSTER = 'bench';
const DATABASE = 'bench';
const DC = 'dc1';
const SESSION_MS = 10_000;
/** ZooKeeper cannot restart after the end of a session that owned tens of thousands. */
const ZNODES_PER_SESSION = 5_000;
const CREATES_IN_FLIGHT = 200;
const LIMIT_MS = 60_000;

/**
 * A reconciler that starts with an empty table and finds thousands of nodes: from its start to the last
 * row. In a database and below a znode of its own, so that no Kamailio of the lab sees any of it.
 */
export async function benchColdStart(context: BenchContext): Promise<readonly BenchRow[]> {
  const { lab, size, log } = context;
  context.say(`cold start with ${size.nodes} nodes`);
  const limits = { connectTimeoutMs: LIMIT_MS, statementTimeoutMs: LIMIT_MS, log };
  const at = { ...lab.plan.postgres, password: lab.secrets.superuserPassword };
  const server = openStore({ url: postgresUrl(at, 'postgres'), ...limits });
  await createDatabase(server, DATABASE).finally(() => server.close());
  const store = openStore({ url: postgresUrl(at, DATABASE), ...limits });
  const owners: ZkSession[] = [];
  try {
    await publishAll(context, owners);
    await migrate(store, { kamailioSchemaDir: DEBIAN_KAMAILIO_SCHEMA_DIR });
    const tookMs = await timeStart(context, store);
    return [
      {
        name: `cold start, ${size.nodes} nodes: registry → table`,
        budget: `≤ ${BUDGET_MS}`,
        unit: 'ms',
        summary: summarise([tookMs]),
        isWithin: tookMs <= BUDGET_MS,
        note: 'one run; connecting, reading all, the election and one transaction included',
      },
    ];
  } finally {
    await store.close();
    await Promise.all(owners.map((owner) => owner.close()));
  }
}

/** Adds each session to `owners` as soon as it is open, so that the caller can close it whatever happens. */
async function publishAll(context: BenchContext, owners: ZkSession[]): Promise<void> {
  const paths = dcPaths(CLUSTER, DC);
  for (let from = 0; from < context.size.nodes; from += ZNODES_PER_SESSION) {
    const owner = ZkSession.open({
      connectString: labZookeeper(context.lab),
      zkSessionTimeoutMs: SESSION_MS,
      auth: labAuth(context.lab),
      log: context.log,
    });
    owners.push(owner);
    await owner.whenConnected(LIMIT_MS);
    await owner.ensurePath(paths.nodes);
    const end = Math.min(from + ZNODES_PER_SESSION, context.size.nodes);
    for (let n = from; n < end; n += CREATES_IN_FLIGHT) {
      const batch = Array.from({ length: Math.min(CREATES_IN_FLIGHT, end - n) }, (_, i) => n + i);
      await Promise.all(
        batch.map((number) => {
          const record = syntheticNode(number);
          const data = Buffer.from(encodeNodeRecord(record));
          return owner.create(`${paths.nodes}/${record.nodeId}~1`, data, { ephemeral: true });
        }),
      );
    }
  }
}

async function timeStart(context: BenchContext, store: Store): Promise<number> {
  const startMs = performance.now();
  const registry = openLabRegistry(context.lab, context.log, CLUSTER);
  const all = registry.watchAll();
  const reconciler = openReconciler({
    dc: DC,
    holder: 'bench',
    wiring: DEFAULT_WIRING,
    limits: DEFAULT_DERIVE_LIMITS,
    budget: DEFAULT_BUDGET_LIMITS,
    timing: {
      quietMs: 100,
      resyncMs: 30_000,
      retry: { minMs: 50, maxMs: 200 },
      settleMs: SESSION_MS,
    },
    view: reconcilerView(all),
    table: reconcilerTable(store),
    generation: generationZnode(registry, all),
    overrides: { remove: (setid) => registry.removeOverride(setid) },
    clock: systemClock,
    random: Math.random,
    newPassId: () => randomBytes(12).toString('hex'),
    bell: new Doorbell(),
    witness: optionsWitness(systemClock),
    wait,
    log: context.log,
  });
  const stop = new AbortController();
  const leading = registry.runForLeader('bench', (term) => reconciler.lead(term), stop.signal);
  try {
    const isFull = async (): Promise<boolean> =>
      reconciler.status().generation > 0 &&
      (await readTable(store)).rows.length === context.size.nodes;
    await waitUntil('the full table', LIMIT_MS, isFull);
    return performance.now() - startMs;
  } finally {
    stop.abort();
    await leading;
    reconciler.close();
    all.close();
    await registry.close();
  }
}
