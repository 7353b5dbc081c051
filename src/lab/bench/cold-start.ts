import { dcPaths } from '../../registry/paths.js';
import { ZkSession } from '../../registry/session.js';
import { createDatabase } from '../../store/create-database.js';
import { DEBIAN_KAMAILIO_SCHEMA_DIR, migrate } from '../../store/migrate.js';
import type { Store } from '../../store/pool.js';
import { openStore } from '../../store/pool.js';
import { encodeNodeRecord } from '../../topology/node-codec.js';
import { wait, waitUntil } from '../../util/wait.js';
import { labAuth, labZookeeper } from '../lab-registry.js';
import { startReconciler } from '../launch.js';
import { stopDaemon } from '../parts/daemon.js';
import { postgresUrl } from '../parts/postgres.js';
import type { ProcessFigures } from './process-figures.js';
import { readFigures } from './process-figures.js';
import type { BenchRow } from './report.js';
import type { BenchContext } from './run-bench.js';
import { summarise } from './stats.js';
import { syntheticNode } from './synthetic-node.js';

const BUDGET_MS = 3_000;
const BUDGET_MB = 300;
const MB = 1_000_000;
const CLUSTER = 'bench';
const DATABASE = 'bench';
const DC = 'dc1';
const SESSION_MS = 10_000;
/** ZooKeeper cannot restart after the end of a session that owned tens of thousands. */
const ZNODES_PER_SESSION = 5_000;
const CREATES_IN_FLIGHT = 200;
const LIMIT_MS = 60_000;
const NAME = 'bench-reconciler';
const HTTP_PORT = 9100;
/** After the last row: whatever the start has left to do is done, the witness's questions included. */
const QUIET_MS = 5_000;
const GRACE_MS = 5_000;

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
    const { tookMs, figures } = await timeStart(context, store, postgresUrl(at, DATABASE));
    return [
      {
        name: `cold start, ${size.nodes} nodes: registry → table`,
        budget: `≤ ${BUDGET_MS}`,
        unit: 'ms',
        summary: summarise([tookMs]),
        isWithin: tookMs <= BUDGET_MS,
        note: "one run; the process's start, connecting, reading all, the election and the transactions included",
      },
      {
        name: `memory of a reconciler, ${size.nodes} nodes`,
        budget: `≤ ${BUDGET_MB}`,
        unit: 'MB',
        summary: summarise([figures.peakBytes / MB]),
        isWithin: figures.peakBytes / MB <= BUDGET_MB,
        note: `the most that was ever resident; ${(figures.residentBytes / MB).toFixed(0)} MB when quiet`,
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

interface Started {
  readonly tookMs: number;
  readonly figures: ProcessFigures;
}

/** Starts a reconciler of its own and stops it again; its memory is read when the table is full and all is quiet. */
async function timeStart(context: BenchContext, store: Store, url: string): Promise<Started> {
  const { lab, env, size, signal } = context;
  const part = { name: NAME, http: { host: `${lab.plan.net}.1.9`, port: HTTP_PORT } };
  const extra = { CARNA_CLUSTER: CLUSTER, CARNA_DATABASE_URL: url, CARNA_DATABASE_URL_FILE: '' };
  const startMs = performance.now();
  const reconciler = await startReconciler({ ...lab, env }, part, extra);
  try {
    const isFull = async (): Promise<boolean> => (await countRows(store)) === size.nodes;
    await waitUntil('the full table', LIMIT_MS, isFull);
    const tookMs = performance.now() - startMs;
    await wait(QUIET_MS, signal);
    return { tookMs, figures: readFigures(reconciler) };
  } finally {
    await stopDaemon(reconciler, 'SIGTERM', GRACE_MS);
  }
}

async function countRows(store: Store): Promise<number> {
  const [row] = await store.query<{ rows: number }>({
    text: 'SELECT count(*)::integer AS rows FROM public.dispatcher',
  });
  return row?.rows ?? 0;
}
