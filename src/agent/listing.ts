import type { Role } from '../topology/node.js';
import { isListing } from '../topology/unlisted.js';
import type { Wiring } from '../topology/wiring.js';
import { consumersOf, setsListing } from '../topology/wiring.js';
import type { AgentView } from './ports.js';

/** The roles whose Kamailios send calls to nodes of `role`. */
export function rolesListing(wiring: Wiring, role: Role): readonly Role[] {
  return [...new Set(setsListing(wiring, role).flatMap((setid) => consumersOf(wiring, setid)))];
}

/**
 * True when the change `traceId` stands in the table and every living Kamailio of these roles has proven
 * a list at least as new, with all of `keys` (unlisted.ts) in use: a drain asks for none, since it needs no
 * reload. A Kamailio that is not running has acknowledged nothing and is not waited for.
 */
export function isAcknowledged(
  view: AgentView,
  traceId: string,
  consumers: readonly Role[],
  keys: readonly string[] = [],
): boolean {
  const trace = view.generation()?.traces.find(({ id }) => id === traceId);
  if (trace === undefined) return false;
  return [...view.applied().values()]
    .filter((record) => consumers.includes(record.role))
    .every((record) => record.generation >= trace.generation && isListing(record, keys));
}
