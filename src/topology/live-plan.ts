import type { DispatcherRow } from './dispatcher-row.js';
import type { LiveDestination } from './live-destination.js';
import type { HoldsInput } from './live-holds.js';
import { findLiveHolds } from './live-holds.js';
import { agree, groupByKey, isDisabled, lettersOf, liveKey } from './live-letters.js';

/** One RPC `dispatcher.set_state`. */
export interface StateChange {
  readonly setid: number;
  /** As the running Kamailio prints it: set_state compares text. */
  readonly destination: string;
  /** `a`, `i`, `t` or `d`, with `p` behind it when Kamailio probes it. */
  readonly state: string;
}

/** `changed`: other priority, attributes or number of entries. Only `state` is healed without a reload. */
export const DIFFERENCE_KINDS = ['missing', 'extra', 'changed', 'state'] as const;

/** One destination that is not in the live list as it is in the table. */
export interface Difference {
  readonly kind: (typeof DIFFERENCE_KINDS)[number];
  /** See liveKey. */
  readonly key: string;
  /** For people. */
  readonly text: string;
}

/** How to bring one Kamailio's live list to the table. */
export interface LivePlan {
  /** To be applied now, before any reload. */
  readonly setStates: readonly StateChange[];
  /** Membership, priority or attributes differ: only a reload helps. */
  readonly needsReload: boolean;
  /** What a reload is for, one stable text per destination. */
  readonly reasons: readonly string[];
  /** To be applied right after a reload, which sets every destination back to its row's flags. */
  readonly carryOver: readonly StateChange[];
  /** The sets that the table would empty without the generation record saying so: left as they are. */
  readonly heldSets: readonly number[];
  readonly differences: readonly Difference[];
  /** One line on what differs, null when nothing does. */
  readonly drift: string | null;
}

