import type { Logger } from 'pino';
import type { CliConfig } from '../config/cli.js';
import type { Registry } from '../registry/registry.js';
import type { DcView } from '../registry/views.js';
import { readChanges } from '../store/change-log.js';
import { readHead, readTable } from '../store/dispatcher-table.js';
import { readRefusals } from '../store/refused-writes.js';
import { readContacts } from '../store/registrations.js';
import { readOwners, readSimilarUsers, readUser } from '../store/subscribers.js';
import { readLeader } from '../store/leadership.js';
import type { Store } from '../store/pool.js';
import { openStore } from '../store/pool.js';
import { deriveRows } from '../topology/desired-rows.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { isOurs, zoneOf } from '../topology/dispatcher-row.js';
import type { LiveList } from '../topology/drift.js';
import type { NodeRecord } from '../topology/node.js';
import { DEFAULT_WIRING } from '../topology/wiring.js';
import { systemClock } from '../util/clock.js';
import { CarnaError, ConfigError, messageOf } from '../util/errors.js';
import { readAgentHealth, readAgentLive, readAgentReport } from './agent-http.js';
import { openConfiguredRegistry } from './configured-registry.js';
import { createLogger } from './logger.js';
import type { OperatorData, TopologyData } from './operator-data.js';
import { deriveInputOf } from './plan-input.js';

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 5_000;
const AGENT_TIMEOUT_MS = 2_000;

/** The operator's data from the real registry, database and agents. Connects to each at its first use. */
export function openLiveData(config: CliConfig): OperatorData {
  const connections = new Connections(config);
  const readTopology = async (): Promise<TopologyData> => {
    const view = await connections.view();
    return topologyOf(view, await connections.leader());
  };
  return {
    readTopology,
    watchTopology: (listener, signal) => watchTopology(connections, listener, signal),
    readLastKnown: async () => {
      const store = connections.store();
      const [table, head, leader] = await Promise.all([
        readTable(store),
        readHead(store, 1),
        readLeader(store, config.dc),
      ]);
      const { generation, committedAtMs } = head;
      return { rows: table.rows, generation, committedAtMs, leader };
    },
    readTable: async () => (await readTable(connections.store())).rows,
    deriveDesired,
    readLive,
    readChanges: ({ last, node, sinceId }) =>
      readChanges(connections.store(), {
        last,
        ...(node === null ? {} : { nodeId: node }),
        ...(sinceId === null ? {} : { sinceId }),
      }),
    readRefusals: (last) => readRefusals(connections.store(), config.dc, last),
    readContacts: async (query) => readContacts(connections.store(), query),
    readUser: async (aor) => readUser(connections.store(), aor),
    readSimilarUsers: async (aor, limit) => readSimilarUsers(connections.store(), aor, limit),
    readOwners: async (number) => readOwners(connections.store(), number),
    writeOverride: async (override) => (await connections.registry()).writeOverride(override),
    changeIntent: async (nodeId, change) =>
      (await connections.registry()).changeIntent(nodeId, change),
    removeIntent: async (nodeId) => {
      const view = await connections.view();
      const isThere = view.intents().records.has(nodeId);
      await (await connections.registry()).removeIntent(nodeId);
      return isThere;
    },
    readAgentHealth: (address) => readAgentHealth(fetch, address, AGENT_TIMEOUT_MS),
    readAgentReport: (address) => readAgentReport(fetch, address, AGENT_TIMEOUT_MS),
    close: () => connections.close(),
  };
}

class Connections {
  readonly #config: CliConfig;
  #registry: Registry | null = null;
  #view: DcView | null = null;
  #store: Store | null = null;

  constructor(config: CliConfig) {
    this.#config = config;
  }

  /** Connected, or RegistryNotSentError with the cause after CONNECT_TIMEOUT_MS. */
  async registry(): Promise<Registry> {
    this.#registry ??= openConfiguredRegistry(this.#config, this.#log());
    await this.#registry.whenConnected(CONNECT_TIMEOUT_MS);
    return this.#registry;
  }

