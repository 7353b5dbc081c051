import type { DispatcherRow } from './dispatcher-row.js';
import { FLAGS_ACTIVE_PROBED, FLAGS_DISABLED } from './dispatcher-row.js';
import type { LiveDestination } from './live-destination.js';
import { groupByKey, isDisabled, liveKey } from './live-letters.js';
import { setHash } from './set-hash.js';

/** Hash per consumed set (decimal key) of the live list in the table's terms (set-hash.ts). Pure. */
export function hashLive(
  setids: readonly number[],
  rows: readonly DispatcherRow[],
  live: readonly LiveDestination[],
): Record<string, string> {
  const spelled = groupByKey(rows);
  const hashes: Record<string, string> = {};
  for (const setid of setids) {
    const held = live.filter((dest) => dest.setid === setid);
    hashes[String(setid)] = setHash(
      held.map((dest) => ({
        destination: spellingOf(dest, spelled.get(liveKey(dest))),
        flags: isDisabled(dest) ? FLAGS_DISABLED : FLAGS_ACTIVE_PROBED,
        priority: dest.priority,
        attrs: dest.attrs,
      })),
    );
  }
  return hashes;
}

/** As the table spells it; of several rows that are one to Kamailio each lends its spelling once. */
function spellingOf(dest: LiveDestination, rows: DispatcherRow[] | undefined): string {
  if (rows === undefined || rows.length === 0) return dest.destination;
  if (rows.length === 1) return rows[0]?.destination ?? dest.destination;
  const isLike = (row: DispatcherRow): boolean =>
    row.priority === dest.priority &&
    row.attrs === dest.attrs &&
    ((row.flags & FLAGS_DISABLED) !== 0) === isDisabled(dest);
  const at = Math.max(0, rows.findIndex(isLike));
  return rows.splice(at, 1)[0]?.destination ?? dest.destination;
}
