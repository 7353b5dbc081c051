import type { AdmissionInput, Asking } from './admission.js';
import type { Working } from './claims.js';
import { claimRows } from './claims.js';
import type { DispatcherRow } from './dispatcher-row.js';
import { describeRow, isOfZone, rowKey, zoned } from './dispatcher-row.js';
import type { IntentRecord, NodeRecord } from './node.js';
import { judgeGone, judgeLeftover } from './node-verdict.js';
import type { RefusedRow } from './row-validation.js';
import { faultOfTagged } from './row-validation.js';
import type { WeightScale } from './weights.js';
import { largestCapacity } from './weights.js';
import type { Wiring } from './wiring.js';

/** A node as the registry shows it; the czxid of its znode (when known) tells which of two is younger. */
export interface LiveNode {
  readonly record: NodeRecord;
  readonly czxid?: bigint;
}

/** What the second witness (our own OPTIONS) says of a node. */
export type Evidence = 'answers' | 'silent' | 'unknown';

/** Why a row is as it is, or why it goes. */
export type RowWhy =
  | 'up'
  | 'unanswered'
  | 'starting'
  | 'draining'
  | 'intent'
  | 'down'
  | 'goodbye'
  | 'silent'
  | 'answers'
  | 'moved'
  | 'unwired';

export interface DeriveLimits {
  /** A row of a node that is down by its agent's word is deleted after this time. */
  readonly downKeptMs: number;
  /** So does that of a vanished node which has not answered the witness for so long. */
  readonly limboMs: number;
  /** A node that became up gets fewer calls for so long; 0 = no slow start. Absent: not known, rows keep a weight that is right but for that and for other nodes' capacity. */
  readonly slowStartMs?: number;
}

export const DEFAULT_DERIVE_LIMITS: DeriveLimits = { downKeptMs: 10 * 60_000, limboMs: 40_000 };

export interface DeriveInput {
  readonly nodes: ReadonlyMap<string, LiveNode>;
  readonly intents: ReadonlyMap<string, IntentRecord>;
  readonly wiring: Wiring;
  /** The other data centre whose nodes these are; absent: our own. Only its rows are judged then. */
  readonly zone?: string;
  /** The rows in the table (a map is by rowKey); those of others may be among them and are never touched. */
  readonly previous: readonly DispatcherRow[] | ReadonlyMap<string, DispatcherRow>;
  /** The last record of nodes whose znode vanished, by nodeId. */
  readonly remembered: ReadonlyMap<string, NodeRecord>;
  /** What the witness found of nodes whose znode vanished, by nodeId; missing = nothing yet. */
  readonly evidence: ReadonlyMap<string, Evidence>;
  /** Wall clock in ms since when a silent node has not answered, by nodeId. */
  readonly silentSinceMs?: ReadonlyMap<string, number>;
  /** What is known of nodes to be admitted; absent: nobody asks them, their agents' word alone counts. */
  readonly admission?: AdmissionInput;
  /** False until the registry's view was fresh for a settle time: nothing is removed before. */
  readonly isSettled: boolean;
  /** Wall clock in ms. */
  readonly nowMs: number;
  readonly limits: DeriveLimits;
}

export interface DesiredRow {
  readonly row: DispatcherRow;
  readonly nodeId: string;
  readonly why: RowWhy;
}

/** Two nodes claim one address; the younger has the row. */
export interface AddressConflict {
  readonly setid: number;
  readonly destination: string;
  readonly winner: string;
  readonly loser: string;
}

export interface Derived {
  /** By rowKey. Rows of others are not among them. */
  readonly desired: ReadonlyMap<string, DesiredRow>;
  /** Rows of ours that have no place any more, by rowKey, with the reason. */
  readonly dropped: ReadonlyMap<string, DesiredRow>;
  /** By rowKey. */
  readonly conflicts: ReadonlyMap<string, AddressConflict>;
  /** Rows of others that stand where a row of ours should, by rowKey; the owner is the node that wants it. */
  readonly foreign: ReadonlyMap<string, DesiredRow>;
  /** Rows in the table with our tag that Carna cannot have written: they stay as they are. Of all data centres, told of our own. */
  readonly refused: readonly RefusedRow[];
  /** Nodes whose znode vanished without a goodbye and whose rows are kept, unsupervised. */
  readonly silent: ReadonlySet<string>;
  /** Nodes that say up and that no row lists as active: the witness is to ask them; by nodeId. */
  readonly asking: ReadonlyMap<string, Asking>;
  /** Wall clock in ms at which the first slow start is over; null = there is none. */
  readonly rampEndsMs: number | null;
}

