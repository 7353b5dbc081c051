import type { RowWhy } from './desired-rows.js';
import type { RowChange } from './diff-rows.js';
import type { DispatcherRow } from './dispatcher-row.js';
import { isSelectable, rowKey } from './dispatcher-row.js';

/** A set whose changes a guard holds back, with the suspected cause. */
export interface HeldSet {
  readonly setid: number;
  readonly why: string;
  /** Wall clock in ms when the holding began. */
  readonly sinceMs: number;
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
}

export interface Guarded {
  readonly changes: readonly RowChange[];
  readonly held: readonly HeldSet[];
  /** Sets that end without any row, each removal explained: the store may let them become empty. */
  readonly mayEmpty: readonly number[];
}

/** What an operator or the node's own agent said. Everything else is a guess and never empties a set. */
const EXPLAINED: ReadonlySet<RowWhy> = new Set(['down', 'draining', 'goodbye', 'intent']);

/**
 * The never-empty guard: a set that Kamailio could choose from keeps a row to choose, and a set that
 * had rows keeps one, unless every row that goes was explained by its owner or an operator.
 *
 * Only the unexplained removals and disablings of such a set are held. The explained ones pass: the
 * held rows keep the set alive, and a node that says of itself that it is down must get no call.
 * Pure.
 */
export function guardPlan(input: GuardInput): Guarded {
  if (!input.changes.some((change) => takesAway(change, true))) {
    return { changes: input.changes, held: [], mayEmpty: [] };
  }
  const before = countSets(input.actual.values());
  const after = new Map([...before].map(([setid, count]) => [setid, { ...count }] as const));
  for (const change of input.changes) countChange(after, change);
  const held: HeldSet[] = [];
  const mayEmpty: number[] = [];
  const heldKeys = new Set<string>();
  for (const [setid, was] of [...before].sort(([a], [b]) => a - b)) {
    const now = after.get(setid) ?? { rows: 0, selectable: 0 };
    const losesLast = was.rows > 0 && now.rows === 0;
    const losesChoice = was.selectable > 0 && now.selectable === 0;
    if (!losesLast && !losesChoice) continue;
    const unexplained = input.changes.filter(
      (c) => c.row.setid === setid && takesAway(c, losesLast) && !isExplained(input, c),
    );
    if (unexplained.length === 0) {
      if (losesLast) mayEmpty.push(setid);
      continue;
    }
    for (const change of unexplained) heldKeys.add(rowKey(change.row));
    held.push(describeHold(input, setid, unexplained, losesLast));
  }
  const changes = input.changes.filter((c) => !heldKeys.has(rowKey(c.row)));
  return { changes, held, mayEmpty };
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

function describeHold(
  input: GuardInput,
  setid: number,
  unexplained: readonly RowChange[],
  losesLast: boolean,
): HeldSet {
  const reasons = [
    ...new Set(unexplained.map((c) => input.reasons.get(rowKey(c.row)) ?? 'unknown')),
  ].sort();
  const loss = losesLast ? 'its last row' : 'its last row that can take calls';
  return {
    setid,
    why: `set ${setid} would lose ${loss} and no owner or operator said so (${reasons.join(', ')})`,
    sinceMs: input.heldSince.get(setid) ?? input.nowMs,
    destinations: unexplained.map((c) => c.row.destination),
  };
}