export interface LivePlanInput extends Omit<HoldsInput, 'rows' | 'live'> {
  /** The sets that this Kamailio consumes; others are not touched, nor do they cause a reload. */
  readonly setids: readonly number[];
  readonly rows: readonly DispatcherRow[];
  readonly live: readonly LiveDestination[];
  /**
   * The rows that this Kamailio was last brought to, null when unknown. A row whose flags changed since
   * is a fresh word and overrides what Kamailio's own probing says; an unchanged one does not.
   */
  readonly previous: readonly DispatcherRow[] | null;
  /** A `carryOver` that nobody knows to have been applied: the reload's answer was lost. */
  readonly owed?: readonly StateChange[];
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
 * live destinations and no row that can be loaded is left alone, and nothing is reloaded, unless `mayBeEmpty` agrees (for one more
 * case see live-holds.ts). What then has no row stays in use where nothing else of its set is: what should follow it cannot be
 * loaded. Of a destination that stands several times set_state reaches the first entry only.
 *
 * Pure. Equal inputs give equal plans.
 */
export function planLive(input: LivePlanInput): LivePlan {
  const consumed = new Set(input.setids);
  const rows = groupByKey(input.rows.filter((row) => consumed.has(row.setid)));
  const live = groupByKey(input.live.filter((dest) => consumed.has(dest.setid)));
  const { heldSets, isBlocked, spared } = findLiveHolds({ ...input, rows, live });
  const draft: Draft = {
    previous: input.previous === null ? null : groupByKey(input.previous),
    owed: new Map((input.owed ?? []).map((c) => [liveKey(c), c.state.slice(0, 1).toUpperCase()])),
    setStates: [],
    carryOver: [],
    differences: [],
    reasons: [],
  };
  for (const [key, group] of rows) compare(draft, key, group, live.get(key));
  for (const [key, [dest]] of live) {
    if (rows.has(key)) continue;
    differ(draft, 'extra', key, `${dest.destination} has no row in set ${dest.setid}`);
    if (heldSets.includes(dest.setid)) continue;
    draft.reasons.push(`extra ${key}`);
    if (!isDisabled(dest) && !spared.has(dest.setid)) draft.setStates.push(change(dest, 'DX'));
  }
  const { setStates, carryOver, differences, reasons } = draft;
  const needsReload = reasons.length > 0 && !isBlocked;
  const drift = describeDrift(differences, heldSets);
  return { setStates, needsReload, reasons, carryOver, heldSets, differences, drift };
}

interface Draft {
  readonly previous: ReadonlyMap<string, readonly DispatcherRow[]> | null;
  /** By key: the first letter. */
  readonly owed: ReadonlyMap<string, string>;
  readonly setStates: StateChange[];
  readonly carryOver: StateChange[];
  readonly differences: Difference[];
  readonly reasons: string[];
}

function differ(draft: Draft, kind: Difference['kind'], key: string, text: string): void {
  draft.differences.push({ kind, key, text });
}

function compare(
  draft: Draft,
  key: string,
  rows: readonly [DispatcherRow, ...DispatcherRow[]],
  dests: readonly [LiveDestination, ...LiveDestination[]] | undefined,
): void {
  const [row] = rows;
  const reason = (): string =>
    [key, ...rows.map((r) => `${r.priority} ${r.attrs}`).sort()].join('|');
  if (dests === undefined) {
    draft.reasons.push(`missing ${reason()}`);
    differ(draft, 'missing', key, `${row.destination} is missing in set ${row.setid}`);
    return;
  }
  if (!isSame(rows.map(dataOf), dests.map(dataOf))) {
    draft.reasons.push(`changed ${reason()}`);
    const what =
      rows.length === dests.length ? 'another priority or attrs' : 'more or fewer entries';
    differ(draft, 'changed', key, `${row.destination} has ${what} in set ${row.setid}`);
  }
  if (rows.length === 1 && dests.length === 1) compareState(draft, key, row, dests[0]);
  else compareDoubled(draft, key, rows, dests);
}

function compareState(draft: Draft, key: string, row: DispatcherRow, dest: LiveDestination): void {
  const wanted = wantedLetters(draft, key, row, dest);
  if (!agree(wanted, dest.letters)) {
    draft.setStates.push(change(dest, wanted));
    const text = `${row.destination} is ${dest.letters}, not ${wanted}, in set ${row.setid}`;
    differ(draft, 'state', key, text);
  }
  carry(draft, key, row, dest);
}

/** What Kamailio found by itself, and what a reload would make undone. */
function carry(draft: Draft, key: string, row: DispatcherRow, dest: LiveDestination): void {
  const wanted = wantedLetters(draft, key, row, dest);
  if (!agree(lettersOf(row.flags), wanted)) draft.carryOver.push(change(dest, wanted));
}

/** Which entry is whose cannot be told, so only how many are disabled counts. */
function compareDoubled(
  draft: Draft,
  key: string,
  rows: readonly [DispatcherRow, ...DispatcherRow[]],
  dests: readonly [LiveDestination, ...LiveDestination[]],
): void {
  const loaded = rows.map((row) => ({ ...row, letters: lettersOf(row.flags) }));
  const stateOf = (d: DataOf & { letters: string }): string => `${dataOf(d)} ${isDisabled(d)}`;
  if (isSame(loaded.map(stateOf), dests.map(stateOf))) return;
  const [first] = dests;
  if (rows.length === 1) carry(draft, key, rows[0], first); // The others leave with the reload.
  const missing = loaded.filter(isDisabled).length - dests.filter(isDisabled).length;
  differ(draft, 'state', key, `${first.destination} is disabled otherwise in set ${first.setid}`);
  if (missing > 0 && !isDisabled(first)) draft.setStates.push(change(first, 'DX'));
  else if (missing < 0 && isDisabled(first)) draft.setStates.push(change(first, 'AP'));
  else draft.reasons.push(`state ${key}|${loaded.map(stateOf).sort().join('|')}`);
}

type DataOf = Pick<DispatcherRow, 'priority' | 'attrs'>;

function dataOf({ priority, attrs }: DataOf): string {
  return `${priority} ${attrs}`;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  if (a.length === 1) return a[0] === b[0];
  const sorted = [...b].sort();
  return [...a].sort().every((text, i) => text === sorted[i]);
}

function wantedLetters(
  draft: Draft,
  key: string,
  row: DispatcherRow,
  dest: LiveDestination,
): string {
  const fromRow = lettersOf(row.flags);
  const before = draft.previous?.get(key)?.[0];
  const isFresh = before !== undefined && before.flags !== row.flags;
  if (isFresh || fromRow.startsWith('D') || isDisabled(dest)) return fromRow;
  const found = draft.owed.get(key) ?? dest.letters.slice(0, 1);
  return found + (fromRow.endsWith('P') || dest.letters.endsWith('P') ? 'P' : 'X');
}

function change(dest: LiveDestination, letters: string): StateChange {
  const state = letters.slice(0, 1).toLowerCase() + (letters.endsWith('P') ? 'p' : '');
  return { setid: dest.setid, destination: dest.destination, state };
}

const MAX_NAMED = 3;

function describeDrift(
  differences: readonly Difference[],
  heldSets: readonly number[],
): string | null {
  const held = heldSets.map((setid) => `set ${setid} kept although the table has no row for it`);
  const all = [...held, ...differences.map(({ text }) => text)];
  if (all.length === 0) return null;
  const more = all.length > MAX_NAMED ? ` and ${all.length - MAX_NAMED} more` : '';
  return all.slice(0, MAX_NAMED).join('; ') + more;
}
