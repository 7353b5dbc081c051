import type { DispatcherRow } from './dispatcher-row.js';
import type { LiveDestination } from './live-destination.js';
import { faultOfRow } from './row-validation.js';

const INACTIVE = 1;
const TRYING = 2;
const DISABLED = 4;
const PROBING = 8;

/** A destination of a set, in the table or in a live list. */
export type Listed = Pick<DispatcherRow, 'setid' | 'destination'>;

/** What table and live list are compared by: Kamailio adds the scheme that a row lacks. Pure. */
export function liveKey({ setid, destination }: Listed): string {
  const uri = destination.trim();
  return `${setid} ${/^sips?:/i.test(uri) ? uri : `sip:${uri}`}`;
}

/** The destination in a key. Pure. */
export function uriOf(key: string): string {
  return key.slice(key.indexOf(' ') + 1);
}

/** All items of a key together, in their order. Pure. */
export function groupByKey<T extends Listed>(items: readonly T[]): Map<string, [T, ...T[]]> {
  const groups = new Map<string, [T, ...T[]]>();
  for (const item of items) {
    const key = liveKey(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** False for a row that Kamailio leaves out, since it cannot understand it. Pure. */
export function isLoadable(row: DispatcherRow): boolean {
  return faultOfRow({ ...row, destination: uriOf(liveKey(row)) }) === null;
}

/** The letters that a reload gives a row with these flags. Pure. */
export function lettersOf(flags: number): string {
  const probed = (flags & PROBING) !== 0 ? 'P' : 'X';
  if ((flags & DISABLED) !== 0) return `D${probed}`;
  if ((flags & INACTIVE) !== 0) return `I${probed}`;
  return `${(flags & TRYING) !== 0 ? 'T' : 'A'}${probed}`;
}

/** The rows as a reload that takes all of them over lists them. Pure. */
export function asLoaded(rows: readonly DispatcherRow[]): LiveDestination[] {
  return rows.map((row) => ({
    setid: row.setid,
    destination: uriOf(liveKey(row)),
    letters: lettersOf(row.flags),
    priority: row.priority,
    attrs: row.attrs,
  }));
}

export function isDisabled(dest: Pick<LiveDestination, 'letters'>): boolean {
  return dest.letters.startsWith('D');
}

/**
 * True when the live letters are as wanted. Whether a disabled destination is probed makes no difference
 * to calls, and Kamailio's probing mode may probe what the row does not ask it to. Pure.
 */
export function agree(wanted: string, live: string): boolean {
  if (wanted === live || (wanted.startsWith('D') && live.startsWith('D'))) return true;
  return wanted.endsWith('X') && wanted.slice(0, 1) === live.slice(0, 1);
}
