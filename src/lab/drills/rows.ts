import type { Finding } from './stage.js';

/** Platform.rowVersions: any UPDATE, also to the same values, changes one. */
export type RowVersions = ReadonlyMap<string, string>;

/** The flags of a row; null when there is no such row. Pure. */
export function flagsOf(rows: RowVersions, key: string): number | null {
  const flags = rows.get(key)?.split(' ').at(-1);
  return flags === undefined ? null : Number(flags);
}

export function sameRows(a: RowVersions, b: RowVersions): boolean {
  return a.size === b.size && [...a].every(([key, version]) => b.get(key) === version);
}

/** Compares the table before and after. */
export function rowsUnchanged(what: string, before: RowVersions, after: RowVersions): Finding {
  const isGood = sameRows(before, after);
  const keys = new Set([...before.keys(), ...after.keys()]);
  const changed = [...keys].filter((key) => before.get(key) !== after.get(key));
  const seen = isGood
    ? `every version of ${before.size} rows unchanged`
    : `changed: ${changed.join(', ')}`;
  return { what, isGood, seen };
}
