import type { Registry } from '../registry/registry.js';
import type { NodesView } from '../registry/nodes-view.js';
import type { DcView } from '../registry/views.js';
import { knownTraces, recordLive } from '../store/change-log.js';
import { commitPlan, readHead, readTable, takeEpoch } from '../store/dispatcher-table.js';
import { readLosses } from '../store/losses.js';
import type { Store } from '../store/pool.js';
import { readUsedOverrides } from '../store/used-overrides.js';
import type { Evidence } from '../topology/desired-rows.js';
import { pingOptions } from '../protocols/sip/options-ping.js';
import type { Clock } from '../util/clock.js';
import { InvalidInputError, StoreConflictError } from '../util/errors.js';
import { Doorbell } from '../util/doorbell.js';
import type { GenerationZnode, ReconcilerTable, ReconcilerView } from './ports.js';
import type { RemoteView } from './remotes.js';
import type { WitnessPort } from './witness.js';
import { DEFAULT_WITNESS_TIMING } from './witness.js';

/** The registry's view of a data centre with the shapes that the reconciler asks for. */
export function reconcilerView(all: DcView): ReconcilerView {
  const recordsOf = <T>(
    records: ReadonlyMap<string, { readonly record: T }>,
  ): ReadonlyMap<string, T> =>
    new Map([...records].map(([id, found]) => [id, found.record] as const));
  return {
    nodes: () => all.nodes().nodes,
    intents: () => recordsOf(all.intents().records),
    applied: () => recordsOf(all.applied().records),
    overrides: () => all.overrides().records,
    isFresh: () => all.isFresh(),
    subscribe: (listener, parts) => all.subscribe(listener, parts),
  };
}

/** The registry's view of another data centre's nodes, as the reconciler asks for it. */
export function remoteView(dc: string, view: NodesView): RemoteView {
  return {
    dc,
    nodes: () => view.nodes().nodes,
    isFresh: () => view.isFresh() && view.hasFolder(),
    subscribe: (listener) => view.subscribe(listener),
  };
}

/** The generation znode: read from the view, written through the registry. */
export function generationZnode(
  registry: Pick<Registry, 'writeGeneration'>,
  all: Pick<DcView, 'generation'>,
): GenerationZnode {
  return {
    read: () => Promise.resolve(all.generation().record),
    write: async (record) => {
      if (await registry.writeGeneration(record)) return;
      throw new StoreConflictError(
        `generation ${record.generation} cannot be told, a later one stands in ZooKeeper: PostgreSQL lost commits`,
      );
    },
  };
}

/** The store's functions, bound to one database. */
export function reconcilerTable(store: Store): ReconcilerTable {
  return {
    takeEpoch: (options) => takeEpoch(store, options),
    readTable: () => readTable(store),
    readHead: (maxTraces) => readHead(store, maxTraces),
    readLosses: (windowMs) => readLosses(store, windowMs),
    readUsedOverrides: (dc) => readUsedOverrides(store, dc),
    knownTraces: (ids) => knownTraces(store, ids),
    commitPlan: (options) => commitPlan(store, options),
    recordLive: (proof) => recordLive(store, proof),
  };
}

/** Host and port of the destinations that we write ourselves (topology/node.ts, destinationUri). */
const OWN_DESTINATION = /^sip:(\[[0-9A-Fa-f:.]+\]|[^:;[\]]+):(\d{1,5})$/;
const WITNESS_TIMEOUT_MS = 1_000;

/** The second witness over UDP. A destination of another transport, or with a host or port that SIP cannot name, cannot be asked: "unknown". */
export function optionsWitness(clock: Clock): WitnessPort {
  const ping = async (destination: string): Promise<Evidence> => {
    const match = OWN_DESTINATION.exec(destination);
    const [, host, port] = match ?? [];
    if (host === undefined) return 'unknown';
    const target = { transport: 'udp', host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
    const monoMs = (): number => clock.monoMs();
    const timeoutMs = WITNESS_TIMEOUT_MS;
    try {
      const result = await pingOptions({ target, timeoutMs, random: Math.random, monoMs });
      if (result.kind === 'answered') return 'answers';
      return result.isLocal ? 'unknown' : 'silent';
    } catch (err) {
      if (err instanceof InvalidInputError) return 'unknown';
      throw err;
    }
  };
  return { ping, timing: DEFAULT_WITNESS_TIMING, bell: new Doorbell() };
}
