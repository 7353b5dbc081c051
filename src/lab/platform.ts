import type { Logger } from 'pino';
import { BinrpcClient } from '../protocols/binrpc/client.js';
import { readDispatcherList } from '../protocols/binrpc/dispatcher-rpc.js';
import type { Registry } from '../registry/registry.js';
import type { DcView } from '../registry/views.js';
import { readTable } from '../store/dispatcher-table.js';
import { readLeader } from '../store/leadership.js';
import type { Store } from '../store/pool.js';
import { openStore } from '../store/pool.js';
import { rowKey } from '../topology/dispatcher-row.js';
import type { LiveDestination } from '../topology/live-destination.js';
import { DEFAULT_WIRING, setsConsumedBy } from '../topology/wiring.js';
import { DeadlineError, LabError } from '../util/errors.js';
import { wait } from '../util/wait.js';
import { openLabRegistry } from './lab-registry.js';
import type { LabNode } from './plan.js';
import { LAB_LOGINS, loginUrl } from './secrets.js';
import { unsettled } from './settled.js';
import type { LabState } from './state.js';
import { ctlSocket } from './state.js';

const RPC_TIMEOUT_MS = 2_000;
const POLL_MS = 20;

/** Told while nothing is known yet. */
export const NOT_READ = 'a full read of the registry';

/** A lab seen from outside: its registry, its database and each Kamailio's live list. Close it after use. */
export class Platform {
  readonly registry: Registry;
  readonly view: DcView;
  readonly store: Store;
  readonly log: Logger;
  readonly #state: LabState;
  readonly #rpc = new Map<string, BinrpcClient>();

  constructor(state: LabState, registry: Registry, store: Store, log: Logger) {
    this.#state = state;
    this.log = log;
    this.registry = registry;
    this.view = registry.watchAll();
    this.store = store;
  }

  /** The Kamailios that route to media, which is whose lists tell where the next call goes. */
  get dispatchers(): readonly LabNode[] {
    return this.#state.plan.nodes.filter((node) => node.role === 'dispatcher');
  }

  /** What `dispatcher.list` of one Kamailio says now, asked over a connection of our own. */
  async liveList(node: LabNode): Promise<readonly LiveDestination[]> {
    let client = this.#rpc.get(node.name);
    if (client === undefined) {
      client = new BinrpcClient({
        socketPath: ctlSocket(this.#state.runDir, node),
        timeoutMs: RPC_TIMEOUT_MS,
      });
      this.#rpc.set(node.name, client);
    }
    return readDispatcherList(client);
  }

  /**
   * Resolves when every named node is up and every Kamailio is proven to run the committed generation.
   * Throws DeadlineError naming what is missing, LabError when `signal` aborts.
   */
  async untilSettled(
    wanted: readonly string[],
    timeoutMs: number,
    signal: AbortSignal,
    onWaiting: (waitingFor: readonly string[]) => void = () => undefined,
  ): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    for (;;) {
      const waitingFor = this.view.isFresh()
        ? unsettled(wanted, {
            nodes: this.view.nodes().nodes,
            applied: new Map(
              [...this.view.applied().records].map(([id, found]) => [id, found.record]),
            ),
            generation: this.view.generation().record,
          })
        : [NOT_READ];
      onWaiting(waitingFor);
      if (waitingFor.length === 0) return;
      if (signal.aborted) throw new LabError('interrupted');
      if (performance.now() > endMs) throw new DeadlineError(waitingFor.join(', '), timeoutMs);
      await wait(POLL_MS, signal);
    }
  }

  /** "setid destination" → the row's PostgreSQL version: any UPDATE, also to the same values, changes it. */
  async rowVersions(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.store.query<{ key: string; version: string }>({
      text: `SELECT setid || ' ' || destination AS key, xmin::text || ' ' || flags AS version FROM dispatcher`,
    });
    return new Map(rows.map((row) => [row.key, row.version]));
  }

  /** Who took the newest epoch; null before the first. */
  async leader(): Promise<{ readonly holder: string; readonly epoch: number } | null> {
    return readLeader(this.store, this.#state.plan.site.dc);
  }

  /** Resolves when a leader as wanted has taken its epoch. Throws DeadlineError. */
  async untilLeader(
    isWanted: (leader: { readonly holder: string; readonly epoch: number }) => boolean,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly holder: string; readonly epoch: number }> {
    const endMs = performance.now() + timeoutMs;
    while (performance.now() < endMs && !signal.aborted) {
      const leader = await this.leader();
      if (leader !== null && isWanted(leader)) return leader;
      await wait(POLL_MS, signal);
    }
    throw new DeadlineError('a new leader', timeoutMs);
  }

  /** The instance (one life of the SIP server) that a node publishes; null when it publishes nothing. */
  instanceOf(nodeId: string): string | null {
    return this.view.nodes().nodes.get(nodeId)?.record.instanceId ?? null;
  }

  /** Resolves when the node publishes another instance as up. Throws DeadlineError. */
  async untilUpAgain(
    nodeId: string,
    oldInstance: string | null,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const isBack = (): boolean => {
      const record = this.view.nodes().nodes.get(nodeId)?.record;
      return record?.state === 'up' && record.instanceId !== oldInstance;
    };
    const endMs = performance.now() + timeoutMs;
    while (!isBack()) {
      if (signal.aborted) throw new LabError('interrupted');
      if (performance.now() > endMs) throw new DeadlineError(`${nodeId} up again`, timeoutMs);
      await wait(1, signal);
    }
  }

  /** Where a Kamailio's live list differs from the table in these sets, or in all that it consumes; empty = equal. */
  async listFaults(
    node: LabNode,
    setids: readonly number[] = setsConsumedBy(DEFAULT_WIRING, node.role),
  ): Promise<string[]> {
    const [{ rows }, all] = await Promise.all([readTable(this.store, setids), this.liveList(node)]);
    const live = all.filter(({ setid }) => setids.includes(setid));
    const found = new Map(live.map((entry) => [rowKey(entry), entry.letters]));
    const missing = rows
      .filter((row) => !isShown(row.flags, found.get(rowKey(row))))
      .map(
        (row) =>
          `${rowKey(row)}: flags ${row.flags}, shown ${found.get(rowKey(row)) ?? 'not at all'}`,
      );
    const wanted = new Set(rows.map(rowKey));
    const extra = live.filter((entry) => !wanted.has(rowKey(entry)));
    return [...missing, ...extra.map((entry) => `${rowKey(entry)}: not in the table`)];
  }

  async close(): Promise<void> {
    for (const client of this.#rpc.values()) client.close();
    this.view.close();
    await this.store.close();
    await this.registry.close();
  }
}

/** Flags 8 show as AP, 9 as IP until the first good ping, 4 as D. */
function isShown(flags: number, letters: string | undefined): boolean {
  if (letters === undefined) return false;
  if ((flags & 4) !== 0) return letters.startsWith('D');
  return letters === 'AP' || ((flags & 1) !== 0 && letters === 'IP');
}

/** Connects to a lab that is up with the rights of an operator. */
export function openPlatform(state: LabState, log: Logger): Platform {
  const registry = openLabRegistry(state, log);
  const store = openStore({
    url: loginUrl(state.plan, LAB_LOGINS.reader.user, state.secrets.readerPassword),
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 5_000,
    log,
  });
  return new Platform(state, registry, store, log);
}
