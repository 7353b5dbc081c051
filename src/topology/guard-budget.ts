import type { RowChange } from './diff-rows.js';
import { rowKey } from './dispatcher-row.js';

/** How much may be taken out of use without anybody's word. */
export interface BudgetLimits {
  /** Of the rows of a set, in a window; at least one. */
  readonly share: number;
  readonly windowMs: number;
  /** With more than this share of the nodes silent at once nothing unexplained happens at all. */
  readonly stopShare: number;
  /** Nor for so long after the registry's view was broken: whoever vanished meanwhile vanished with it. */
  readonly calmMs: number;
}

export const DEFAULT_BUDGET_LIMITS: BudgetLimits = {
  share: 0.25,
  windowMs: 60_000,
  stopShare: 0.55,
  calmMs: 30_000,
};

/** Time in ms, of the clock of whoever judges, of each unexplained loss of a set within the window, oldest first; by setid. */
export type Spent = ReadonlyMap<number, readonly number[]>;

/** Unexplained losses of a set that were made at one time. */
export interface Loss {
  readonly setid: number;
  readonly count: number;
  readonly ageMs: number;
}

/** What was lost within the window, on a clock that shows `nowMs`. Pure. */
export function spentOf(losses: readonly Loss[], nowMs: number): Spent {
  const spent = new Map<number, number[]>();
  for (const { setid, count, ageMs } of [...losses].sort((a, b) => b.ageMs - a.ageMs)) {
    const times = spent.get(setid) ?? [];
    times.push(...Array.from({ length: count }, () => nowMs - ageMs));
    spent.set(setid, times);
  }
  return spent;
}

/** What is known of the whole data centre when a plan is judged. */
export interface Circumstances {
  /** Nodes that stand in the table or in the registry. */
  readonly nodes: number;
  /** Of them, those whose znode vanished without a goodbye. */
  readonly silent: number;
  /** How long the registry's view has been fresh without a break, in ms. */
  readonly freshForMs: number;
}

/** Why no unexplained change may happen anywhere now, with the suspected cause; null = nothing speaks against it. Pure. */
export function stopReason(now: Circumstances, limits: BudgetLimits): string | null {
  const { nodes, silent, freshForMs } = now;
  // One of one or two nodes is no sign of a wider fault.
  if (silent > 1 && silent > nodes * limits.stopShare) {
    return `${silent} of ${nodes} nodes are silent at once: suspected is ZooKeeper or the network, not the nodes`;
  }
  if (freshForMs < limits.calmMs) {
    const seconds = Math.round(limits.calmMs / 1_000);
    return `the view of the registry is whole for less than ${seconds} s: suspected is our own connection`;
  }
  return null;
}

/** How many more unexplained losses a set of so many rows may have now. Pure. */
export function budgetLeft(
  rows: number,
  spent: readonly number[],
  nowMs: number,
  limits: BudgetLimits,
): number {
  const recent = spent.filter((at) => nowMs - at < limits.windowMs).length;
  return Math.max(0, Math.max(1, Math.floor(rows * limits.share)) - recent);
}

/** The losses that fit into the budget come first; by key, so that equal inputs give equal plans. Pure. */
export function splitByBudget(
  losses: readonly RowChange[],
  left: number,
): { readonly passing: readonly RowChange[]; readonly excess: readonly RowChange[] } {
  const sorted = [...losses].sort((a, b) => (rowKey(a.row) < rowKey(b.row) ? -1 : 1));
  return { passing: sorted.slice(0, left), excess: sorted.slice(left) };
}

/** The losses of a pass added to those before; what is older than the window is forgotten. Pure. */
export function noteSpent(
  spent: Spent,
  taken: ReadonlyMap<number, number>,
  nowMs: number,
  limits: BudgetLimits,
): Spent {
  const next = new Map<number, readonly number[]>();
  for (const setid of new Set([...spent.keys(), ...taken.keys()])) {
    const recent = (spent.get(setid) ?? []).filter((at) => nowMs - at < limits.windowMs);
    const added = Array.from({ length: taken.get(setid) ?? 0 }, () => nowMs);
    if (recent.length + added.length > 0) next.set(setid, [...recent, ...added]);
  }
  return next;
}

/** The same losses on a clock that is ahead by so much. Pure. */
export function shiftSpent(spent: Spent, byMs: number): Spent {
  return new Map([...spent].map(([setid, times]) => [setid, times.map((at) => at + byMs)]));
}
