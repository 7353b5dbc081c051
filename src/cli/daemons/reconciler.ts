import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { loadReconcilerConfig } from '../../config/reconciler.js';
import type { ReconcilerConfig } from '../../config/reconciler.js';
import { createMetrics } from '../../http/metrics.js';
import { buildHttpApp, listenHttp } from '../../http/server.js';
import {
  generationZnode,
  optionsWitness,
  reconcilerTable,
  reconcilerView,
  remoteView,
} from '../../reconciler/adapters.js';
import type { ReconcilerDeps } from '../../reconciler/ports.js';
import type { RemoteView } from '../../reconciler/remotes.js';
import type { Reconciler } from '../../reconciler/run-reconciler.js';
import { openReconciler } from '../../reconciler/run-reconciler.js';
import type { Registry } from '../../registry/registry.js';
import type { Store } from '../../store/pool.js';
import { openStore } from '../../store/pool.js';
import { DEFAULT_DERIVE_LIMITS } from '../../topology/desired-rows.js';
import { DEFAULT_BUDGET_LIMITS } from '../../topology/guard-budget.js';
import { DEFAULT_WIRING } from '../../topology/wiring.js';
import { systemClock } from '../../util/clock.js';
import { Doorbell } from '../../util/doorbell.js';
import { stopSignal } from '../../util/lifecycle.js';
import { packageVersion } from '../../util/package-root.js';
import { wait } from '../../util/wait.js';
import { openConfiguredRegistry } from '../configured-registry.js';
import { createLogger } from '../logger.js';
import { Closers } from './closers.js';
import { processGauges, refreshedText } from './process-metrics.js';
import { reconcilerGauges } from './reconciler-metrics.js';
import { registryGauges } from './registry-metrics.js';

const CONNECT_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 5_000;
const RETRY = { minMs: 100, maxMs: 2_000 };

/** `carna reconciler`: opens what it needs in order, runs until told to stop, closes in reverse. */
export async function runReconcilerDaemon(proc: NodeJS.Process): Promise<void> {
  const config = loadReconcilerConfig(proc.env, (path) => readFileSync(path, 'utf8'));
  const log = createLogger({
    level: config.logLevel,
    base: { daemon: 'reconciler', reconcilerId: config.reconcilerId, version: packageVersion() },
  });
  const stop = stopSignal(proc);
  const metrics = createMetrics();
  const closers = new Closers(log);
  try {
    const store = openStore({
      url: config.databaseUrl,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      log,
    });
    closers.add('store', () => store.close());
    const registry = openConfiguredRegistry(config, log);
    closers.add('registry', () => registry.close());
    const remotes = openRemotes(config, log, closers);
    const reconciler = openReconciler({ ...reconcilerDeps(config, registry, store), remotes, log });
    closers.add('reconciler', () => Promise.resolve(reconciler.close()));
    const refreshers = [
      registryGauges(metrics, registry),
      reconcilerGauges(metrics, () => reconciler.status()),
      processGauges(metrics),
    ];
    const text = (): Promise<string> => refreshedText(metrics, refreshers);
    await serveHttp(config, registry, reconciler, text, closers);
    await registry.runForLeader(config.reconcilerId, (term) => reconciler.lead(term), stop);
  } finally {
    await closers.closeAll();
  }
}

function reconcilerDeps(
  config: ReconcilerConfig,
  registry: Registry,
  store: Store,
): Omit<ReconcilerDeps, 'log' | 'remotes'> {
  const all = registry.watchAll();
  return {
    dc: config.dc,
    holder: config.reconcilerId,
    wiring: DEFAULT_WIRING,
    limits: { ...DEFAULT_DERIVE_LIMITS, slowStartMs: config.slowStartMs },
    budget: DEFAULT_BUDGET_LIMITS,
    timing: {
      quietMs: config.quietMs,
      resyncMs: config.resyncMs,
      retry: RETRY,
      settleMs: config.sessionTimeoutMs,
    },
    view: reconcilerView(all),
    table: reconcilerTable(store),
    generation: generationZnode(registry, all),
    overrides: { remove: (word) => registry.removeOverride(word) },
    clock: systemClock,
    random: Math.random,
    newPassId: () => randomBytes(12).toString('hex'),
    bell: new Doorbell(),
    witness: optionsWitness(systemClock),
    wait,
  };
}

/** Read only: nothing is ever written there, and no credential of ours is shown to another ensemble. */
function openRemotes(config: ReconcilerConfig, log: Logger, closers: Closers): RemoteView[] {
  return config.remoteZookeepers.map(({ dc, zookeeper }) => {
    const { cluster, sessionTimeoutMs } = config;
    const where = { cluster, dc, zookeeper, zookeeperAuth: null, sessionTimeoutMs };
    const registry = openConfiguredRegistry(where, log.child({ remoteDc: dc }));
    closers.add(`registry of ${dc}`, () => registry.close());
    return remoteView(dc, registry.watchNodes());
  });
}

async function serveHttp(
  config: ReconcilerConfig,
  registry: Registry,
  reconciler: Reconciler,
  metrics: () => Promise<string>,
  closers: Closers,
): Promise<void> {
  const report = (): object & { readonly isHealthy: boolean; readonly isReady: boolean } => {
    const status = reconciler.status();
    // A standby that watches is as good as the leader; one that sees nothing cannot take over.
    const connection = { registry: registry.state, registryFault: registry.lastFault };
    return { isHealthy: true, isReady: status.isFresh, ...connection, ...status };
  };
  const app = buildHttpApp({ health: report, ready: report, metrics });
  const server = await listenHttp(app, { host: config.httpHost, port: config.httpPort });
  closers.add('http', () => server.close());
}
