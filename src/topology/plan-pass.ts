import type { AddressConflict, DeriveInput, DesiredRow, RowWhy } from './desired-rows.js';
import { deriveRows } from './desired-rows.js';
import type { RowChange } from './diff-rows.js';
import { diffKeyed } from './diff-rows.js';
import type { DispatcherRow } from './dispatcher-row.js';
import { isOurs, rowKey } from './dispatcher-row.js';
import type { HeldSet } from './guard.js';
import { guardPlan } from './guard.js';
import type { NodeChange } from './node-changes.js';
import { listNodeChanges } from './node-changes.js';
import type { RefusedRow } from './row-validation.js';
import { faultOfRow } from './row-validation.js';
import { setHash } from './set-hash.js';

export interface PassInput extends DeriveInput {
  /** Since when each set is held, from the pass before. */
  readonly heldSince: ReadonlyMap<number, number>;
  readonly known: ReadonlySet<string>;
  readonly passId: string;
}

/** Everything that one pass wants to do and what it has to report. */
export interface PassPlan {
  readonly changes: readonly RowChange[];
  readonly audit: readonly NodeChange[];
  readonly mayEmpty: readonly number[];
  readonly held: readonly HeldSet[];
  readonly refused: readonly RefusedRow[];
  readonly conflicts: readonly AddressConflict[];
  /** Rows of others where a node of ours should stand. */
  readonly foreign: readonly DesiredRow[];
  readonly silent: readonly string[];
}

/** Derives, validates, compares and guards: from what is known to a plan as data. Pure. */
export function planPass(input: PassInput): PassPlan {
  const derived = deriveRows(input);
  const { actual, ours, refused } = indexActual(input.previous);
  const wanted = validate(derived.desired, ours, refused);
  const reasons = new Map<string, RowWhy>();
  const owners = new Map<string, DesiredRow>();
  const changes = diffKeyed(ours, wanted);
  for (const change of changes) {
    const key = rowKey(change.row);
    const owner = derived.desired.get(key) ?? derived.dropped.get(key);
    if (owner === undefined) continue;
    reasons.set(key, owner.why);
    owners.set(key, owner);
  }
  const { heldSince, nowMs } = input;
  const guarded = guardPlan({ actual, changes, reasons, heldSince, nowMs });
  const audit = listNodeChanges({
    ...input,
    silent: derived.silent,
    changes: guarded.changes,
    reasons: owners,
  });
  return {
    changes: guarded.changes,
    audit,
    mayEmpty: guarded.mayEmpty,
    held: guarded.held,
    refused,
    conflicts: sorted(derived.conflicts),
    foreign: sorted(derived.foreign),
    silent: [...derived.silent].sort(),
  };
}

/** Hash per set (decimal) of the rows given, for the sets named or for all. */
export function hashSets(
  rows: Iterable<DispatcherRow>,
  only?: ReadonlySet<number>,
): Record<string, string> {
  const sets = new Map<number, DispatcherRow[]>();
  for (const row of rows) {
    if (only !== undefined && !only.has(row.setid)) continue;
    const members = sets.get(row.setid);
    if (members === undefined) sets.set(row.setid, [row]);
    else members.push(row);
  }
  const entries = [...sets].map(([setid, members]) => [String(setid), setHash(members)] as const);
  return Object.fromEntries(entries);
}

interface Indexed {
  readonly actual: ReadonlyMap<string, DispatcherRow>;
  readonly ours: ReadonlyMap<string, DispatcherRow>;
  readonly refused: RefusedRow[];
}

/** A table without our unique index may hold a destination twice: the first counts, the other is reported. */
function indexActual(rows: readonly DispatcherRow[]): Indexed {
  const actual = new Map<string, DispatcherRow>();
  const ours = new Map<string, DispatcherRow>();
  const refused: RefusedRow[] = [];
  for (const row of rows) {
    const key = rowKey(row);
    if (actual.has(key)) {
      refused.push({ row, why: 'the table lists this destination twice' });
      continue;
    }
    actual.set(key, row);
    if (isOurs(row)) ours.set(key, row);
  }
  return { actual, ours, refused };
}

/** A row that may not be written leaves what stands in its place as it is. */
function validate(
  desired: ReadonlyMap<string, DesiredRow>,
  ours: ReadonlyMap<string, DispatcherRow>,
  refused: RefusedRow[],
): Map<string, DispatcherRow> {
  const wanted = new Map<string, DispatcherRow>();
  for (const [key, { row }] of desired) {
    const current = ours.get(key);
    const why = current === row ? null : faultOfRow(row);
    if (why === null) {
      wanted.set(key, row);
      continue;
    }
    refused.push({ row, why });
    if (current !== undefined) wanted.set(key, current);
  }
  refused.sort((a, b) => (rowKey(a.row) < rowKey(b.row) ? -1 : 1));
  return wanted;
}

function sorted<T>(found: ReadonlyMap<string, T>): T[] {
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}
