import type { Asking } from './admission.js';
import type { AddressConflict, DeriveInput, DesiredRow } from './desired-rows.js';
import { tableByKey } from './desired-rows.js';
import { applyChanges } from './diff-rows.js';
import type { DispatcherRow } from './dispatcher-row.js';
import { rowKey, zoned } from './dispatcher-row.js';
import { noteSpent } from './guard-budget.js';
import type { NodeChange } from './node-changes.js';
import type { PassInput, PassPlan } from './plan-pass.js';
import { planPass } from './plan-pass.js';
import type { Wiring } from './wiring.js';
import { remoteWiring } from './wiring.js';

/** What is known of the nodes of another data centre while its registry is read; by their own node ids. */
export interface ZoneSight
  extends
    Pick<DeriveInput, 'nodes' | 'remembered' | 'evidence' | 'isSettled'>,
    Required<Pick<DeriveInput, 'silentSinceMs' | 'admission'>>,
    Pick<PassInput, 'freshForMs'> {}

/** Another data centre as a pass meets it. */
export interface ZoneInput {
  readonly dc: string;
  /** Null while its registry cannot be read, or was not read yet: its rows stay exactly as they are. */
  readonly sight: ZoneSight | null;
}

/**
 * One pass over our own nodes and those of the other data centres: one plan, in which nodes of others bear
 * their zoned names.
 *
 * Each data centre is judged for itself, by the same rules and guards over its own nodes and rows: no loss
 * there counts here or stops anything here, and one that is not seen keeps all its rows. Our own part is
 * what it would be without the others. Data centres that share a set share its budget. Pure.
 */
export function planZones(input: PassInput, zones: readonly ZoneInput[]): PassPlan {
  const own = planPass(input);
  const wiring = remoteWiring(input.wiring);
  if (wiring.length === 0 || zones.every(({ sight }) => sight === null)) return own;
  let rows = rowsIn(wiring, input.previous);
  let { spent } = input;
  let plan = own;
  zones.forEach(({ dc, sight }, at) => {
    if (sight === null) return;
    const passId = `${input.passId}z${at}`;
    const intents: PassInput['intents'] = new Map();
    const table = { previous: rows, spent, passId };
    const part = planPass({ ...input, ...sight, wiring, zone: dc, intents, ...table });
    rows = applyChanges(rows, part.changes);
    spent = noteSpent(spent, part.taken, input.nowMs, input.budget);
    plan = joined(plan, zonedPlan(dc, part));
  });
  return plan;
}

/** The rows in the sets of other data centres, whoever wrote them. */
function rowsIn(
  wiring: Wiring,
  previous: DeriveInput['previous'],
): ReadonlyMap<string, DispatcherRow> {
  const setids = new Set(wiring.map((rule) => rule.setid));
  const rows = new Map<string, DispatcherRow>();
  for (const row of tableByKey(previous).values()) {
    if (setids.has(row.setid)) rows.set(rowKey(row), row);
  }
  return rows;
}

/** The plan with the names by which its nodes are known here. */
function zonedPlan(dc: string, plan: PassPlan): PassPlan {
  const named = <T extends { readonly nodeId: string }>(one: T): T => {
    return { ...one, nodeId: zoned(dc, one.nodeId) };
  };
  const asking = new Map<string, Asking>();
  for (const [nodeId, one] of plan.asking) asking.set(zoned(dc, nodeId), one);
  return {
    ...plan,
    audit: plan.audit.map((change): NodeChange => named(change)),
    foreign: plan.foreign.map((row): DesiredRow => named(row)),
    conflicts: plan.conflicts.map((one): AddressConflict => {
      return { ...one, winner: zoned(dc, one.winner), loser: zoned(dc, one.loser) };
    }),
    silent: plan.silent.map((nodeId) => zoned(dc, nodeId)),
    asking,
  };
}

/** Both plans as one. They touch different rows; of two that take from one set the losses add up. */
function joined(a: PassPlan, b: PassPlan): PassPlan {
  const taken = new Map(a.taken);
  for (const [setid, count] of b.taken) taken.set(setid, (taken.get(setid) ?? 0) + count);
  const ends = [a.rampEndsMs, b.rampEndsMs].filter((ms) => ms !== null);
  return {
    changes: [...a.changes, ...b.changes],
    audit: [...a.audit, ...b.audit],
    mayEmpty: [...new Set([...a.mayEmpty, ...b.mayEmpty])],
    letGo: [...a.letGo, ...b.letGo],
    held: [...a.held, ...b.held],
    taken,
    released: [...new Set([...a.released, ...b.released])],
    refused: [...a.refused, ...b.refused],
    conflicts: [...a.conflicts, ...b.conflicts],
    foreign: [...a.foreign, ...b.foreign],
    silent: [...a.silent, ...b.silent],
    asking: new Map([...a.asking, ...b.asking]),
    rampEndsMs: ends.length === 0 ? null : Math.min(...ends),
  };
}
