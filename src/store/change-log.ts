import type { AuditState, RowFlags } from '../topology/node-changes.js';
import type { Store } from './pool.js';

/** One change of a node as the timeline shows it; all times are wall clock in ms. */
export interface ChangeEntry {
  readonly id: number;
  readonly traceId: string;
  readonly generation: number;
  readonly nodeId: string;
  readonly from: AuditState;
  readonly to: AuditState;
  readonly cause: string;
  readonly actor: string;
  readonly rows: readonly RowFlags[];
  readonly occurredAtMs: number | null;
  readonly noticedAtMs: number | null;
  readonly publishedAtMs: number | null;
  readonly seenAtMs: number;
  readonly committedAtMs: number;
  /** When each Kamailio was proven to run it, earliest first. */
  readonly live: readonly { readonly kamailio: string; readonly atMs: number }[];
}

export interface ChangeFilter {
  /** At most this many, the newest. */
  readonly last: number;
  /** Only those after this id. */
  readonly sinceId?: number;
  readonly nodeId?: string;
}

export interface LiveProof {
  /** Node of the Kamailio. */
  readonly kamailio: string;
  /** The sets that it loads. */
  readonly setids: readonly number[];
  readonly generation: number;
  /** Wall clock in ms of the read-back. */
  readonly provenAtMs: number;
}

interface ChangeRow extends Omit<ChangeEntry, 'id' | 'generation'> {
  readonly id: string;
  readonly generation: string;
}

/** Reads changes, oldest first. */
export async function readChanges(
  store: Store,
  filter: ChangeFilter,
): Promise<readonly ChangeEntry[]> {
  const rows = await store.query<ChangeRow>({
    text: `SELECT c.id, c.trace_id AS "traceId", c.generation, c.node_id AS "nodeId", c.from_state AS "from",
                  c.to_state AS "to", c.cause, c.actor, c.rows,
                  ${asMs('c.occurred_at')} AS "occurredAtMs", ${asMs('c.noticed_at')} AS "noticedAtMs",
                  ${asMs('c.published_at')} AS "publishedAtMs", ${asMs('c.seen_at')} AS "seenAtMs",
                  ${asMs('c.committed_at')} AS "committedAtMs",
                  (SELECT coalesce(json_agg(json_build_object('kamailio', l.kamailio,
                                     'atMs', ${asMs('l.live_at')}) ORDER BY l.live_at, l.kamailio), '[]')
                     FROM carna.change_live l
                    WHERE l.trace_id = c.trace_id AND l.generation = c.generation) AS live
             FROM (SELECT * FROM carna.change
                    WHERE ($2::bigint IS NULL OR id > $2) AND ($3::text IS NULL OR node_id = $3)
                    ORDER BY id DESC LIMIT $1) c
            ORDER BY c.id`,
    values: [filter.last, filter.sinceId ?? null, filter.nodeId ?? null],
  });
  return rows.map((row) => ({
    ...row,
    id: Number(row.id),
    generation: Number(row.generation),
  }));
}

/**
 * Notes that a Kamailio was proven to run a generation: every change up to it that moved a row of its
 * sets is live there. Safe to repeat; the first proof counts. Gives how many changes were noted.
 *
 * Looks only behind what this Kamailio proved last, so its cost does not grow with the history.
 */
export async function recordLive(store: Store, proof: LiveProof): Promise<number> {
  const rows = await store.query({
    name: 'carna-record-live',
    text: `INSERT INTO carna.change_live (trace_id, generation, kamailio, live_at)
           SELECT c.trace_id, c.generation, $1, to_timestamp($4::double precision / 1000)
             FROM carna.change c
            WHERE c.generation <= $3
              AND c.generation > (SELECT coalesce(max(l.generation), $3::bigint - ${MAX_GENERATIONS_BACK})
                                    FROM carna.change_live l WHERE l.kamailio = $1)
              AND c.setids && $2::integer[]
               ON CONFLICT DO NOTHING
        RETURNING 1`,
    values: [proof.kamailio, [...proof.setids], proof.generation, proof.provenAtMs],
  });
  return rows.length;
}

/** Which of these traces the log holds already. */
export async function knownTraces(
  store: Store,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await store.query<{ id: string }>({
    text: 'SELECT DISTINCT trace_id AS id FROM carna.change WHERE trace_id = ANY($1::text[])',
    values: [[...ids]],
  });
  return new Set(rows.map((row) => row.id));
}

/** A Kamailio that was never seen before is credited with this much of the past at most. */
const MAX_GENERATIONS_BACK = 1_000;

function asMs(column: string): string {
  return `(extract(epoch FROM ${column}) * 1000)::double precision`;
}
