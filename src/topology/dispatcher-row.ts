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
  /** Ours are `carna:` and the name of a node; at most 64 characters. Kamailio does not load it. */
  readonly description: string;
}

const OWNER_TAG = 'carna:';
/** The tag, another data centre or none, and what the column holds of a node id. */
const OWNER = /^carna:(?:[A-Za-z0-9._-]{1,64}\/)?[!-.0-}]+$/;

/** Width of Kamailio's column. */
const MAX_DESCRIPTION = 64;

/**
 * The description of a row of ours: names the node, cut at the column's 64 characters keeping the end, which
 * differs. `name` is a node's of this data centre, or `dc/nodeId` (zoned): of such a one the data centre stays whole.
 */
export function describeRow(name: string): string {
  const zone = name.slice(0, name.indexOf('/') + 1);
  const room = MAX_DESCRIPTION - OWNER_TAG.length - zone.length;
  return OWNER_TAG + zone + name.slice(zone.length).slice(-room);
}

/** True for the rows that Carna wrote, for whatever data centre; it never touches others. */
export function isOurs(row: Pick<DispatcherRow, 'description'>): boolean {
  return OWNER.test(row.description);
}

/** True for a row that bears our tag. Not each is ours: a hand may write the tag and name no node behind it. */
export function isTagged(row: Pick<DispatcherRow, 'description'>): boolean {
  return row.description.startsWith(OWNER_TAG);
}

/**
 * The name by which a node of another data centre is known here: `dc2/media-1`. No node id has a slash, so
 * that nobody's own `media-1` can be taken for it. Without `zone` it is one of our own: its plain name.
 */
export function zoned(zone: string | undefined, nodeId: string): string {
  return zone === undefined ? nodeId : `${zone}/${nodeId}`;
}

/** The data centre of a row of ours; undefined = this one. Of rows of others it tells nothing. */
export function zoneOf({ description }: Pick<DispatcherRow, 'description'>): string | undefined {
  const slash = description.indexOf('/');
  return slash === -1 ? undefined : description.slice(OWNER_TAG.length, slash);
}

/** True for a row that Carna wrote for a node of this zone (undefined = our own data centre). */
export function isOfZone(
  row: Pick<DispatcherRow, 'description'>,
  zone: string | undefined,
): boolean {
  return zoneOf(row) === zone && isOurs(row);
}

/** The key under which a row is unique, for maps and messages. */
export function rowKey(row: Pick<DispatcherRow, 'setid' | 'destination'>): string {
  return `${row.setid} ${row.destination}`;
}

/** True when Kamailio may choose the destination once its own pings agree (neither disabled nor only on trial). */
export function isSelectable(flags: number): boolean {
  return (flags & 4) === 0 && (flags & 1) === 0;
}
