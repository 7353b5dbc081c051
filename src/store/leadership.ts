import type { Store } from './pool.js';

/** Who took the newest epoch of a data centre; null when nobody ever led there. */
export async function readLeader(
  store: Store,
  dc: string,
): Promise<{ readonly holder: string; readonly epoch: number } | null> {
  const [row] = await store.query<{ holder: string; epoch: string }>({
    text: 'SELECT holder, epoch FROM carna.leadership WHERE dc = $1',
    values: [dc],
  });
  return row === undefined ? null : { holder: row.holder, epoch: Number(row.epoch) };
}
