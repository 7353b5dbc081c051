import type { CommitOptions } from '../../../src/store/dispatcher-table.js';
import { takeEpoch } from '../../../src/store/dispatcher-table.js';
import type { Store } from '../../../src/store/pool.js';
import type { NodeChange } from '../../../src/topology/node-changes.js';

/** Empties the table and all that is kept of it; resolves with the epoch of a new leader, rec-1. */
export async function newTerm(store: Store): Promise<number> {
  await store.query({
    text: `TRUNCATE carna.change, carna.change_live, carna.generation, carna.refused_write, carna.used_override,
                    public.dispatcher`,
  });
  return takeEpoch(store, { dc: 'dc1', holder: 'rec-1', czxid: 7n });
}

/** A plan of nothing, made from the generation `base`, but for what `part` says. */
export function planOf(epoch: number, base: number, part: Partial<CommitOptions>): CommitOptions {
  return {
    dc: 'dc1',
    epoch,
    base,
    changes: [],
    mayEmpty: [],
    audit: [],
    losses: new Map(),
    overrides: [],
    setHashes: {},
    seenAtMs: 1_000.5,
    ...part,
  };
}

/** Why a plan was made: the media node m-1 went down. */
export function auditOf(traceId: string, part: Partial<NodeChange> = {}): NodeChange {
  return {
    traceId,
    nodeId: 'm-1',
    from: 'up',
    to: 'down',
    cause: 'its process was killed',
    actor: 'agent',
    occurredAtMs: 900.25,
    noticedAtMs: 901,
    publishedAtMs: 902,
    rows: [],
    ...part,
  };
}
