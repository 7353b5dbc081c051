import type { Wiring } from '../../topology/wiring.js';
import { DEFAULT_WIRING, remoteWiring, setsListing } from '../../topology/wiring.js';
import { labDestination } from '../incident.js';
import type { LabPlan } from '../plan.js';
import { flagsOf } from './rows.js';
import type { RowVersions } from './rows.js';

const ACTIVE = 8;

/** "setid destination" of every row that a whole lab has, each with flags 8; `others`: its other data centres. Pure. */
export function wholeTable(
  plan: Pick<LabPlan, 'nodes'>,
  others: readonly Pick<LabPlan, 'nodes'>[] = [],
): ReadonlySet<string> {
  const remote = others.flatMap((other) => keysOf(other, remoteWiring(DEFAULT_WIRING)));
  return new Set([...keysOf(plan, DEFAULT_WIRING), ...remote]);
}

function keysOf({ nodes }: Pick<LabPlan, 'nodes'>, wiring: Wiring): string[] {
  return nodes.flatMap((node) =>
    setsListing(wiring, node.role).map((setid) => `${setid} ${labDestination(node)}`),
  );
}

/** Where a table is not that of a whole lab. Pure. */
export function tableFaults(wanted: ReadonlySet<string>, rows: RowVersions): readonly string[] {
  const wrong = [...wanted].filter((key) => flagsOf(rows, key) !== ACTIVE);
  const extra = [...rows.keys()].filter((key) => !wanted.has(key));
  return [
    ...wrong.map((key) => `${key}: flags ${flagsOf(rows, key) ?? 'none'}`),
    ...extra.map((key) => `${key}: belongs to no node`),
  ];
}
