import type { RowWhy } from './desired-rows.js';
import type { RowChange } from './diff-rows.js';
import type { DispatcherRow } from './dispatcher-row.js';
import type { GuardRule } from './node.js';
import { isSelectable, rowKey } from './dispatcher-row.js';
import type { BudgetLimits, Circumstances, Spent } from './guard-budget.js';
import { budgetLeft, splitByBudget, stopReason } from './guard-budget.js';

/**
 * A set whose changes a guard holds back, with the suspected cause. Rules: never-empty = the set would lose
 * its last row (or the last that can take calls); budget = too many losses in too short a time; stop =
 * something wider than the nodes is suspected.
 */
export interface HeldSet {
  readonly setid: number;
  readonly rule: GuardRule;
  readonly why: string;
  /** Wall clock in ms when the holding began. */
  readonly sinceMs: number;
  /** None: the set's rows are lost (lost-sets.ts). */
  readonly destinations: readonly string[];
}

export interface GuardInput {
  /** All rows of the table by rowKey, those of others too: they keep a set alive as well. */
  readonly actual: ReadonlyMap<string, DispatcherRow>;
  readonly changes: readonly RowChange[];
  /** Why a row changes or goes, by rowKey; a row that is missing here goes unexplained. */
  readonly reasons: ReadonlyMap<string, RowWhy>;
  /** Since when each set is held, from the pass before. */
  readonly heldSince: ReadonlyMap<number, number>;
  /** Wall clock in ms. */
  readonly nowMs: number;
  readonly now: Circumstances;
  readonly spent: Spent;
  readonly limits: BudgetLimits;
  /** By rowKey: rows that no Kamailio holds; absent = none. No call is lost with them, whatever is suspected. */
  readonly unused?: ReadonlySet<string> | undefined;
  /** Sets for which an operator said that the guards are wrong. */
  readonly overridden: ReadonlySet<number>;
}

export interface Guarded {
  readonly changes: readonly RowChange[];
  readonly held: readonly HeldSet[];
  /** Sets that end without any row, each removal explained: the store may let them become empty. */
  readonly mayEmpty: readonly number[];
  /** Unexplained losses that pass, by setid: they count against the budget of the set. */
  readonly taken: ReadonlyMap<number, number>;
  /** Sets in which an operator's word let through what would have been held. */
  readonly released: readonly number[];
}

/** What an operator or the node's own agent said. Everything else is a guess and never empties a set. */
const EXPLAINED: ReadonlySet<RowWhy> = new Set(['down', 'draining', 'goodbye', 'intent']);

/** Somebody's doing, although nobody said so of the node: no sign of a fault, but no reason to empty a set. */
const PLANNED: ReadonlySet<RowWhy> = new Set(['moved', 'unwired']);

/**
 * Holds back what would take rows away that nobody explained: everything while something wider than the
 * nodes is suspected, else what exceeds the set's budget; and of what is left whatever would leave a set
 * that Kamailio could choose from without a row to choose, or a set that had rows without any.
 *
 * The explained losses pass: the held rows keep the set alive, and a node that says of itself that it is
 * down must get no call. Pure.
 */
export function guardPlan(input: GuardInput): Guarded {
  const { changes, now, limits } = input;
  if (!changes.some((change) => takesAway(change, true))) {
    return { changes, held: [], mayEmpty: [], taken: new Map(), released: [] };
  }
  const stop = stopReason(now, limits);
  const wide = new Hold(input);
  for (const [setid, losses] of unexplainedLosses(input)) {
    if (stop !== null) wide.add(setid, 'stop', stop, losses);
    else holdExcess(input, wide, setid, losses);
  }
  const rest = wide.passing(changes);
  const last = new Hold(input);
  const mayEmpty = holdLast({ ...input, changes: rest }, last);
  const passing = last.passing(rest);
  const taken = new Map<number, number>();
  for (const [setid, losses] of unexplainedLosses({ ...input, changes: passing })) {
    taken.set(setid, losses.length);
  }
  const held = [...wide.sets, ...last.sets].sort((x, y) => x.setid - y.setid);
  const released = [...new Set([...wide.released, ...last.released])].sort((x, y) => x - y);
  return { changes: passing, held, mayEmpty, taken, released };
}

/** What is held back of a plan by one kind of guard. */
class Hold {
  readonly sets: HeldSet[] = [];
  /** Sets that would have been held, had no operator said otherwise. */
  readonly released = new Set<number>();
  readonly #keys = new Set<string>();
  readonly #input: GuardInput;

  constructor(input: GuardInput) {
    this.#input = input;
  }

  add(setid: number, rule: GuardRule, why: string, changes: readonly RowChange[]): void {
    const { heldSince, nowMs, overridden } = this.#input;
    if (overridden.has(setid)) {
      this.released.add(setid);
      return;
    }
    for (const change of changes) this.#keys.add(rowKey(change.row));
    const destinations = changes.map((change) => change.row.destination);
    this.sets.push({ setid, rule, why, sinceMs: heldSince.get(setid) ?? nowMs, destinations });
  }

