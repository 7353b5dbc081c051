import type { DispatcherRow } from './dispatcher-row.js';
import type { LiveDestination } from './live-destination.js';
import { setHash } from './set-hash.js';

const INACTIVE = 1;
const TRYING = 2;
const DISABLED = 4;
const PROBING = 8;

/** One RPC `dispatcher.set_state`. */
export interface StateChange {
  readonly setid: number;
  /** As the running Kamailio prints it: set_state compares text. */
  readonly destination: string;
  /** `a`, `i`, `t` or `d`, with `p` behind it when Kamailio probes it. */
  readonly state: string;
}

/** How to bring one Kamailio's live list to the table. */
export interface LivePlan {
  /** To be applied now, before any reload. */
  readonly setStates: readonly StateChange[];
  /** Membership, priority or attributes differ: only a reload helps. */
  readonly needsReload: boolean;
  /** To be applied right after a reload, which sets every destination back to its row's flags. */
  readonly carryOver: readonly StateChange[];
  /** The sets that the table would empty without the generation record saying so: left as they are. */
  readonly heldSets: readonly number[];
  /** One line on what differs, null when nothing does. */
  readonly drift: string | null;
}

export interface LivePlanInput {
  /** The sets that this Kamailio consumes; others are not touched, nor do they cause a reload. */
  readonly setids: readonly number[];
  readonly rows: readonly DispatcherRow[];
  readonly live: readonly LiveDestination[];
  /**
   * The rows that this Kamailio was last brought to, null when unknown. A row whose flags changed since
   * is a fresh word and overrides what Kamailio's own probing says; an unchanged one does not.
   */
  readonly previous: readonly DispatcherRow[] | null;
  /** True when the leader's own record confirms that the set holds nothing. */
  readonly mayBeEmpty: (setid: number) => boolean;
}

/**
 * Compares the table with what a Kamailio holds and plans the difference.
 *
 * | row's flags | live letters that agree with it |
 * |---|---|
 * | 4 (disabled) | D |
 * | 8 | A, or I and T: Kamailio's own probing found it silent |
 * | 9 | I, or A and T: Kamailio's own probing found it answering |
 *
 * What Kamailio found by itself is kept and carried over a reload, unless the row's flags changed since
 * `previous`. A destination without a row is disabled at once and leaves with the reload. A set that has
 * live destinations and no row is left alone, and nothing is reloaded, unless `mayBeEmpty` agrees.
 *
 * Pure. Equal inputs give equal plans.
 */
export function planLive(input: LivePlanInput): LivePlan {
  const consumed = new Set(input.setids);
  const rows = firstByKey(input.rows.filter((row) => consumed.has(row.setid)));
  const live = firstByKey(input.live.filter((dest) => consumed.has(dest.setid)));
  const before = input.previous === null ? null : firstByKey(input.previous);
  const heldSets = findHeldSets(input.setids, rows, live, input.mayBeEmpty);
  const setStates: StateChange[] = [];
  const carryOver: StateChange[] = [];
  const differences: string[] = [];
  let isDifferent = false;
  for (const [key, row] of rows) {
    const dest = live.get(key);
    if (dest === undefined) {
      isDifferent = true;
      differences.push(`${row.destination} is missing in set ${row.setid}`);
      continue;
    }
    if (dest.priority !== row.priority || dest.attrs !== row.attrs) {
      isDifferent = true;
      differences.push(`${row.destination} has another priority or attrs in set ${row.setid}`);
    }
    const wanted = wantedLetters(row, dest, before?.get(key));
    if (!agree(wanted, dest.letters)) {
      setStates.push(change(dest, wanted));
      differences.push(`${row.destination} is ${dest.letters}, not ${wanted}, in set ${row.setid}`);
    }
    if (!agree(wanted, lettersOf(row.flags))) carryOver.push(change(dest, wanted));
  }
  for (const [key, dest] of live) {
    if (rows.has(key)) continue;
    differences.push(`${dest.destination} has no row in set ${dest.setid}`);
    if (heldSets.includes(dest.setid)) continue;
    isDifferent = true;
    if (!dest.letters.startsWith('D')) setStates.push(change(dest, 'DX'));
  }
  return {
    setStates,
    needsReload: isDifferent && heldSets.length === 0,
    carryOver,
    heldSets,
    drift: describeDrift(differences, heldSets),
  };
}

