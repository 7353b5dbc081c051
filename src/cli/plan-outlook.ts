import type { AddressConflict, Derived, DesiredRow, RowWhy } from '../topology/desired-rows.js';
import { deriveRows } from '../topology/desired-rows.js';
import type { RowChange } from '../topology/diff-rows.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { isOurs, isSelectable, rowKey, zoneOf } from '../topology/dispatcher-row.js';
import { isLostHold } from '../topology/held.js';
import type { GuardRule, WitnessFinding } from '../topology/node.js';
import type { PassInput } from '../topology/plan-pass.js';
import { planPass } from '../topology/plan-pass.js';
import type { RefusedRow } from '../topology/row-validation.js';
import type { Wiring } from '../topology/wiring.js';
import { askedNodes, findingOf } from '../topology/witnessed.js';
import { deriveInputOf, passInputOf } from './plan-input.js';
import type { PlanTopology } from './plan-input.js';

/** One row that would change, and whether the guards let it. */
export interface PlannedChange {
  readonly change: RowChange;
  /** Null for a row whose owner is not known. */
  readonly nodeId: string | null;
  readonly why: RowWhy | null;
  /** The rule that holds it; null = it passes. */
  readonly heldBy: GuardRule | null;
}

/** A set of which something is held. */
export interface PlannedHold {
  readonly setid: number;
  readonly rule: GuardRule;
  readonly why: string;
  readonly count: number;
  /** At most as many as the leader tells by name. */
  readonly destinations: readonly string[];
  /** Wall clock in ms; null when only this plan says so, not the leader. */
  readonly sinceMs: number | null;
}

/** A node that vanished, of which nothing is decided before somebody has asked it. */
export interface Waiting {
  readonly nodeId: string;
  readonly finding: WitnessFinding | null;
  readonly rows: readonly DispatcherRow[];
}

/** What had to be taken for granted. */
export const ASSUMPTIONS = ['calm', 'unspent', 'admitted', 'goodbye', 'remote'] as const;
export type Assumption = (typeof ASSUMPTIONS)[number];

/** What a reconcile would change now, and what the guards say to it. */
export interface PlanOutlook {
  readonly changes: readonly PlannedChange[];
  readonly held: readonly PlannedHold[];
  readonly waiting: readonly Waiting[];
  /** The same where the leader has judged more nodes than it names: it may have judged these. */
  readonly untold: readonly Waiting[];
  /** Rows that may not be written, addresses claimed twice, rows of others in the place of ours. */
  readonly refused: readonly RefusedRow[];
  readonly conflicts: readonly AddressConflict[];
  readonly foreign: readonly DesiredRow[];
  readonly assumed: readonly Assumption[];
}

export interface OutlookInput {
  readonly topology: PlanTopology;
  readonly table: readonly DispatcherRow[];
  readonly wiring: Wiring;
  /** False: another wiring than the one that the reconcilers run; what the leader holds is not of this plan. */
  readonly isShipped: boolean;
  /** Only this set. */
  readonly setid: number | null;
  /** Wall clock in ms. */
  readonly nowMs: number;
}

/** Plans as a reconciler would (topology/plan-pass.ts), once with its guards and once without. Pure. */
export function deriveOutlook(input: OutlookInput): PlanOutlook {
  const { topology, table, wiring, nowMs } = input;
  const derive = deriveInputOf(topology, table, wiring, nowMs);
  const pass = passInputOf(derive, topology);
  const guarded = planPass(pass);
  const derived = deriveRows(derive);
  const isOf = ({ setid }: { readonly setid: number }): boolean =>
    input.setid === null || input.setid === setid;
  const all = planPass(unguarded(pass)).changes.filter(({ row }) => isOf(row));
  const unexplained = heldKeys(planPass({ ...pass, freshForMs: -1, overrides: new Map() }).held);
  const told = toldHolds(input).filter(isOf);
  const filled = new Set(all.filter(takesCalls).map(({ row }) => row.setid));
  const rules = heldKeys(guarded.held);
  const changes = all.map((change): PlannedChange => {
    const key = rowKey(change.row);
    const { nodeId = null, why = null } =
      derived.desired.get(key) ?? derived.dropped.get(key) ?? {};
    const leaders = told.find((hold) =>
      isLostHold(hold)
        ? hold.setid === change.row.setid && !filled.has(hold.setid)
        : covers(hold, change, unexplained),
    );
    return { change, nodeId, why, heldBy: leaders?.rule ?? rules.get(key) ?? null };
  });
  const own = guarded.held.filter(
    (one) => isOf(one) && !told.some(({ setid }) => setid === one.setid),
  );
  const open = waitingNodes(input, derived).filter(({ rows }) => rows.some(isOf));
  const { unnamed } = askedNodes(topology.generation?.witnessed);
  const isUntold = ({ finding }: Waiting): boolean => finding === null && unnamed > 0;
  return {
    changes,
    held: [
      ...told,
      ...own.map((one) => ({ ...one, count: one.destinations.length, sinceMs: null })),
    ],
    waiting: open.filter((one) => !isUntold(one)),
    untold: open.filter(isUntold),
    refused: guarded.refused.filter(({ row }) => isOf(row)),
    conflicts: guarded.conflicts.filter(isOf),
    foreign: guarded.foreign.filter(({ row }) => isOf(row)),
    assumed: assumptions(changes, unexplained, table),
  };
}