  /** Completely read once; stays readable, marked stale, when the connection is lost afterwards. */
  async view(): Promise<DcView> {
    if (this.#view === null) {
      const registry = await this.registry();
      this.#view = registry.watchAll();
      await this.#view.whenFresh(CONNECT_TIMEOUT_MS);
    }
    return this.#view;
  }

  store(): Store {
    const { databaseUrl } = this.#config;
    if (databaseUrl === null) {
      throw new ConfigError([
        'CARNA_DATABASE_URL (or CARNA_DATABASE_URL_FILE): this command needs the database, found nothing',
      ]);
    }
    this.#store ??= openStore({
      url: databaseUrl,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      log: this.#log(),
    });
    return this.#store;
  }

  /** The screen belongs to the command's own words unless another level was asked for. */
  #log(): Logger {
    const { logLevel } = this.#config;
    return createLogger({ level: logLevel === 'info' ? 'silent' : logLevel, base: {} });
  }

  /** Only a name for the headline: without the database it is not known. */
  async leader(): Promise<string | null> {
    if (this.#config.databaseUrl === null) return null;
    try {
      return (await readLeader(this.store(), this.#config.dc))?.holder ?? null;
    } catch (err) {
      if (err instanceof CarnaError) return null;
      throw err;
    }
  }

  async close(): Promise<void> {
    this.#view?.close();
    await this.#store?.close();
    await this.#registry?.close();
  }
}

async function watchTopology(
  connections: Connections,
  listener: (data: TopologyData) => void,
  signal: AbortSignal,
): Promise<void> {
  const view = await connections.view();
  let leader = await connections.leader();
  const tell = (): void => {
    listener(topologyOf(view, leader));
    void connections.leader().then((found) => (leader = found ?? leader));
  };
  const off = view.subscribe(tell);
  try {
    tell();
    if (!signal.aborted) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    }
  } finally {
    off();
  }
}

function topologyOf(view: DcView, leader: string | null): TopologyData {
  const nodes = view.nodes();
  const intents = view.intents();
  const applied = view.applied();
  const overrides = view.overrides();
  const generation = view.generation();
  const recordsOf = <T>(all: ReadonlyMap<string, { readonly record: T }>): Map<string, T> =>
    new Map([...all].map(([id, found]) => [id, found.record]));
  const generationFault =
    generation.refused === null ? [] : [{ path: 'generation', why: generation.refused }];
  const refused = [
    ...nodes.refused,
    ...intents.refused,
    ...applied.refused,
    ...overrides.refused,
    ...generationFault,
  ];
  return {
    nodes: nodes.nodes,
    intents: recordsOf(intents.records),
    applied: recordsOf(applied.records),
    generation: generation.record,
    overrides: overrides.records,
    refused: refused.map(({ path, why }) => ({ what: path, why })),
    conflicts: nodes.conflicts.map(({ address, nodeIds }) => ({
      what: address,
      why: `claimed by ${nodeIds.join(' and ')}`,
    })),
    leader,
    candidates: view.candidates(),
    asOfMs: nodes.staleSinceMs ?? systemClock.wallMs(),
    isFresh: nodes.isFresh,
  };
}

/** What the reconciler would want now, as far as can be told without its memory of vanished nodes. */
function deriveDesired(
  topology: TopologyData,
  table: readonly DispatcherRow[],
  nowMs: number,
): readonly DispatcherRow[] {
  const { desired } = deriveRows(deriveInputOf(topology, table, DEFAULT_WIRING, nowMs));
  // Of other data centres only the leader sees the nodes: their rows are wanted as they stand.
  const remote = table.filter((row) => isOurs(row) && zoneOf(row) !== undefined);
  return [...[...desired.values()].map(({ row }) => row), ...remote];
}

async function readLive(node: NodeRecord): Promise<LiveList> {
  const { nodeId, role } = node;
  const { http } = node.agent;
  if (http === null) return { nodeId, role, error: 'its agent has no HTTP server' };
  try {
    const { destinations, readAtMs } = await readAgentLive(fetch, http, AGENT_TIMEOUT_MS);
    return { nodeId, role, list: destinations, readAtMs };
  } catch (err) {
    if (err instanceof CarnaError) return { nodeId, role, error: messageOf(err) };
    throw err;
  }
}
