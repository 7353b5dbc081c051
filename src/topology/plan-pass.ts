import type { Asking } from './admission.js';
import type { AddressConflict, Derived, DeriveInput, DesiredRow, RowWhy } from './desired-rows.js';
import { deriveRows, tableByKey } from './desired-rows.js';
import type { RowChange } from './diff-rows.js';
import { diffKeyed } from './diff-rows.js';
import type { DispatcherRow } from './dispatcher-row.js';
import { isSelectable, rowKey } from './dispatcher-row.js';
import type { HeldSet } from './guard.js';
import { guardPlan } from './guard.js';
import type { BudgetLimits, Spent } from './guard-budget.js';
import type { LostSets } from './lost-sets.js';
import type { NodeChange } from './node-changes.js';
import { listNodeChanges } from './node-changes.js';
import type { OverrideRecord } from './node.js';
import type { RefusedRow } from './row-validation.js';
import { faultOfRow } from './row-validation.js';
import { setHash } from './set-hash.js';
import { deferDrift } from './weights.js';

export interface PassInput extends DeriveInput {
  /** Since when each set is held, from the pass before. */
  readonly heldSince: ReadonlyMap<number, number>;
  /** Unexplained losses of the sets so far (guard-budget.ts). */
  readonly spent: Spent;
  /** How long the registry's view has been fresh without a break, in ms. */
  readonly freshForMs: number;
  readonly budget: BudgetLimits;
  /** By rowKey: rows that no Kamailio holds, for a table that PostgreSQL took back in time; absent = none. */
  readonly unused?: ReadonlySet<string>;
  /** Absent = none. */
  readonly lost?: LostSets;
  /** Operators' words against the guards, by setid. */
  readonly overrides: ReadonlyMap<number, OverrideRecord>;
  readonly known: ReadonlySet<string>;
  readonly passId: string;
}

/** Everything that one pass wants to do and what it has to report. */
export interface PassPlan {
  readonly changes: readonly RowChange[];
  readonly audit: readonly NodeChange[];
  readonly mayEmpty: readonly number[];
  /** Lost sets that are told as the table has them from now on, by an operator's word (lost-sets.ts). */
  readonly letGo: readonly number[];
  readonly held: readonly HeldSet[];
  /** Unexplained losses that this plan makes, by setid. */
  readonly taken: ReadonlyMap<number, number>;
  /** Operators' words that let something through: used up when the plan is committed. */
  readonly released: readonly OverrideRecord[];
  readonly refused: readonly RefusedRow[];
  readonly conflicts: readonly AddressConflict[];
  /** Rows of others where a node of ours should stand. */
  readonly foreign: readonly DesiredRow[];
  readonly silent: readonly string[];
  /** Nodes that the witness is to ask before they are listed as active, by nodeId. */
  readonly asking: ReadonlyMap<string, Asking>;
  /** Wall clock in ms at which the first slow start is over; null = there is none. */
  readonly rampEndsMs: number | null;
}

/** True when the plan has anything to commit. Pure. */
export function hasNews({ changes, audit, letGo }: PassPlan): boolean {
  return changes.length + audit.length + letGo.length > 0;
}

/** Derives, validates, compares and guards: from what is known to a plan as data. Pure. */
export function planPass(input: PassInput): PassPlan {
  const actual = tableByKey(input.previous);
  const derived = deriveRows({ ...input, previous: actual });
  const refused = [...doubledRows(input.previous, actual), ...derived.refused];
  const overridden = validOverrides(input.overrides, input.nowMs);
  const diff = deferDrift(diffDerived(derived, actual, refused));
  const changes = withoutLost(diff, input, overridden);
  const reasons = new Map<string, RowWhy>();
  const owners = new Map<string, DesiredRow>();
  for (const change of changes) {
    const key = rowKey(change.row);
    const owner = derived.desired.get(key) ?? derived.dropped.get(key);
    if (owner === undefined) continue;
    reasons.set(key, owner.why);
    owners.set(key, owner);
  }
  const { heldSince, nowMs, spent, freshForMs, budget: limits, unused } = input;
  const silent = derived.silent.size;
  const now = { nodes: input.nodes.size + silent, silent, freshForMs };
  const guards = { now, spent, limits, unused, overridden };
  const guarded = guardPlan({ actual, changes, reasons, heldSince, nowMs, ...guards });
  const audit = listNodeChanges({
    ...input,
    silent: derived.silent,
    asking: derived.asking,
    changes: guarded.changes,
    reasons: owners,
  });
  return {
    changes: guarded.changes,
    audit,
    mayEmpty: guarded.mayEmpty,
    letGo: [],
    held: guarded.held,
    taken: guarded.taken,
    released: guarded.released.flatMap((setid) => input.overrides.get(setid) ?? []),
    refused,
    conflicts: sorted(derived.conflicts),
    foreign: sorted(derived.foreign),
    silent: [...derived.silent].sort(),
    asking: derived.asking,
    rampEndsMs: derived.rampEndsMs,
  };
}