/**
 * What the dispatcher table should hold, from what is known of the nodes (the row table of
 * ARCHITECTURE.md).
 *
 * Pure; the order of the inputs does not matter. Never yields two rows with one key, never a row that
 * replaces one of somebody else's, and never drops the row of a node that only fell silent.
 */
export function deriveRows(input: DeriveInput): Derived {
  const work: Working = {
    input,
    table: tableByKey(input.previous),
    desired: new Map(),
    dropped: new Map(),
    conflicts: new Map(),
    foreign: new Map(),
    refused: [],
    silent: new Set(),
    asking: new Map(),
    scales: scalesOf(input),
    rampEndsMs: null,
  };
  for (const [nodeId, { record }] of input.nodes) claimRows(work, nodeId, record);
  judgeUnclaimed(work);
  const { desired, dropped, conflicts, foreign, refused, silent, asking, rampEndsMs } = work;
  return { desired, dropped, conflicts, foreign, refused, silent, asking, rampEndsMs };
}

/** What the weights of each set that carries some are relative to: its nodes that are up. */
function scalesOf({ nodes, wiring, nowMs, limits }: DeriveInput): ReadonlyMap<number, WeightScale> {
  const slowStartMs = limits.slowStartMs ?? 0;
  const weighted = new Set(
    wiring.filter((rule) => rule.selection === 'weight').map((r) => r.setid),
  );
  const scales = new Map<number, WeightScale>();
  for (const setid of weighted) {
    const roles = new Set(wiring.filter((rule) => rule.setid === setid).map((r) => r.target));
    const largest = largestCapacity(nodes.values(), roles);
    scales.set(setid, { largest, nowMs, slowStartMs });
  }
  return scales;
}

/** The rows by rowKey; of two with one key the first counts. */
export function tableByKey(rows: DeriveInput['previous']): ReadonlyMap<string, DispatcherRow> {
  if (rows instanceof Map) return rows as ReadonlyMap<string, DispatcherRow>;
  const table = new Map<string, DispatcherRow>();
  for (const row of rows as readonly DispatcherRow[]) {
    const key = rowKey(row);
    if (!table.has(key)) table.set(key, row);
  }
  return table;
}

/** What becomes of the rows of ours that no live node claims. */
function judgeUnclaimed(work: Working): void {
  const { zone } = work.input;
  const tagLength = describeRow(zoned(zone, '')).length;
  let owners: ReadonlyMap<string, string> | undefined;
  for (const [key, row] of work.table) {
    if (work.desired.has(key)) continue;
    const fault = faultOfTagged(row);
    if (fault !== null && zone === undefined) work.refused.push({ row, why: fault });
    if (fault !== null || !isOfZone(row, zone)) continue;
    owners ??= ownersByDescription(work.input);
    const nodeId = owners.get(row.description) ?? row.description.slice(tagLength);
    const record = work.input.nodes.get(nodeId)?.record;
    const verdict =
      record === undefined
        ? judgeGone(work.input, nodeId, row)
        : judgeLeftover(work.input, nodeId, record, row);
    if (record === undefined && verdict.why !== 'goodbye') work.silent.add(nodeId);
    if (verdict.row === null) work.dropped.set(key, { row, nodeId, why: verdict.why });
    else work.desired.set(key, { row: verdict.row, nodeId, why: verdict.why });
  }
}

function ownersByDescription(input: DeriveInput): Map<string, string> {
  const owners = new Map<string, string>();
  const tag = (nodeId: string): string => describeRow(zoned(input.zone, nodeId));
  // A row holds the end of a long name only: whoever asked the node may know the whole.
  for (const nodeId of input.evidence.keys()) owners.set(tag(nodeId), nodeId);
  for (const nodeId of input.remembered.keys()) owners.set(tag(nodeId), nodeId);
  for (const nodeId of input.intents.keys()) owners.set(tag(nodeId), nodeId);
  for (const nodeId of input.nodes.keys()) owners.set(tag(nodeId), nodeId);
  return owners;
}
