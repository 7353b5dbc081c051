import type { DispatcherRow } from './dispatcher-row.js';
import { describeRow, isOurs, rowKey } from './dispatcher-row.js';
import type { IntentRecord, NodeRecord } from './node.js';
import type { Verdict } from './node-verdict.js';
import { judgeGone, judgeLeftover, judgeLive } from './node-verdict.js';
import type { Place } from './places.js';
import { placesOf } from './places.js';
import type { Wiring } from './wiring.js';

/** A node as the registry shows it; the czxid of its znode (when known) tells which of two is younger. */
export interface LiveNode {
  readonly record: NodeRecord;
  readonly czxid?: bigint;
}

/** What the second witness (our own OPTIONS) says of a node whose znode vanished. */
export type Evidence = 'answers' | 'silent' | 'unknown';

/** Why a row is as it is, or why it goes. */
export type RowWhy =
  | 'up'
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
}

export const DEFAULT_DERIVE_LIMITS: DeriveLimits = { downKeptMs: 10 * 60_000, limboMs: 40_000 };

export interface DeriveInput {
  readonly nodes: ReadonlyMap<string, LiveNode>;
  readonly intents: ReadonlyMap<string, IntentRecord>;
  readonly wiring: Wiring;
  /** The rows in the table (a map is by rowKey); those of others may be among them and are never touched. */
  readonly previous: readonly DispatcherRow[] | ReadonlyMap<string, DispatcherRow>;
  /** The last record of nodes whose znode vanished, by nodeId. */
  readonly remembered: ReadonlyMap<string, NodeRecord>;
  readonly evidence: ReadonlyMap<string, Evidence>;
  /** Wall clock in ms since when a silent node has not answered, by nodeId. */
  readonly silentSinceMs?: ReadonlyMap<string, number>;
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
  /** Nodes whose znode vanished without a goodbye and whose rows are kept, unsupervised. */
  readonly silent: ReadonlySet<string>;
}

interface Working {
  readonly input: DeriveInput;
  /** All rows in the table by key. */
  readonly table: ReadonlyMap<string, DispatcherRow>;
  readonly desired: Map<string, DesiredRow>;
  readonly dropped: Map<string, DesiredRow>;
  readonly conflicts: Map<string, AddressConflict>;
  readonly foreign: Map<string, DesiredRow>;
  readonly silent: Set<string>;
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
    silent: new Set(),
  };
  for (const [nodeId, { record }] of input.nodes) claimRows(work, nodeId, record);
  judgeUnclaimed(work);
  const { desired, dropped, conflicts, foreign, silent } = work;
  return { desired, dropped, conflicts, foreign, silent };
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

/** Enters the rows of one live node. */
function claimRows(work: Working, nodeId: string, record: NodeRecord): void {
  const verdict = judgeLive(work.input, nodeId, record);
  for (const place of placesOf(work.input.wiring, nodeId, record)) {
    const current = work.table.get(place.key);
    const own = current?.description === place.description ? current : undefined;
    const row = rowFor(verdict, own, record, place);
    if (row !== null) enterClaim(work, place.key, { row, nodeId, why: verdict.why });
  }
}

function rowFor(
  verdict: Verdict,
  own: DispatcherRow | undefined,
  record: NodeRecord,
  place: Place,
): DispatcherRow | null {
  switch (verdict.kind) {
    case 'expired':
      return null;
    case 'keep':
      return own ?? null;
    case 'set':
      if (own === undefined && !verdict.mayInsert) return null;
      return setRow(own, verdict.flags, attrsOf(record), place);
  }
}

/** The object in the table when it is right already: what is compared later is then the same object. */
function setRow(
  own: DispatcherRow | undefined,
  flags: number,
  attrs: string,
  { setid, destination, description }: Place,
): DispatcherRow {
  if (own?.flags === flags && own.attrs === attrs && own.priority === 0) return own;
  return { setid, destination, flags, priority: 0, attrs, description };
}

function enterClaim(work: Working, key: string, claim: DesiredRow): void {
  const current = work.table.get(key);
  if (current !== undefined && !isOurs(current)) {
    const rival = work.foreign.get(key);
    if (rival === undefined || claim.nodeId < rival.nodeId) work.foreign.set(key, claim);
    return;
  }
  const rival = work.desired.get(key);
  if (rival === undefined) {
    work.desired.set(key, claim);
    return;
  }
  const [winner, loser] = isYounger(work, claim, rival) ? [claim, rival] : [rival, claim];
  work.desired.set(key, winner);
  noteConflict(work, key, winner, loser);
}

/** A node that is down merely lost its address; two that live with one address are somebody's mistake. */
function noteConflict(work: Working, key: string, winner: DesiredRow, loser: DesiredRow): void {
  const { setid, destination } = winner.row;
  const isDown = work.input.nodes.get(loser.nodeId)?.record.state === 'down';
  const losers = [work.conflicts.get(key)?.loser, isDown ? undefined : loser.nodeId];
  const first = losers.filter((id) => id !== undefined).sort()[0];
  if (first === undefined) return;
  work.conflicts.set(key, { setid, destination, winner: winner.nodeId, loser: first });
}

/** By creation of the znode; without it by the last change of state; at last by name, so that order never matters. */
function isYounger(work: Working, a: DesiredRow, b: DesiredRow): boolean {
  const [x, y] = [work.input.nodes.get(a.nodeId), work.input.nodes.get(b.nodeId)];
  const [p, q] = [x?.czxid, y?.czxid];
  if (p !== undefined && q !== undefined && p !== q) return p > q;
  const [s, t] = [x?.record.since ?? 0, y?.record.since ?? 0];
  return s === t ? a.nodeId > b.nodeId : s > t;
}

/** What becomes of the rows of ours that no live node claims. */
function judgeUnclaimed(work: Working): void {
  let owners: ReadonlyMap<string, string> | undefined;
  for (const [key, row] of work.table) {
    if (work.desired.has(key) || !isOurs(row)) continue;
    owners ??= ownersByDescription(work.input);
    const nodeId = owners.get(row.description) ?? row.description.slice(describeRow('').length);
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
  for (const nodeId of input.remembered.keys()) owners.set(describeRow(nodeId), nodeId);
  for (const nodeId of input.intents.keys()) owners.set(describeRow(nodeId), nodeId);
  for (const nodeId of input.nodes.keys()) owners.set(describeRow(nodeId), nodeId);
  return owners;
}

/** Nothing for the usual weight, so that the order of hashes and the column stay as simple as they can be. */
function attrsOf(record: NodeRecord): string {
  return record.weight === 100 ? '' : `weight=${record.weight};rweight=${record.weight}`;
}
