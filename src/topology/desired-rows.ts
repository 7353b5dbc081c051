import type { DispatcherRow } from './dispatcher-row.js';
import {
  describeRow,
  FLAGS_ACTIVE_PROBED,
  FLAGS_DISABLED,
  FLAGS_INACTIVE_PROBED,
  isOurs,
  rowKey,
} from './dispatcher-row.js';
import type { IntentRecord, NodeRecord } from './node.js';
import { destinationUri } from './node.js';
import type { Wiring } from './wiring.js';
import { setsListing } from './wiring.js';

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
}

export const DEFAULT_DERIVE_LIMITS: DeriveLimits = { downKeptMs: 10 * 60_000 };

export interface DeriveInput {
  readonly nodes: ReadonlyMap<string, LiveNode>;
  readonly intents: ReadonlyMap<string, IntentRecord>;
  readonly wiring: Wiring;
  /** The rows in the table; those of others may be among them and are never touched. */
  readonly previous: readonly DispatcherRow[];
  /** The last record of nodes whose znode vanished, by nodeId. */
  readonly remembered: ReadonlyMap<string, NodeRecord>;
  readonly evidence: ReadonlyMap<string, Evidence>;
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

interface Claim {
  readonly node: LiveNode;
  /** A row that is only kept for a while; whoever really is at the address has it. */
  readonly isWeak: boolean;
  readonly desired: DesiredRow;
}

interface Working {
  readonly input: DeriveInput;
  /** All rows in the table by key. */
  readonly table: ReadonlyMap<string, DispatcherRow>;
  /** Rows of ours by description. */
  readonly owned: ReadonlyMap<string, readonly DispatcherRow[]>;
  readonly claims: Map<string, Claim>;
  readonly dropped: Map<string, DesiredRow>;
  readonly conflicts: Map<string, AddressConflict>;
  readonly foreign: Map<string, DesiredRow>;
  readonly setids: Map<string, readonly number[]>;
}

/**
 * What the dispatcher table should hold, from what is known of the nodes (the row table of
 * ARCHITECTURE.md).
 *
 * Pure; the order of the inputs does not matter. Never yields two rows with one key, never a row that
 * replaces one of somebody else's, and never drops the row of a node that only fell silent.
 */
export function deriveRows(input: DeriveInput): Derived {
  const work = beginWork(input);
  for (const [nodeId, node] of input.nodes) claimRows(work, nodeId, node);
  const desired = new Map<string, DesiredRow>();
  for (const [key, claim] of work.claims) desired.set(key, claim.desired);
  const silent = new Set<string>();
  judgeVanished(work, desired, silent);
  return {
    desired,
    dropped: work.dropped,
    conflicts: work.conflicts,
    foreign: work.foreign,
    silent,
  };
}

function beginWork(input: DeriveInput): Working {
  const table = new Map<string, DispatcherRow>();
  const owned = new Map<string, DispatcherRow[]>();
  for (const row of input.previous) {
    table.set(rowKey(row), row);
    if (!isOurs(row)) continue;
    const rows = owned.get(row.description);
    if (rows === undefined) owned.set(row.description, [row]);
    else rows.push(row);
  }
  return {
    input,
    table,
    owned,
    claims: new Map(),
    dropped: new Map(),
    conflicts: new Map(),
    foreign: new Map(),
    setids: new Map(),
  };
}

/** Enters the rows of one live node, and what becomes of rows of its that it no longer claims. */
function claimRows(work: Working, nodeId: string, node: LiveNode): void {
  const description = describeRow(nodeId);
  const mine = work.owned.get(description) ?? [];
  const verdict = judgeLive(work.input, nodeId, node.record);
  const setids = setidsOf(work, node.record);
  const destination = firstDestination(node.record);
  for (const setid of destination === null ? [] : setids) {
    const key = `${setid} ${destination}`;
    const current = work.table.get(key);
    const own = current?.description === description ? current : undefined;
    const row = rowFor(verdict, own, node.record, {
      setid,
      destination: destination ?? '',
      description,
    });
    if (row !== null) {
      enterClaim(work, key, { node, isWeak: false, desired: { row, nodeId, why: verdict.why } });
    }
  }
  for (const row of mine) judgeLeftover(work, { nodeId, node, row, setids, destination, verdict });
}

function rowFor(
  verdict: Verdict,
  own: DispatcherRow | undefined,
  record: NodeRecord,
  place: Pick<DispatcherRow, 'setid' | 'destination' | 'description'>,
): DispatcherRow | null {
  switch (verdict.kind) {
    case 'expired':
      return null;
    case 'keep':
      return own ?? null;
    case 'set':
      if (own === undefined && !verdict.mayInsert) return null;
      return sameOrNew(own, {
        ...place,
        flags: verdict.flags,
        priority: 0,
        attrs: attrsOf(record),
      });
  }
}

/** The object in the table when it is right already: what is compared later is then the same object. */
function sameOrNew(own: DispatcherRow | undefined, row: DispatcherRow): DispatcherRow {
  const isSame =
    own !== undefined &&
    own.flags === row.flags &&
    own.attrs === row.attrs &&
    own.priority === row.priority;
  return isSame ? own : row;
}

interface Verdict {
  /** `keep` leaves an own row as it is, `expired` ends it. */
  readonly kind: 'set' | 'keep' | 'expired';
  readonly flags: number;
  /** False: only a row that the node has already is set. */
  readonly mayInsert: boolean;
  readonly why: RowWhy;
}

function judgeLive(input: DeriveInput, nodeId: string, record: NodeRecord): Verdict {
  const isWanted = record.state === 'up' || record.state === 'draining';
  if (input.intents.has(nodeId)) {
    return { kind: 'set', flags: FLAGS_DISABLED, mayInsert: isWanted, why: 'intent' };
  }
  switch (record.state) {
    case 'up':
      return { kind: 'set', flags: FLAGS_ACTIVE_PROBED, mayInsert: true, why: 'up' };
    case 'draining':
      return { kind: 'set', flags: FLAGS_DISABLED, mayInsert: true, why: 'draining' };
    case 'starting':
      return { kind: 'keep', flags: FLAGS_DISABLED, mayInsert: false, why: 'starting' };
    case 'down': {
      const isExpired = input.isSettled && input.nowMs - record.since > input.limits.downKeptMs;
      const kind = isExpired ? 'expired' : 'set';
      return { kind, flags: FLAGS_DISABLED, mayInsert: false, why: 'down' };
    }
  }
}

function enterClaim(work: Working, key: string, claim: Claim): void {
  const current = work.table.get(key);
  if (current !== undefined && !isOurs(current)) {
    const rival = work.foreign.get(key);
    if (rival === undefined || claim.desired.nodeId < rival.nodeId) {
      work.foreign.set(key, claim.desired);
    }
    return;
  }
  const rival = work.claims.get(key);
  if (rival === undefined) {
    work.claims.set(key, claim);
    return;
  }
  const isNewer = claim.isWeak === rival.isWeak ? isYounger(claim, rival) : rival.isWeak;
  const [winner, loser] = isNewer ? [claim, rival] : [rival, claim];
  work.claims.set(key, winner);
  if (!loser.isWeak) noteConflict(work, key, winner, loser);
}

/** A node that is down merely lost its address; two that live with one address are somebody's mistake. */
function noteConflict(work: Working, key: string, winner: Claim, loser: Claim): void {
  const known = work.conflicts.get(key);
  const { setid, destination } = winner.desired.row;
  const losers = [known?.loser, loser.node.record.state === 'down' ? null : loser.desired.nodeId];
  const named = losers.filter((id): id is string => typeof id === 'string').sort();
  const first = named[0];
  if (first === undefined) return;
  work.conflicts.set(key, { setid, destination, winner: winner.desired.nodeId, loser: first });
}

/** By creation of the znode; without it by the last change of state; at last by name, so that order never matters. */
function isYounger(a: Claim, b: Claim): boolean {
  const [x, y] = [a.node.czxid, b.node.czxid];
  if (x !== undefined && y !== undefined && x !== y) return x > y;
  const [s, t] = [a.node.record.since, b.node.record.since];
  return s === t ? a.desired.nodeId > b.desired.nodeId : s > t;
}

interface Leftover {
  readonly nodeId: string;
  readonly node: LiveNode;
  readonly row: DispatcherRow;
  readonly setids: readonly number[];
  readonly destination: string | null;
  readonly verdict: Verdict;
}

/** A row of a living node at an address or in a set that is not its any more, or whose time is over. */
function judgeLeftover(work: Working, left: Leftover): void {
  const { nodeId, node, row, verdict } = left;
  const key = rowKey(row);
  const isWired = left.setids.includes(row.setid);
  const isHere = isWired && row.destination === left.destination;
  if (isHere && verdict.kind !== 'expired') return;
  const why = isHere ? 'down' : isWired ? 'moved' : 'unwired';
  if (verdict.kind === 'keep' && isWired) {
    enterClaim(work, key, { node, isWeak: true, desired: { row, nodeId, why: 'starting' } });
  } else if (work.input.isSettled) {
    work.dropped.set(key, { row, nodeId, why });
  } else {
    const kept = why === 'moved' ? { ...row, flags: FLAGS_DISABLED } : row;
    enterClaim(work, key, { node, isWeak: true, desired: { row: kept, nodeId, why } });
  }
}

function judgeVanished(work: Working, desired: Map<string, DesiredRow>, silent: Set<string>): void {
  const owners = ownersByDescription(work.input);
  for (const [description, rows] of work.owned) {
    const nodeId = owners.get(description) ?? description.slice(description.indexOf(':') + 1);
    const isLive = work.input.nodes.has(nodeId);
    for (const row of rows) {
      const key = rowKey(row);
      if (work.claims.has(key)) {
        work.dropped.delete(key);
        continue;
      }
      if (isLive) continue;
      const verdict = judgeGone(work.input, nodeId, row);
      if (verdict.why !== 'goodbye') silent.add(nodeId);
      if (verdict.row === null) work.dropped.set(key, { row, nodeId, why: verdict.why });
      else desired.set(key, { row: verdict.row, nodeId, why: verdict.why });
    }
  }
}

interface GoneVerdict {
  /** The row as it should be; null deletes it. */
  readonly row: DispatcherRow | null;
  readonly why: RowWhy;
}

/** What becomes of a row of ours without a znode behind it. */
function judgeGone(input: DeriveInput, nodeId: string, row: DispatcherRow): GoneVerdict {
  const last = input.remembered.get(nodeId);
  const isOut = input.intents.has(nodeId);
  const isDisabled = (row.flags & FLAGS_DISABLED) !== 0;
  // Without memory a disabled row tells of a goodbye, unless an operator may have disabled it.
  const saidGoodbye =
    last === undefined ? isDisabled && !isOut : last.state === 'draining' || last.state === 'down';
  if (saidGoodbye) {
    return { row: input.isSettled ? null : withFlags(row, FLAGS_DISABLED), why: 'goodbye' };
  }
  if (isOut) return { row: withFlags(row, FLAGS_DISABLED), why: 'intent' };
  switch (input.evidence.get(nodeId) ?? 'unknown') {
    case 'answers':
      return { row: withFlags(row, FLAGS_ACTIVE_PROBED), why: 'answers' };
    case 'silent':
      return { row: input.isSettled ? withFlags(row, FLAGS_INACTIVE_PROBED) : row, why: 'silent' };
    case 'unknown':
      return { row, why: 'silent' };
  }
}

function ownersByDescription(input: DeriveInput): Map<string, string> {
  const owners = new Map<string, string>();
  for (const nodeId of input.remembered.keys()) owners.set(describeRow(nodeId), nodeId);
  for (const nodeId of input.intents.keys()) owners.set(describeRow(nodeId), nodeId);
  for (const nodeId of input.nodes.keys()) owners.set(describeRow(nodeId), nodeId);
  return owners;
}

function withFlags(row: DispatcherRow, flags: number): DispatcherRow {
  return row.flags === flags ? row : { ...row, flags };
}

function setidsOf(work: Working, record: NodeRecord): readonly number[] {
  const known = work.setids.get(record.role);
  if (known !== undefined) return known;
  const setids = setsListing(work.input.wiring, record.role);
  work.setids.set(record.role, setids);
  return setids;
}

function firstDestination(record: NodeRecord): string | null {
  const endpoint = record.sip[0];
  return endpoint === undefined ? null : destinationUri(endpoint);
}

/** Nothing for the usual weight, so that the order of hashes and the column stay as simple as they can be. */
function attrsOf(record: NodeRecord): string {
  return record.weight === 100 ? '' : `weight=${record.weight};rweight=${record.weight}`;
}
