import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { describeRow, rowKey } from '../topology/dispatcher-row.js';
import type { TermState } from './term-state.js';

type Memories = Pick<TermState, 'memory' | 'remotes'>;

/** Forgets the vanished nodes, of all data centres, that own none of these rows. */
export function forgetGone({ memory, remotes }: Memories, rows: Iterable<DispatcherRow>): void {
  if (memory.vanished().size + remotes.vanished === 0) return;
  const owners = new Set([...rows].map((row) => row.description));
  memory.forget((nodeId) => owners.has(describeRow(nodeId)));
  remotes.forget(owners);
}

/**
 * Of rows that came back with an old table those, by rowKey, whose nodes this process has not seen vanish
 * either: no Kamailio is known to hold them.
 */
export function unusedRows(
  returned: readonly DispatcherRow[],
  { memory, remotes }: Memories,
): ReadonlySet<string> {
  if (returned.length === 0) return NONE;
  const seen = new Set(remotes.vanishedOwners());
  for (const nodeId of memory.vanished().keys()) seen.add(describeRow(nodeId));
  return new Set(returned.filter((row) => !seen.has(row.description)).map(rowKey));
}

const NONE: ReadonlySet<string> = new Set();
