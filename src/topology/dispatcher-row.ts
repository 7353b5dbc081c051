/** Bits of the `flags` column (Kamailio dispatcher module): 1 inactive, 2 trying, 4 disabled, 8 probing. */
export const FLAGS_ACTIVE_PROBED = 8;
export const FLAGS_INACTIVE_PROBED = 9;
export const FLAGS_DISABLED = 4;

/** One row of Kamailio's `dispatcher` table, without its surrogate `id`. (setid, destination) identifies it. */
export interface DispatcherRow {
  readonly setid: number;
  /** SIP URI, for example `sip:10.0.0.7:5060;transport=tcp`. */
  readonly destination: string;
  readonly flags: number;
  /** Higher first. */
  readonly priority: number;
  /** `key=value;key=value`, at most 128 characters. */
  readonly attrs: string;
  /** Ours begin with `carna:`; at most 64 characters. Kamailio does not load it. */
  readonly description: string;
}

const OWNER_TAG = 'carna:';

/** The description of a row of ours: names the node, cut at the column's 64 characters keeping the end, which differs. */
export function describeRow(nodeId: string): string {
  return OWNER_TAG + nodeId.slice(-(64 - OWNER_TAG.length));
}

/** True for the rows that Carna wrote; it never touches others. */
export function isOurs(row: Pick<DispatcherRow, 'description'>): boolean {
  return row.description.startsWith(OWNER_TAG);
}

/** The key under which a row is unique, for maps and messages. */
export function rowKey(row: Pick<DispatcherRow, 'setid' | 'destination'>): string {
  return `${row.setid} ${row.destination}`;
}

/** True when Kamailio may choose the destination once its own pings agree (neither disabled nor only on trial). */
export function isSelectable(flags: number): boolean {
  return (flags & 4) === 0 && (flags & 1) === 0;
}
