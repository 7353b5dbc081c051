import type { Loss } from '../topology/guard-budget.js';
import type { Store } from './pool.js';

/** What the versions of the last `windowMs` took out of use without anybody's word, whoever led then. */
export async function readLosses(store: Store, windowMs: number): Promise<readonly Loss[]> {
  return store.query<Loss>({
    text: `SELECT l.key::integer AS setid, l.value::integer AS count,
                  greatest(0, extract(epoch FROM clock_timestamp() - g.committed_at) * 1000)::double precision AS "ageMs"
             FROM carna.generation g, jsonb_each_text(g.losses) l
            WHERE g.committed_at > clock_timestamp() - $1 * interval '1 millisecond'`,
    values: [windowMs],
  });
}
