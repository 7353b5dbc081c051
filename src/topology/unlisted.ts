import type { DispatcherRow } from './dispatcher-row.js';
import { isOurs } from './dispatcher-row.js';
import type { LiveDestination } from './live-destination.js';
import { isDisabled, isLoadable, lettersOf, liveKey } from './live-letters.js';
import type { AppliedRecord } from './node.js';
import { MAX_UNLISTED } from './node.js';

/**
 * Keys of the destinations of ours that the table has in use and a Kamailio's live list lacks or has
 * disabled, the first MAX_UNLISTED. What somebody else wrote is not waited for by anybody. Pure.
 */
export function findUnlisted(
  setids: readonly number[],
  rows: readonly DispatcherRow[],
  live: readonly LiveDestination[],
): string[] {
  const held = new Set(live.filter((dest) => !isDisabled(dest)).map(liveKey));
  const keys = rows.filter((row) => isWanted(setids, row)).map(liveKey);
  return keys.filter((key) => !held.has(key)).slice(0, MAX_UNLISTED);
}

/** True when a set that has destinations of ours in use is empty on the Kamailio: its calls would fail. Pure. */
export function hasHollowSet(
  setids: readonly number[],
  rows: readonly DispatcherRow[],
  live: readonly LiveDestination[],
): boolean {
  const filled = new Set(live.map(({ setid }) => setid));
  return rows.some((row) => !filled.has(row.setid) && isWanted(setids, row));
}

function isWanted(setids: readonly number[], row: DispatcherRow): boolean {
  const isInUse = setids.includes(row.setid) && !isDisabled({ letters: lettersOf(row.flags) });
  return isInUse && isOurs(row) && isLoadable(row);
}

/**
 * True when a Kamailio that proved these rows also has their destinations (keys as in `unlisted`) in use: after
 * a reload that failed it has not, although it knows the generation. Other drift does not matter. Pure.
 */
export function isListing(
  { drift, unlisted }: Pick<AppliedRecord, 'drift' | 'unlisted'>,
  keys: readonly string[],
): boolean {
  if (drift === null || keys.length === 0) return true;
  if (unlisted === undefined || unlisted.length >= MAX_UNLISTED) return false;
  return !keys.some((key) => unlisted.includes(key));
}
