import type { DispatcherRow } from './dispatcher-row.js';
import { isOurs, isTagged, rowKey } from './dispatcher-row.js';

/** A row that must not reach the table, and the reason in words. */
export interface RefusedRow {
  readonly row: DispatcherRow;
  readonly why: string;
}

/** Widths of Kamailio's columns. */
const MAX_DESTINATION = 192;
const MAX_ATTRS = 128;
const MAX_DESCRIPTION = 64;
const MAX_PORT = 65_535;

const HOST = String.raw`(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)`;
const SIP_URI = new RegExp(
  `^sips?:(?:[A-Za-z0-9._~!$&'*+-]+@)?${HOST}(?::(\\d{1,5}))?(?:;[A-Za-z0-9._-]+(?:=[A-Za-z0-9._:\\[\\]-]+)?)*$`,
);
const ATTRS = /^[\x21-\x7e]*$/;

/**
 * Why Kamailio would not load this row as meant, or null when it would. One bad row makes a reload
 * answer "failed" although the others are live, so none may reach the table.
 *
 * Pure.
 */
export function faultOfRow(row: DispatcherRow): string | null {
  const why = faultOfPlace(row);
  if (why !== null) return why;
  if (!Number.isInteger(row.flags) || row.flags < 0) return `flags ${row.flags} are not a bit set`;
  if (!Number.isInteger(row.priority)) return `priority ${row.priority} is not a whole number`;
  if (row.attrs.length > MAX_ATTRS) return `attrs are longer than ${MAX_ATTRS} characters`;
  if (!ATTRS.test(row.attrs)) return 'attrs hold characters that Kamailio does not read';
  if (row.description.length > MAX_DESCRIPTION) {
    return `description is longer than ${MAX_DESCRIPTION} characters`;
  }
  return null;
}

/** Why no row of ours can stand there. */
function faultOfPlace({ setid, destination }: DispatcherRow): string | null {
  if (!Number.isInteger(setid) || setid < 0) return `set id ${setid} is not a number`;
  if (destination.length > MAX_DESTINATION) {
    return `destination is longer than ${MAX_DESTINATION} characters`;
  }
  const uri = SIP_URI.exec(destination);
  if (uri === null) return `destination "${destination}" is no SIP URI`;
  const port = uri[1];
  if (port !== undefined && (Number(port) < 1 || Number(port) > MAX_PORT)) {
    return `destination "${destination}" has no valid port`;
  }
  return null;
}

/** Why a row in the table that bears our tag cannot be one that Carna wrote; null when it can, and for rows of others. Pure. */
export function faultOfTagged(row: DispatcherRow): string | null {
  if (!isTagged(row)) return null;
  if (isOurs(row)) return faultOfPlace(row);
  return `description ${JSON.stringify(row.description)} names no node: the row is nobody's`;
}

/** Splits rows into those that may be written and those refused by name; the second of two with one key is refused. */
export function validateRows(rows: readonly DispatcherRow[]): {
  readonly valid: readonly DispatcherRow[];
  readonly refused: readonly RefusedRow[];
} {
  const valid: DispatcherRow[] = [];
  const refused: RefusedRow[] = [];
  const keys = new Set<string>();
  for (const row of rows) {
    const key = rowKey(row);
    const why = keys.has(key) ? 'the set lists this destination twice' : faultOfRow(row);
    if (why !== null) refused.push({ row, why });
    else valid.push(row);
    keys.add(key);
  }
  return { valid, refused };
}
