import type { DispatcherRow } from './dispatcher-row.js';
import { isOurs, rowKey } from './dispatcher-row.js';
import type { LiveDestination } from './live-destination.js';
import { groupByKey, liveKey } from './live-letters.js';
import type { Role } from './node.js';
import { setsConsumedBy } from './wiring.js';
import type { Wiring } from './wiring.js';

/** What one Kamailio was found to run, or why it could not be asked. */
export type LiveList =
  | {
      readonly nodeId: string;
      readonly role: Role;
      readonly list: readonly LiveDestination[];
      /** Wall clock in ms of the reading. */
      readonly readAtMs: number;
    }
  | { readonly nodeId: string; readonly role: Role; readonly error: string };

/** The columns of a row that matter side by side. */
export type RowData = Pick<DispatcherRow, 'flags' | 'priority' | 'attrs'>;

/** One destination as one Kamailio holds it. `unknown`: it could not be asked. */
export type LiveCell =
  | { readonly kind: 'same'; readonly nodeId: string; readonly letters: string }
  /** Administratively as in the table, but this Kamailio's own probing found it unreachable. */
  | { readonly kind: 'probed-out'; readonly nodeId: string; readonly letters: string }
  | {
      readonly kind: 'drift';
      readonly nodeId: string;
      /** Null when it is not listed there. */
      readonly letters: string | null;
      readonly why: string;
    }
  | { readonly kind: 'unknown'; readonly nodeId: string };

/** One destination of a set: as it should be, as the table says, as each Kamailio runs it. */
export interface DestinationView {
  readonly destination: string;
  /** nodeId (its end, when long); null for rows that are not ours. */
  readonly owner: string | null;
  /** Null: should not be listed. */
  readonly desired: RowData | null;
  /** Null: not in the table. */
  readonly table: RowData | null;
  /** Why desired and table differ; null when they agree, and for rows that are not ours. */
  readonly pending: string | null;
  /** In the order of DispatcherView.kamailios; only those that consume the set. */
  readonly live: readonly LiveCell[];
}

/** One destination set. */
export interface DispatcherSetView {
  readonly setid: number;
  readonly destinations: readonly DestinationView[];
}

/** Desired, table and live lists side by side. */
export interface DispatcherView {
  readonly sets: readonly DispatcherSetView[];
  readonly kamailios: readonly {
    readonly nodeId: string;
    readonly role: Role;
    /** Why it could not be asked; null when it was. */
    readonly error: string | null;
    /** Wall clock in ms of the reading; null when it could not be asked. */
    readonly readAtMs: number | null;
  }[];
  /** Cells and rows that differ. */
  readonly pending: number;
  readonly drift: number;
  /** Kamailios that could not be asked. */
  readonly unknown: number;
}

/**
 * Puts desired rows, table rows and live lists side by side and marks what differs.
 *
 * Drift is what should not be: a destination missing, unlisted in the table, administratively other,
 * or with other priority or attrs. What a Kamailio found by its own probing (I, T) is no drift.
 * Pure. Sets ascending; destinations in the order of the table, which is the order Kamailio hashes by.
 */
export function deriveDispatcherView(
  desired: readonly DispatcherRow[],
  table: readonly DispatcherRow[],
  live: readonly LiveList[],
  wiring: Wiring,
): DispatcherView {
  const indexed = live.map((l): Consumer => {
    return { of: l, byKey: 'list' in l ? groupByKey(l.list) : null };
  });
  const wanted = new Map(desired.map((row) => [rowKey(row), row]));
  const stored = new Map(table.map((row) => [rowKey(row), row]));
  const sets = setids(desired, table, live, wiring).map((setid): DispatcherSetView => {
    const consumers = indexed.filter(({ of }) => setsConsumedBy(wiring, of.role).includes(setid));
    const destinations = destinationsOf(setid, desired, table, consumers).map((destination) => {
      const key = rowKey({ setid, destination });
      const rows = { desired: wanted.get(key) ?? null, table: stored.get(key) ?? null };
      return destinationView(setid, destination, rows, consumers);
    });
    return { setid, destinations };
  });
  const all = sets.flatMap((set) => set.destinations);
  return {
    sets,
    kamailios: live.map((l) => ({
      nodeId: l.nodeId,
      role: l.role,
      error: 'error' in l ? l.error : null,
      readAtMs: 'error' in l ? null : l.readAtMs,
    })),
    pending: all.filter((d) => d.pending !== null).length,
    drift: all.flatMap((d) => d.live).filter((cell) => cell.kind === 'drift').length,
    unknown: live.filter((l) => 'error' in l).length,
  };
}