  passing(changes: readonly RowChange[]): readonly RowChange[] {
    return changes.filter((change) => !this.#keys.has(rowKey(change.row)));
  }
}

function holdExcess(
  input: GuardInput,
  hold: Hold,
  setid: number,
  losses: readonly RowChange[],
): void {
  const rows = countSets(input.actual.values()).get(setid)?.rows ?? 0;
  const spent = input.spent.get(setid) ?? [];
  const left = budgetLeft(rows, spent, input.nowMs, input.limits);
  const { excess } = splitByBudget(losses, left);
  if (excess.length === 0) return;
  const window = Math.round(input.limits.windowMs / 1_000);
  const why = `set ${setid} would lose ${losses.length} of ${rows} rows without anybody's word, ${left} more may go within ${window} s`;
  hold.add(setid, 'budget', why, excess);
}

/** The never-empty guard. Gives the sets that end without any row, each removal explained. */
function holdLast(input: GuardInput, hold: Hold): number[] {
  const before = countSets(input.actual.values());
  const after = new Map([...before].map(([setid, count]) => [setid, { ...count }] as const));
  for (const change of input.changes) countChange(after, change);
  const mayEmpty: number[] = [];
  for (const [setid, was] of [...before].sort(([a], [b]) => a - b)) {
    const now = after.get(setid) ?? { rows: 0, selectable: 0 };
    const losesLast = was.rows > 0 && now.rows === 0;
    const losesChoice = was.selectable > 0 && now.selectable === 0;
    if (!losesLast && !losesChoice) continue;
    const unexplained = input.changes.filter(
      (c) => c.row.setid === setid && takesAway(c, losesLast) && !isExplained(input, c),
    );
    if (unexplained.length > 0) {
      hold.add(setid, 'never-empty', lossOf(input, setid, unexplained, losesLast), unexplained);
    }
    if (losesLast && (unexplained.length === 0 || input.overridden.has(setid))) {
      mayEmpty.push(setid);
    }
  }
  return mayEmpty;
}

/** Rows in use that go or can no longer be chosen, and nobody said so; by setid. */
function unexplainedLosses(input: GuardInput): ReadonlyMap<number, readonly RowChange[]> {
  const bySet = new Map<number, RowChange[]>();
  for (const change of input.changes) {
    if (!takesAway(change, true) || isExplained(input, change)) continue;
    const key = rowKey(change.row);
    if (PLANNED.has(input.reasons.get(key) ?? 'silent') || input.unused?.has(key) === true)
      continue;
    const losses = bySet.get(change.row.setid);
    if (losses === undefined) bySet.set(change.row.setid, [change]);
    else losses.push(change);
  }
  return bySet;
}

interface Count {
  rows: number;
  selectable: number;
}

function countSets(rows: Iterable<DispatcherRow>): Map<number, Count> {
  const counts = new Map<number, Count>();
  for (const row of rows) add(counts, row, 1);
  return counts;
}

function countChange(counts: Map<number, Count>, change: RowChange): void {
  switch (change.kind) {
    case 'insert':
      add(counts, change.row, 1);
      break;
    case 'update':
      add(counts, change.before, -1);
      add(counts, change.row, 1);
      break;
    case 'delete':
      add(counts, change.row, -1);
      break;
  }
}

function add(counts: Map<number, Count>, row: DispatcherRow, by: number): void {
  let count = counts.get(row.setid);
  if (count === undefined) {
    count = { rows: 0, selectable: 0 };
    counts.set(row.setid, count);
  }
  count.rows += by;
  if (isSelectable(row.flags)) count.selectable += by;
}

/** True for a change that takes a row to choose, or with `anyRow` any row, out of its set. */
function takesAway(change: RowChange, anyRow: boolean): boolean {
  switch (change.kind) {
    case 'insert':
      return false;
    case 'update':
      return isSelectable(change.before.flags) && !isSelectable(change.row.flags);
    case 'delete':
      return anyRow || isSelectable(change.row.flags);
  }
}

function isExplained(input: GuardInput, change: RowChange): boolean {
  const why = input.reasons.get(rowKey(change.row));
  return why !== undefined && EXPLAINED.has(why);
}

function lossOf(
  input: GuardInput,
  setid: number,
  unexplained: readonly RowChange[],
  losesLast: boolean,
): string {
  const reasons = [
    ...new Set(unexplained.map((c) => input.reasons.get(rowKey(c.row)) ?? 'unknown')),
  ].sort();
  const loss = losesLast ? 'its last row' : 'its last row that can take calls';
  return `set ${setid} would lose ${loss} and no owner or operator said so (${reasons.join(', ')})`;
}
