import type { CommitOptions } from '../../src/store/dispatcher-table.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { isOurs, rowKey } from '../../src/topology/dispatcher-row.js';
import { HeldByGuardError, StoreConflictError } from '../../src/util/errors.js';

/** The dispatcher table, by rowKey(). */
export type Rows = ReadonlyMap<string, DispatcherRow>;

/** As carna.apply_rows: all changes fit, or none is made. */
export function applyRows(before: Rows, plan: CommitOptions): Rows {
  const after = new Map(before);
  for (const { kind, row } of plan.changes) {
    const key = rowKey(row);
    const found = after.get(key);
    const fits = kind === 'insert' ? found === undefined : found !== undefined && isOurs(found);
    if (!fits) throw new StoreConflictError('the dispatcher table changed meanwhile');
    if (kind === 'delete') after.delete(key);
    else after.set(key, { ...row });
  }
  return after;
}

/** As carna.commit_plan: no set loses its last row against the plan. */
export function refuseEmpty(plan: CommitOptions, after: Rows): void {
  for (const { kind, row } of plan.changes) {
    if (kind !== 'delete' || plan.mayEmpty.includes(row.setid)) continue;
    if ([...after.values()].some((left) => left.setid === row.setid)) continue;
    throw new HeldByGuardError(`set ${row.setid} would end empty`);
  }
}

/** The rows of some sets, of all without `setids`, in the order in which the store reads them. */
export function rowsOf(all: Rows, setids?: readonly number[]): DispatcherRow[] {
  const wanted = setids === undefined ? null : new Set(setids);
  const rows = [...all.values()].filter((row) => wanted?.has(row.setid) ?? true);
  return rows.sort(byPlace);
}

function byPlace(a: DispatcherRow, b: DispatcherRow): number {
  if (a.setid !== b.setid) return a.setid - b.setid;
  if (a.priority !== b.priority) return b.priority - a.priority;
  return a.destination < b.destination ? -1 : 1;
}