/** A live list, and its destinations by liveKey; null when it could not be asked. */
interface Consumer {
  readonly of: LiveList;
  readonly byKey: ReadonlyMap<string, readonly LiveDestination[]> | null;
}

function setids(
  desired: readonly DispatcherRow[],
  table: readonly DispatcherRow[],
  live: readonly LiveList[],
  wiring: Wiring,
): number[] {
  const found = [...desired, ...table].map((row) => row.setid);
  for (const l of live) {
    const consumed = setsConsumedBy(wiring, l.role);
    if ('list' in l)
      found.push(...l.list.map((d) => d.setid).filter((setid) => consumed.includes(setid)));
  }
  return [...new Set(found)].sort((a, b) => a - b);
}

function destinationsOf(
  setid: number,
  desired: readonly DispatcherRow[],
  table: readonly DispatcherRow[],
  consumers: readonly Consumer[],
): string[] {
  const lists = consumers.flatMap(({ of }) => ('list' in of ? of.list : []));
  const all = [...table, ...desired].filter((row) => row.setid === setid);
  const known = new Set(all.map(liveKey));
  const unknown = lists.filter((dest) => dest.setid === setid && !known.has(liveKey(dest)));
  return [...new Set([...all, ...unknown].map((row) => row.destination))];
}

function destinationView(
  setid: number,
  destination: string,
  rows: { readonly desired: DispatcherRow | null; readonly table: DispatcherRow | null },
  consumers: readonly Consumer[],
): DestinationView {
  const { desired, table } = rows;
  const row = table ?? desired;
  const ours = row === null || isOurs(row);
  return {
    destination,
    owner: row !== null && ours ? row.description.slice(row.description.indexOf(':') + 1) : null,
    desired: desired === null ? null : dataOf(desired),
    table: table === null ? null : dataOf(table),
    pending: ours ? pendingChange(desired, table) : null,
    live: consumers.map(({ of, byKey }): LiveCell => {
      if (byKey === null) return { kind: 'unknown', nodeId: of.nodeId };
      const found = byKey.get(liveKey({ setid, destination })) ?? [];
      // Of rows that are one to Kamailio each has an entry; which is whose cannot be told.
      const best = found.find((dest) => driftOf(table, dest) === null) ?? found[0];
      return liveCell(of.nodeId, table, best);
    }),
  };
}

function dataOf({ flags, priority, attrs }: DispatcherRow): RowData {
  return { flags, priority, attrs };
}

function pendingChange(desired: DispatcherRow | null, table: DispatcherRow | null): string | null {
  if (desired === null) return table === null ? null : 'will be deleted';
  if (table === null) return 'will be inserted';
  if (desired.flags !== table.flags) return `flags ${table.flags} → ${desired.flags}`;
  if (desired.priority !== table.priority)
    return `priority ${table.priority} → ${desired.priority}`;
  return desired.attrs === table.attrs ? null : 'attrs will change';
}

function liveCell(
  nodeId: string,
  row: DispatcherRow | null,
  found: LiveDestination | undefined,
): LiveCell {
  if (found === undefined) {
    if (row === null) return { kind: 'same', nodeId, letters: '' };
    return { kind: 'drift', nodeId, letters: null, why: 'not listed' };
  }
  const { letters } = found;
  const why = driftOf(row, found);
  if (why !== null) return { kind: 'drift', nodeId, letters, why };
  const isProbedOut = row !== null && (row.flags & 5) === 0 && !letters.startsWith('A');
  return { kind: isProbedOut ? 'probed-out' : 'same', nodeId, letters };
}

function driftOf(row: DispatcherRow | null, found: LiveDestination): string | null {
  if (row === null) return 'listed, but not in the table';
  const isDisabled = found.letters.startsWith('D');
  if (isDisabled !== ((row.flags & 4) !== 0)) {
    return isDisabled
      ? 'disabled here, enabled in the table'
      : 'enabled here, disabled in the table';
  }
  if (found.priority !== row.priority) return `priority ${found.priority}, not ${row.priority}`;
  return found.attrs === row.attrs ? null : 'other attrs';
}
