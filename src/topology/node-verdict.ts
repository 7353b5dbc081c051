import type { Admission } from './admission.js';
import type { DeriveInput, RowWhy } from './desired-rows.js';
import type { DispatcherRow } from './dispatcher-row.js';
import {
  FLAGS_ACTIVE_PROBED,
  FLAGS_DISABLED,
  FLAGS_INACTIVE_PROBED,
  rowKey,
} from './dispatcher-row.js';
import type { NodeRecord } from './node.js';
import { placesOf } from './places.js';

/** What the row of a living node should be. */
export interface Verdict {
  /** `keep` leaves an own row as it is, `expired` ends it. */
  readonly kind: 'set' | 'keep' | 'expired';
  readonly flags: number;
  /** False: only a row that the node has already is set. */
  readonly mayInsert: boolean;
  readonly why: RowWhy;
}

/** The row of a node whose znode stands, by its own word and the operator's. */
export function judgeLive(input: DeriveInput, nodeId: string, record: NodeRecord): Verdict {
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

/** The row of a node that says up and that the witness asks first. */
export function judgeAsked(admission: Admission): Verdict {
  switch (admission) {
    case 'admitted':
      return { kind: 'set', flags: FLAGS_ACTIVE_PROBED, mayInsert: true, why: 'up' };
    case 'unanswered':
      return { kind: 'set', flags: FLAGS_INACTIVE_PROBED, mayInsert: true, why: 'unanswered' };
    case 'waiting':
      return { kind: 'keep', flags: FLAGS_INACTIVE_PROBED, mayInsert: false, why: 'unanswered' };
  }
}

/** A row of a living node at an address or in a set that is not its any more, or whose time is over. */
export function judgeLeftover(
  input: DeriveInput,
  nodeId: string,
  record: NodeRecord,
  row: DispatcherRow,
): GoneVerdict {
  const places = placesOf(input.wiring, nodeId, record, input.zone);
  const isWired = places.length === 0 || places.some((place) => place.setid === row.setid);
  const isHere = places.some((place) => place.key === rowKey(row));
  if (record.state === 'starting' && isWired && !input.intents.has(nodeId)) {
    return { row, why: 'starting' };
  }
  const why = isHere ? 'down' : isWired ? 'moved' : 'unwired';
  if (input.isSettled) return { row: null, why };
  return { row: why === 'moved' ? withFlags(row, FLAGS_DISABLED) : row, why };
}

/** What becomes of a row that no living node claims. */
export interface GoneVerdict {
  /** The row as it should be; null deletes it. */
  readonly row: DispatcherRow | null;
  readonly why: RowWhy;
}

/** What becomes of a row of ours without a znode behind it. */
export function judgeGone(input: DeriveInput, nodeId: string, row: DispatcherRow): GoneVerdict {
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
      return { row: silentRow(input, nodeId, row), why: 'silent' };
    case 'unknown':
      return { row, why: 'silent' };
  }
}

/** Inactive until Kamailio's own OPTIONS succeed; deleted after the limbo. Nothing changes before the view has settled. */
function silentRow(input: DeriveInput, nodeId: string, row: DispatcherRow): DispatcherRow | null {
  if (!input.isSettled) return row;
  const sinceMs = input.silentSinceMs?.get(nodeId) ?? input.nowMs;
  if (input.nowMs - sinceMs > input.limits.limboMs) return null;
  return withFlags(row, FLAGS_INACTIVE_PROBED);
}

function withFlags(row: DispatcherRow, flags: number): DispatcherRow {
  return row.flags === flags ? row : { ...row, flags };
}
