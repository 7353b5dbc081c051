import type { RemoteRecord } from './node.js';
import { MAX_REMOTES } from './node.js';
import type { Findings } from './witnessed.js';
import { sameReport, witnessReport } from './witnessed.js';

/** What readers are told of the other data centres: how each is seen, and what the witness found there. Bounded. Pure. */
export function remoteRecords(
  seen: readonly Pick<RemoteRecord, 'dc' | 'link' | 'sinceMs'>[],
  found: Findings,
): readonly RemoteRecord[] {
  return seen.slice(0, MAX_REMOTES).map(({ dc, link, sinceMs }) => {
    const witnessed = witnessReport(found, dc);
    return { dc, link, sinceMs, ...(witnessed === undefined ? {} : { witnessed }) };
  });
}

/** True when both tell the same. Pure. */
export function sameRemotes(
  a: readonly RemoteRecord[] | undefined,
  b: readonly RemoteRecord[] | undefined,
): boolean {
  const [x, y] = [a ?? [], b ?? []];
  return (
    x.length === y.length &&
    x.every((one, at) => {
      const other = y[at];
      return (
        other?.dc === one.dc &&
        other.link === one.link &&
        other.sinceMs === one.sinceMs &&
        sameReport(one.witnessed, other.witnessed)
      );
    })
  );
}
