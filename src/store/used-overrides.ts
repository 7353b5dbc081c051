import type { Store } from './pool.js';

/** When the last word was said that a commit of the data centre used, by setid: wall clock in ms of its operator. */
export async function readUsedOverrides(
  store: Store,
  dc: string,
): Promise<ReadonlyMap<number, number>> {
  const rows = await store.query<{ readonly setid: number; readonly since: number }>({
    text: 'SELECT setid, since_ms AS since FROM carna.used_override WHERE dc = $1',
    values: [dc],
  });
  return new Map(rows.map(({ setid, since }) => [setid, since] as const));
}
