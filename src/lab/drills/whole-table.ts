import { DEFAULT_WIRING, setsListing } from '../../topology/wiring.js';
import { labDestination } from '../incident.js';
import type { LabPlan } from '../plan.js';
import { flagsOf } from './rows.js';
import type { RowVersions } from './rows.js';

const ACTIVE = 8;

/** "setid destination" of every row that a whole lab has, each with flags 8. Pure. */
export function wholeTable(plan: LabPlan): ReadonlySet<string> {
  return new Set(
    plan.nodes.flatMap((node) =>
      setsListing(DEFAULT_WIRING, node.role).map((setid) => `${setid} ${labDestination(node)}`),
    ),
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
