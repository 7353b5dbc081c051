import type { DispatcherRow } from './dispatcher-row.js';
import type { Listed } from './live-letters.js';
import { isDisabled, isLoadable, lettersOf } from './live-letters.js';

/** The rows of a Kamailio's sets and what its list holds of them, by liveKey. */
export interface HoldsInput {
  readonly setids: readonly number[];
  readonly rows: ReadonlyMap<string, readonly [DispatcherRow, ...DispatcherRow[]]>;
  readonly live: ReadonlyMap<string, readonly [Listed, ...Listed[]]>;
  /** `live` is only what the list should be: any set may hold destinations that it does not show. */
  readonly isBelieved?: boolean | undefined;
  /** True when the leader's own record confirms that the set holds nothing. */
  readonly mayBeEmpty: (setid: number) => boolean;
  /** Of the sets those that are more than a fallback; absent = all. */
  readonly needed?: readonly number[] | undefined;
  /** True for a set that the leader calls lost (lost-sets.ts); absent = none. */
  readonly isLost?: ((setid: number) => boolean) | undefined;
}

/** What stays in a Kamailio's list although the table has no row for it. */
export interface LiveHolds {
  /** The sets that the table would empty without the leader's word. */
  readonly heldSets: readonly number[];
  /** True while they forbid a reload. */
  readonly isBlocked: boolean;
  /** Sets of which, while no reload is possible, the destinations without a row are the last that can be chosen. */
  readonly spared: ReadonlySet<number>;
}

/**
 * A reload loads all sets or none, so a set that is held keeps new nodes out of all usable. It gives way in one case: all
 * that are held are lost sets of other data centres, and a node of our own that can take calls waits to be loaded. The calls of
 * our own sets have nothing else once their nodes were started anew elsewhere, while those lists are only fallen back to. Pure.
 */
export function findLiveHolds(input: HoldsInput): LiveHolds {
  const heldSets = findHeldSets(input);
  const isBlocked = heldSets.length > 0 && !doGiveWay(input, heldSets);
  return { heldSets, isBlocked, spared: isBlocked ? findSpared(input) : NONE };
}

/** A row that Kamailio would refuse fills no set. */
function findHeldSets({ setids, rows, live, isBelieved, mayBeEmpty }: HoldsInput): number[] {
  const filled = new Set<number>();
  for (const [key, [row]] of rows) {
    if (live.has(key) || isLoadable(row)) filled.add(row.setid);
  }
  const alive = new Set(
    isBelieved === true ? setids : [...live.values()].map(([dest]) => dest.setid),
  );
  return setids.filter((setid) => alive.has(setid) && !filled.has(setid) && !mayBeEmpty(setid));
}

function doGiveWay({ rows, live, needed, isLost }: HoldsInput, held: readonly number[]): boolean {
  if (needed === undefined || isLost === undefined) return false;
  if (held.some((setid) => needed.includes(setid) || !isLost(setid))) return false;
  return [...rows].some(([key, [row]]) => {
    return needed.includes(row.setid) && !live.has(key) && canTakeCalls(row) && isLoadable(row);
  });
}

/** Not those that were emptied by the leader's word. */
function findSpared({ setids, rows, live, mayBeEmpty }: HoldsInput): ReadonlySet<number> {
  const usable = new Set<number>();
  for (const [key, [row]] of rows) {
    if (live.has(key) && canTakeCalls(row)) usable.add(row.setid);
  }
  return new Set(setids.filter((setid) => !usable.has(setid) && !mayBeEmpty(setid)));
}

function canTakeCalls(row: DispatcherRow): boolean {
  return !isDisabled({ letters: lettersOf(row.flags) });
}

const NONE: ReadonlySet<number> = new Set();
