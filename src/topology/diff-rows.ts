import type { DispatcherRow } from './dispatcher-row.js';
import { rowKey } from './dispatcher-row.js';

/** One change of the table; `before` and `row` are what it had and what it shall have. */
export type RowChange =
  | { readonly kind: 'insert'; readonly row: DispatcherRow }
  | { readonly kind: 'update'; readonly row: DispatcherRow; readonly before: DispatcherRow }
  | { readonly kind: 'delete'; readonly row: DispatcherRow };

/**
 * Lists the changes that turn the actual rows into the desired ones.
 *
 * (setid, destination) identifies a row; the other columns are data. Inserts come first and deletes
 * last, so that an executor which stops half-way leaves a set too large, never empty. Within a kind
 * the order is by key: equal inputs give equal plans, and plans can be compared in tests and logs.
 *
 * Pure. Empty when both sides agree. Throws RangeError when one side holds a key twice: that is a
 * bug of the caller, not a state of the world.
 */
export function diffRows(
  actual: readonly DispatcherRow[],
  desired: readonly DispatcherRow[],
): RowChange[] {
  return diffKeyed(byKey(actual), byKey(desired));
}

/** The same for rows that are already keyed by rowKey. */
export function diffKeyed(
  have: ReadonlyMap<string, DispatcherRow>,
  want: ReadonlyMap<string, DispatcherRow>,
): RowChange[] {
  const inserts: RowChange[] = [];
  const updates: RowChange[] = [];
  const deletes: RowChange[] = [];
  for (const [key, row] of want) {
    const before = have.get(key);
    if (before === undefined) inserts.push({ kind: 'insert', row });
    else if (before !== row && !sameData(before, row))
      updates.push({ kind: 'update', row, before });
  }
  for (const [key, row] of have) {
    if (!want.has(key)) deletes.push({ kind: 'delete', row });
  }
  return [inserts, updates, deletes].flatMap((changes) => changes.sort(byChangedKey));
}

/** The rows after the changes; the input is not touched. */
export function applyChanges(
  rows: ReadonlyMap<string, DispatcherRow>,
  changes: readonly RowChange[],
): Map<string, DispatcherRow> {
  const after = new Map(rows);
  for (const change of changes) {
    if (change.kind === 'delete') after.delete(rowKey(change.row));
    else after.set(rowKey(change.row), change.row);
  }
  return after;
}

function byKey(rows: readonly DispatcherRow[]): Map<string, DispatcherRow> {
  const index = new Map(rows.map((row) => [rowKey(row), row] as const));
  if (index.size !== rows.length) throw new RangeError('two dispatcher rows share a key');
  return index;
}

function byChangedKey(a: RowChange, b: RowChange): number {
  if (a.row.setid !== b.row.setid) return a.row.setid - b.row.setid;
  return a.row.destination < b.row.destination ? -1 : 1;
}

function sameData(a: DispatcherRow, b: DispatcherRow): boolean {
  return (
    a.flags === b.flags &&
    a.priority === b.priority &&
    a.attrs === b.attrs &&
    a.description === b.description
  );
}
