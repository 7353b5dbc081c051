import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { describeRow } from '../topology/dispatcher-row.js';

/** Where the rows of these nodes point, by nodeId; a node with several rows is asked at one of them. Pure. */
export function destinationsOf(
  nodeIds: readonly string[],
  rows: Iterable<DispatcherRow>,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (nodeIds.length === 0) return found;
  const byDescription = new Map(nodeIds.map((nodeId) => [describeRow(nodeId), nodeId]));
  for (const row of rows) {
    const nodeId = byDescription.get(row.description);
    if (nodeId !== undefined && !found.has(nodeId)) found.set(nodeId, row.destination);
  }
  return found;
}
