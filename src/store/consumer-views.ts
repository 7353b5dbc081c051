import type { Role } from '../topology/node.js';
import { DEFAULT_WIRING, setsShownTo } from '../topology/wiring.js';
import type { Wiring } from '../topology/wiring.js';
import type { QueryFunction } from './pool.js';

/** What Kamailio 5.6 asks of its dispatcher table. */
const DISPATCHER_TABLE_VERSION = 4;

/** The view that a Kamailio of this role names in the dispatcher module's `table_name`. */
export function dispatcherView(role: Role): string {
  return `dispatcher_${role.replaceAll('-', '_')}`;
}

/** The roles whose Kamailios load a list at all, in the order of the wiring. */
export function consumingRoles(wiring: Wiring = DEFAULT_WIRING): Role[] {
  return [...new Set(wiring.map((rule) => rule.consumer))];
}

/**
 * Creates or replaces one view per consuming role, and its row in `version`. It shows the sets of that
 * role (local and remote) in a fixed order: Kamailio's own SELECT has none, so that each update of a
 * row would reorder the set and remap every hash.
 */
export async function createViews(
  query: QueryFunction,
  wiring: Wiring = DEFAULT_WIRING,
): Promise<void> {
  for (const role of consumingRoles(wiring)) {
    const setids = setsShownTo(wiring, role);
    const view = dispatcherView(role);
    await query(
      `CREATE OR REPLACE VIEW public.${view} AS
         SELECT id, setid, destination, flags, priority, attrs, description
           FROM public.dispatcher
          WHERE setid IN (${setids.join(', ')})
          ORDER BY setid, priority DESC, destination`,
    );
    await query(
      `INSERT INTO public.version (table_name, table_version) VALUES ($1, $2)
       ON CONFLICT (table_name) DO UPDATE SET table_version = excluded.table_version
             WHERE version.table_version <> excluded.table_version`,
      [view, DISPATCHER_TABLE_VERSION],
    );
  }
}
