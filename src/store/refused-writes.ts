import type { Store } from './pool.js';

/** A plan that PostgreSQL refused because a newer leader had taken over. */
export interface RefusedWrite {
  readonly id: number;
  /** Of the leader that was deposed. */
  readonly epoch: number;
  /** Its name; null when it did not give one. */
  readonly holder: string | null;
  readonly rulingEpoch: number;
  readonly rulingHolder: string | null;
  /** Rows that the plan would have changed; 0 for one that had only entries for the log. */
  readonly rowCount: number;
  /** The first of them, at most 50. */
  readonly rows: readonly RefusedRowChange[];
  /** Wall clock of the database in ms. */
  readonly atMs: number;
}

export interface RefusedRowChange {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly setid: number;
  readonly destination: string;
  readonly flags: number;
}

/** The newest refusals of a data centre, at most `last`, oldest first. PostgreSQL keeps 1,000. */
export async function readRefusals(
  store: Store,
  dc: string,
  last: number,
): Promise<readonly RefusedWrite[]> {
  const rows = await store.query<
    Omit<RefusedWrite, 'id' | 'epoch' | 'rulingEpoch'> & {
      readonly id: string;
      readonly epoch: string;
      readonly rulingEpoch: string;
    }
  >({
    text: `SELECT id, epoch, holder, ruling_epoch AS "rulingEpoch", ruling_holder AS "rulingHolder",
                  row_count AS "rowCount", rows,
                  (extract(epoch FROM refused_at) * 1000)::double precision AS "atMs"
             FROM (SELECT * FROM carna.refused_write WHERE dc = $1 ORDER BY id DESC LIMIT $2) newest
            ORDER BY id`,
    values: [dc, last],
  });
  return rows.map((row) => ({
    ...row,
    id: Number(row.id),
    epoch: Number(row.epoch),
    rulingEpoch: Number(row.rulingEpoch),
  }));
}
