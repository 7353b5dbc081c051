import type { Trunk } from '../topology/trunk.js';
import { ALL_NUMBERS, byPreference } from '../topology/trunk.js';
import type { Store } from './pool.js';

/** Every trunk: those of one prefix together, in the order in which they are tried. */
export async function readTrunks(store: Store): Promise<readonly Trunk[]> {
  const rows = await store.query<Trunk>({
    text: `SELECT name, host, port, transport, '+' || ltrim(prefix, '+') AS prefix, priority, weight, cap,
                  source, strip, add_prefix AS add
             FROM carna.trunk`,
  });
  return [...rows].sort(byPreference);
}

/** Adds a trunk; its triggers make Kamailio's routes anew in the same transaction. False when the name is taken. */
export async function addTrunk(store: Store, trunk: Trunk): Promise<boolean> {
  const { name, host, port, transport, prefix, priority, weight, cap, source, strip, add } = trunk;
  const stored = prefix === ALL_NUMBERS ? '' : prefix;
  const rows = await store.query({
    text: `INSERT INTO carna.trunk (name, host, port, transport, prefix, priority, weight, cap, source, strip,
                                    add_prefix)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (name) DO NOTHING RETURNING name`,
    values: [name, host, port, transport, stored, priority, weight, cap, source, strip, add],
  });
  return rows.length > 0;
}

/** Removes a trunk; false when there is none of that name. */
export async function removeTrunk(store: Store, name: string): Promise<boolean> {
  const rows = await store.query({
    text: 'DELETE FROM carna.trunk WHERE name = $1 RETURNING name',
    values: [name],
  });
  return rows.length > 0;
}
