import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { DEFAULT_APPLIER_TIMING } from '../../agent/applier-timing.js';
import { agentMetrics } from '../../agent/metrics.js';
import type { NodeIdentity } from '../../agent/node-status.js';
import type { KamailioRpc } from '../../agent/ports.js';
import type { Agent, AgentDeps } from '../../agent/run-agent.js';
import { createAgent } from '../../agent/run-agent.js';
import { refusalFile } from '../../agent/runtime/flag-file.js';
import type { ServerRuntime } from '../../agent/runtime/runtime.js';
import { termSignal } from '../../agent/term-signal.js';
import { systemTimekeeper } from '../../agent/timekeeper.js';
import { DEFAULT_AGENT_TIMING } from '../../agent/timing.js';
import type { AgentConfig } from '../../config/agent.js';
import { loadAgentConfig, publishedHttp } from '../../config/agent.js';
import type { Metrics } from '../../http/metrics.js';
import { createMetrics } from '../../http/metrics.js';
import { buildHttpApp, listenHttp } from '../../http/server.js';
import type { Registry } from '../../registry/registry.js';
import { readTable } from '../../store/dispatcher-table.js';
import type { Store } from '../../store/pool.js';
import { DEFAULT_WIRING } from '../../topology/wiring.js';
import { systemClock } from '../../util/clock.js';
import { packageVersion } from '../../util/package-root.js';
import { openConfiguredRegistry } from '../configured-registry.js';
import { createLogger } from '../logger.js';
import { agentView } from './agent-view.js';
import type { OpenBus } from './bus.js';
import { openBus } from './bus.js';
import { Closers } from './closers.js';
import { processGauges, refreshedText } from './process-metrics.js';
import { registryGauges } from './registry-metrics.js';
import type { ServerLink } from './server-control.js';
import { openServerLink } from './server-control.js';
import { openServerRuntime } from './server-runtime.js';
import { systemAddressPorts, withSipHost } from './task-address.js';

const STORE_TIMEOUT_MS = 2_000;

/** `carna agent`: opens what it needs in order, runs until its drain is done, closes in reverse. */
export async function runAgentDaemon(proc: NodeJS.Process): Promise<void> {
  const stateDir = proc.env['CARNA_STATE_DIR'] ?? '';
  const env = await withSipHost(proc.env, systemAddressPorts(stateDir));
  const config = loadAgentConfig(env, (path) => readFileSync(path, 'utf8'));
  const log = createLogger({
    level: config.logLevel,
    base: { daemon: 'agent', nodeId: config.nodeId, version: packageVersion() },
  });
  const term = termSignal(proc, log);
  const metrics = createMetrics();
  const closers = new Closers(log);
  try {
    const registry = openConfiguredRegistry(config, log);
    closers.add('registry', () => registry.close());
    const refreshers = [registryGauges(metrics, registry), processGauges(metrics)];
    const bus = openBus(config, registry);
    if (bus !== null) closers.add('bus', () => Promise.resolve(bus.close()));
    const runtime = await openServerRuntime(config, env, log, bus?.startEnv);
    const link = openServerLink(config, log, refusalFile(config.stateDir));
    closers.add('server link', () => Promise.resolve(link.close()));
    const store = await openAgentStore(config, log, closers);
    const agent = createAgent(
      agentDeps({ config, log, registry, runtime, link, bus, store, metrics }),
    );
    const text = (): Promise<string> => refreshedText(metrics, refreshers);
    await serveAgentHttp(agent, link, config, text, closers);
    await agent.run(term);
  } finally {
    await closers.closeAll();
  }
}

async function openAgentStore(
  config: AgentConfig,
  log: Logger,
  closers: Closers,
): Promise<Store | null> {
  if (config.databaseUrl === null) return null;
  const { openStore } = await import('../../store/pool.js'); // pg: not beside a media server.
  const store = openStore({
    url: config.databaseUrl,
    connectTimeoutMs: STORE_TIMEOUT_MS,
    statementTimeoutMs: STORE_TIMEOUT_MS,
    log,
  });
  closers.add('store', () => store.close());
  return store;
}