/** The letters that a reload gives a row with these flags. */
export function lettersOf(flags: number): string {
  const probed = (flags & PROBING) !== 0 ? 'P' : 'X';
  if ((flags & DISABLED) !== 0) return `D${probed}`;
  if ((flags & INACTIVE) !== 0) return `I${probed}`;
  return `${(flags & TRYING) !== 0 ? 'T' : 'A'}${probed}`;
}

/** Hash per consumed set (decimal key) of the live list in the table's terms (set-hash.ts). Pure. */
export function hashLive(
  setids: readonly number[],
  rows: readonly DispatcherRow[],
  live: readonly LiveDestination[],
): Record<string, string> {
  const spelled = new Map(rows.map((row) => [keyOf(row), row.destination]));
  const hashes: Record<string, string> = {};
  for (const setid of setids) {
    const held = live.filter((dest) => dest.setid === setid);
    hashes[String(setid)] = setHash(
      held.map((dest) => ({
        destination: spelled.get(keyOf(dest)) ?? dest.destination,
        flags: dest.letters.startsWith('D') ? DISABLED : PROBING,
        priority: dest.priority,
        attrs: dest.attrs,
      })),
    );
  }
  return hashes;
}

/** Kamailio adds the scheme that a row lacks. */
function keyOf(item: { readonly setid: number; readonly destination: string }): string {
  const uri = item.destination.trim();
  return `${item.setid} ${/^sips?:/i.test(uri) ? uri : `sip:${uri}`}`;
}

/** Of doubles the first counts: it is the one that set_state reaches. */
function firstByKey<T extends { readonly setid: number; readonly destination: string }>(
  items: readonly T[],
): Map<string, T> {
  const map = new Map<string, T>();
  for (const item of items) {
    const key = keyOf(item);
    if (!map.has(key)) map.set(key, item);
  }
  return map;
}

function findHeldSets(
  setids: readonly number[],
  rows: ReadonlyMap<string, DispatcherRow>,
  live: ReadonlyMap<string, LiveDestination>,
  mayBeEmpty: (setid: number) => boolean,
): number[] {
  const filled = new Set([...rows.values()].map((row) => row.setid));
  const alive = new Set([...live.values()].map((dest) => dest.setid));
  return setids.filter((setid) => alive.has(setid) && !filled.has(setid) && !mayBeEmpty(setid));
}

function wantedLetters(
  row: DispatcherRow,
  dest: LiveDestination,
  before: DispatcherRow | undefined,
): string {
  const fromRow = lettersOf(row.flags);
  const isFresh = before !== undefined && before.flags !== row.flags;
  if (isFresh || fromRow.startsWith('D') || dest.letters.startsWith('D')) return fromRow;
  return dest.letters.slice(0, 1) + fromRow.slice(1);
}

/** Whether a disabled destination is probed makes no difference to calls. */
function agree(a: string, b: string): boolean {
  return a === b || (a.startsWith('D') && b.startsWith('D'));
}

function change(dest: LiveDestination, letters: string): StateChange {
  const state = letters.slice(0, 1).toLowerCase() + (letters.endsWith('P') ? 'p' : '');
  return { setid: dest.setid, destination: dest.destination, state };
}

const MAX_NAMED = 3;

function describeDrift(differences: readonly string[], heldSets: readonly number[]): string | null {
  const held = heldSets.map((setid) => `set ${setid} kept although the table has no row for it`);
  const all = [...held, ...differences];
  if (all.length === 0) return null;
  const more = all.length > MAX_NAMED ? ` and ${all.length - MAX_NAMED} more` : '';
  return all.slice(0, MAX_NAMED).join('; ') + more;
}
