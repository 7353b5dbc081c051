import type { Registry } from '../registry/registry.js';
import type { DcView } from '../registry/views.js';
import { knownTraces, recordLive } from '../store/change-log.js';
import { commitPlan, readHead, readTable, takeEpoch } from '../store/dispatcher-table.js';
import type { Store } from '../store/pool.js';
import type { GenerationZnode, ReconcilerTable, ReconcilerView } from './ports.js';

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
    isFresh: () => all.isFresh(),
    subscribe: (listener, parts) => all.subscribe(listener, parts),
  };
}

/** The generation znode: read from the view, written through the registry. */
export function generationZnode(registry: Registry, all: DcView): GenerationZnode {
  return {
    read: () => Promise.resolve(all.generation().record),
    write: async (record) => {
      await registry.writeGeneration(record);
    },
  };
}

/** The store's functions, bound to one database. */
export function reconcilerTable(store: Store): ReconcilerTable {
  return {
    takeEpoch: (options) => takeEpoch(store, options),
    readTable: () => readTable(store),
    readHead: (maxTraces) => readHead(store, maxTraces),
    knownTraces: (ids) => knownTraces(store, ids),
    commitPlan: (options) => commitPlan(store, options),
    recordLive: (proof) => recordLive(store, proof),
  };
}