/** The sets for which an operator's word counts now. Pure. */
export function validOverrides(
  overrides: ReadonlyMap<number, OverrideRecord>,
  nowMs: number,
): ReadonlySet<number> {
  const valid = [...overrides].filter(
    ([, { since, until }]) => since <= nowMs + CLOCKS_APART_MS && nowMs < until,
  );
  return new Set(valid.map(([setid]) => setid));
}

/** Operators' and reconcilers' clocks may differ; a word from further in the future is somebody's mistake. */
const CLOCKS_APART_MS = 60_000;

/** Hash per set (decimal) of the rows given, for the sets named or for all. Nobody loads a set below 0, which only a hand can write. */
export function hashSets(
  rows: Iterable<DispatcherRow>,
  only?: ReadonlySet<number>,
): Record<string, string> {
  const sets = new Map<number, DispatcherRow[]>();
  for (const row of rows) {
    if (row.setid < 0 || only?.has(row.setid) === false) continue;
    const members = sets.get(row.setid);
    if (members === undefined) sets.set(row.setid, [row]);
    else members.push(row);
  }
  const entries = [...sets].map(([setid, members]) => [String(setid), setHash(members)] as const);
  return Object.fromEntries(entries);
}

/** A table without our unique index may hold a destination twice: the first counts, the other is reported. */
function doubledRows(
  rows: DeriveInput['previous'],
  actual: ReadonlyMap<string, DispatcherRow>,
): RefusedRow[] {
  const refused: RefusedRow[] = [];
  if (rows === actual) return refused;
  for (const row of rows.values()) {
    if (actual.get(rowKey(row)) !== row) {
      refused.push({ row, why: 'the table lists this destination twice' });
    }
  }
  return refused;
}

/**
 * The changes from the table to what was derived. A row that may not be written is refused, and what
 * stands in its place stays. Rows that are the same object on both sides are not looked at again.
 */
function diffDerived(
  derived: Derived,
  actual: ReadonlyMap<string, DispatcherRow>,
  refused: RefusedRow[],
): RowChange[] {
  const have = new Map<string, DispatcherRow>();
  const want = new Map<string, DispatcherRow>();
  for (const [key, { row }] of derived.desired) {
    const current = actual.get(key);
    if (current === row) continue;
    const why = faultOfRow(row);
    if (why !== null) {
      refused.push({ row, why });
      continue;
    }
    want.set(key, row);
    if (current !== undefined) have.set(key, current);
  }
  for (const [key, { row }] of derived.dropped) have.set(key, row);
  refused.sort((a, b) => (rowKey(a.row) < rowKey(b.row) ? -1 : 1));
  return diffKeyed(have, want);
}

/** Nothing comes into a lost set, unless one of it can take calls. */
function withoutLost(
  changes: readonly RowChange[],
  { lost = {} }: PassInput,
  overridden: ReadonlySet<number>,
): readonly RowChange[] {
  if (Object.keys(lost).length === 0) return changes;
  const filled = changes.filter(({ row }) => isSelectable(row.flags)).map(({ row }) => row.setid);
  const open = new Set([...filled, ...overridden]);
  return changes.filter(({ row: { setid } }) => !(setid in lost) || open.has(setid));
}

function sorted<T>(found: ReadonlyMap<string, T>): T[] {
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}