/** What the rows would become, had nobody a guard. */
function unguarded(pass: PassInput): PassInput {
  const { nowMs } = pass;
  const sets = [...pass.previous.values()].map(({ setid }) => setid);
  const word = { schema: 1, by: '', why: '', since: nowMs, until: nowMs + 1 } as const;
  return { ...pass, overrides: new Map(sets.map((setid) => [setid, { ...word, setid }])) };
}

function heldKeys(
  held: readonly {
    readonly setid: number;
    readonly rule: GuardRule;
    readonly destinations: readonly string[];
  }[],
): ReadonlyMap<string, GuardRule> {
  const keys = held.flatMap(({ setid, rule, destinations }) =>
    destinations.map((destination) => [rowKey({ setid, destination }), rule] as const),
  );
  return new Map(keys);
}

/** What the leader said last that it holds; a set for which an operator's word stands is on its way. */
function toldHolds({ topology, isShipped, nowMs }: OutlookInput): PlannedHold[] {
  if (!isShipped) return [];
  return (topology.generation?.held ?? []).filter(
    ({ setid }) => (topology.overrides.get(setid)?.until ?? 0) <= nowMs,
  );
}

/** By name, or, when the leader names not all of them, like what it holds. */
function covers(
  hold: PlannedHold,
  { row }: RowChange,
  unexplained: ReadonlyMap<string, GuardRule>,
): boolean {
  if (hold.setid !== row.setid) return false;
  if (hold.destinations.includes(row.destination)) return true;
  return hold.count > hold.destinations.length && unexplained.has(rowKey(row));
}

/** Vanished nodes with rows of which no judgement is told. */
function waitingNodes({ topology, table }: OutlookInput, { silent, desired }: Derived): Waiting[] {
  const witnessed = topology.generation?.witnessed;
  return [...silent].sort().flatMap((nodeId): Waiting[] => {
    const finding = findingOf(witnessed, nodeId)?.finding ?? null;
    if ((finding !== null && finding !== 'unasked') || topology.intents.has(nodeId)) return [];
    const rows = table.filter((row) => desired.get(rowKey(row))?.nodeId === nodeId);
    return [{ nodeId, finding, rows }];
  });
}

function assumptions(
  changes: readonly PlannedChange[],
  unexplained: ReadonlyMap<string, GuardRule>,
  table: readonly DispatcherRow[],
): Assumption[] {
  const isGuess = changes.some(
    ({ change, heldBy }) => heldBy === null && unexplained.has(rowKey(change.row)),
  );
  const isNew = changes.some(({ change, why }) => why === 'up' && takesCalls(change));
  const isGone = changes.some(({ why }) => why === 'goodbye');
  const isTaken: Readonly<Record<Assumption, boolean>> = {
    calm: isGuess,
    unspent: isGuess,
    admitted: isNew,
    goodbye: isGone,
    remote: table.some((row) => isOurs(row) && zoneOf(row) !== undefined),
  };
  return ASSUMPTIONS.filter((what) => isTaken[what]);
}

/** The row is one to choose afterwards and was none before. */
function takesCalls(change: RowChange): boolean {
  const was = change.kind === 'update' && isSelectable(change.before.flags);
  return change.kind !== 'delete' && !was && isSelectable(change.row.flags);
}