interface AgentParts {
  readonly config: AgentConfig;
  readonly log: Logger;
  readonly registry: Registry;
  readonly runtime: ServerRuntime;
  readonly link: ServerLink;
  readonly bus: OpenBus | null;
  readonly store: Store | null;
  readonly metrics: Metrics;
}

function agentDeps(parts: AgentParts): AgentDeps {
  const { config, log, registry, runtime, link, bus, store } = parts;
  return {
    identity: identityOf(config),
    wiring: DEFAULT_WIRING,
    runtime,
    openControl: link.openControl,
    kamailio:
      link.rpc === null || store === null
        ? null
        : {
            rpc: link.rpc,
            table: { readTable: (setids) => readTable(store, setids) },
            publication: registry.publishApplied(config.nodeId),
          },
    bus: bus?.bus ?? null,
    publication: registry.publishNode(config.nodeId),
    view: agentView(registry.watchForAgent(config.nodeId)),
    registryState: () => registry.state,
    time: systemTimekeeper,
    timing: timingOf(config),
    newId: randomUUID,
    metrics: agentMetrics(parts.metrics),
    log,
  };
}

function identityOf(config: AgentConfig): NodeIdentity {
  return {
    nodeId: config.nodeId,
    role: config.role,
    kind: config.kind,
    dc: config.dc,
    sip: config.sipTransports.map((transport) => ({
      transport,
      host: config.sipHost,
      port: config.sipPort,
    })),
    weight: config.weight,
    maxSessions: config.maxSessions,
    marathon: config.marathon,
    agent: { version: packageVersion(), http: publishedHttp(config) },
  };
}

function timingOf(config: AgentConfig): AgentDeps['timing'] {
  const defaults = DEFAULT_AGENT_TIMING;
  return {
    ...defaults,
    probe: {
      ...defaults.probe,
      deadlineMs: config.checkTimeoutMs,
      intervalMs: config.checkIntervalMs,
      limits: { rise: config.rise, fall: config.fall },
    },
    load: {
      ...defaults.load,
      busyShare: config.loadBusyPercent / 100,
      fullShare: config.loadFullPercent / 100,
    },
    flap: {
      changes: config.flapChanges,
      windowMs: config.flapWindowMs,
      holdMs: config.quarantineMs,
      maxHoldMs: 32 * config.quarantineMs,
    },
    restart: {
      ...defaults.restart,
      backoff: { minMs: config.restartMinMs, maxMs: config.restartMaxMs },
    },
    drain: {
      ...defaults.drain,
      acknowledgeMs: config.drainAckTimeoutMs,
      deadlineMs: config.drainDeadlineMs,
    },
    applier: {
      ...DEFAULT_APPLIER_TIMING,
      resyncMs: config.resyncMs,
      reloadGapMs: config.reloadSpacingMs,
    },
  };
}

/** What `GET /live` answers: the list as the Kamailio beside us holds it now. */
function liveList(nodeId: string, rpc: KamailioRpc): () => Promise<object> {
  return async () => {
    const destinations = await rpc.readDispatcherList();
    return { nodeId, destinations, readAtMs: systemClock.wallMs() };
  };
}

async function serveAgentHttp(
  agent: Agent,
  link: ServerLink,
  config: AgentConfig,
  metrics: () => Promise<string>,
  closers: Closers,
): Promise<void> {
  const app = buildHttpApp({
    health: () => agent.health(),
    ready: () => agent.ready(),
    metrics,
    routes: link.rpc === null ? {} : { '/live': liveList(config.nodeId, link.rpc) },
  });
  const server = await listenHttp(app, { host: config.httpHost, port: config.httpPort });
  closers.add('http', () => server.close());
}
