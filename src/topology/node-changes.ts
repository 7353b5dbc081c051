import type { Asking } from './admission.js';
import type { DesiredRow, LiveNode, RowWhy } from './desired-rows.js';
import type { RowChange } from './diff-rows.js';
import { rowKey } from './dispatcher-row.js';
import type { IntentRecord, NodeRecord, NodeState } from './node.js';
import { cutText } from '../util/cut-text.js';

export type AuditState = NodeState | 'gone';

/** A row that a change of a node moved; null = no row on that side. */
export interface RowFlags {
  readonly setid: number;
  readonly destination: string;
  readonly from: number | null;
  readonly to: number | null;
}

/** One change of one node, with the rows that followed from it: an entry of the timeline. */
export interface NodeChange {
  /** 8 to 36 characters. */
  readonly traceId: string;
  readonly nodeId: string;
  readonly from: AuditState;
  readonly to: AuditState;
  readonly cause: string;
  readonly actor: string;
  /** Wall clocks in ms; null when that stage is not known. */
  readonly occurredAtMs: number | null;
  readonly noticedAtMs: number | null;
  readonly publishedAtMs: number | null;
  readonly rows: readonly RowFlags[];
}

export interface NodeChangesInput {
  readonly nodes: ReadonlyMap<string, LiveNode>;
  readonly intents: ReadonlyMap<string, IntentRecord>;
  readonly remembered: ReadonlyMap<string, NodeRecord>;
  readonly silent: ReadonlySet<string>;
  /** Nodes whose admission is not decided: their change is told with the row that follows from it. */
  readonly asking: ReadonlyMap<string, Asking>;
  /** The row changes that will be made. */
  readonly changes: readonly RowChange[];
  /** Owner and reason of each changed row, by rowKey. */
  readonly reasons: ReadonlyMap<string, Pick<DesiredRow, 'nodeId' | 'why'>>;
  /** Traces that the audit already holds. */
  readonly known: ReadonlySet<string>;
  /** Prefix, unique per pass (at most 28 characters), of the ids of changes that carry no trace of their own. */
  readonly passId: string;
}

const MAX_TRACE_ID = 36;

/**
 * Attributes every row change to a change of a node, and adds the changes of nodes that moved no row.
 *
 * Pure; ordered by node.
 */
export function listNodeChanges(input: NodeChangesInput): NodeChange[] {
  const rows = rowsByNode(input);
  const found: NodeChange[] = [];
  for (const [nodeId, { record }] of input.nodes) {
    if (rows.has(nodeId) || !isToBeTold(input, record)) continue;
    found.push(ofRecord(record, []));
  }
  for (const nodeId of input.silent) {
    const last = input.remembered.get(nodeId);
    if (last === undefined || rows.has(nodeId) || input.known.has(goneId(last))) continue;
    found.push(ofVanished(last, 'vanished without a goodbye; its row is kept', []));
  }
  let count = 0;
  for (const [nodeId, moved] of rows) {
    count += 1;
    const change = attribute(input, nodeId, moved, `${input.passId}-${count}`);
    found.push(change);
    const own = input.nodes.get(nodeId)?.record;
    if (own !== undefined && own.trace.id !== change.traceId && isToBeTold(input, own)) {
      found.push(ofRecord(own, []));
    }
  }
  return found.sort((a, b) => (a.nodeId === b.nodeId ? 0 : a.nodeId < b.nodeId ? -1 : 1));
}

/** New to the audit, and no row that follows from it is still to come. */
function isToBeTold(input: NodeChangesInput, record: NodeRecord): boolean {
  if (input.known.has(record.trace.id)) return false;
  return input.asking.get(record.nodeId)?.admission !== 'waiting';
}

interface Moved {
  readonly why: RowWhy;
  readonly rows: RowFlags[];
}

function rowsByNode(input: NodeChangesInput): Map<string, Moved> {
  const found = new Map<string, Moved>();
  for (const change of input.changes) {
    const reason = input.reasons.get(rowKey(change.row));
    if (reason === undefined) continue;
    const { setid, destination, flags } = change.row;
    const row: RowFlags = {
      setid,
      destination,
      from:
        change.kind === 'update' ? change.before.flags : change.kind === 'delete' ? flags : null,
      to: change.kind === 'delete' ? null : flags,
    };
    const entry = found.get(reason.nodeId);
    if (entry === undefined) found.set(reason.nodeId, { why: reason.why, rows: [row] });
    else entry.rows.push(row);
  }
  return found;
}

function attribute(
  input: NodeChangesInput,
  nodeId: string,
  moved: Moved,
  freshId: string,
): NodeChange {
  const record = input.nodes.get(nodeId)?.record;
  const last = input.remembered.get(nodeId);
  const intent = input.intents.get(nodeId);
  if (moved.why === 'intent' && intent !== undefined) {
    return ofIntent(intent, (record ?? last)?.state ?? 'gone', moved.rows);
  }
  if (record !== undefined) {
    if (isToBeTold(input, record)) return ofRecord(record, moved.rows);
    const { state } = record;
    return ofReconciler(nodeId, state, state, causeOf(moved.why), moved.rows, freshId);
  }
  if (last !== undefined && !input.known.has(goneId(last))) {
    return ofVanished(last, causeOf(moved.why), moved.rows);
  }
  const from = last?.state ?? (moved.why === 'goodbye' ? 'down' : 'gone');
  return ofReconciler(nodeId, from, 'gone', causeOf(moved.why), moved.rows, freshId);
}

function ofRecord(record: NodeRecord, rows: readonly RowFlags[]): NodeChange {
  const { trace } = record;
  return {
    traceId: trace.id,
    nodeId: record.nodeId,
    from: trace.from,
    to: record.state,
    cause: trace.cause,
    actor: trace.actor,
    occurredAtMs: trace.occurredAtMs,
    noticedAtMs: trace.noticedAtMs,
    publishedAtMs: trace.publishedAtMs,
    rows,
  };
}

function ofIntent(intent: IntentRecord, from: AuditState, rows: readonly RowFlags[]): NodeChange {
  return {
    traceId: intentTraceId(intent),
    nodeId: intent.nodeId,
    from,
    to: from === 'gone' ? 'gone' : 'draining',
    cause: `${intent.want}: ${intent.why}`,
    actor: intent.by,
    occurredAtMs: intent.since,
    noticedAtMs: null,
    publishedAtMs: null,
    rows,
  };
}

function ofVanished(last: NodeRecord, cause: string, rows: readonly RowFlags[]): NodeChange {
  const base = ofReconciler(last.nodeId, last.state, 'gone', cause, rows, goneId(last));
  return base;
}

function ofReconciler(
  nodeId: string,
  from: AuditState,
  to: AuditState,
  cause: string,
  rows: readonly RowFlags[],
  traceId: string,
): NodeChange {
  return {
    traceId,
    nodeId,
    from,
    to,
    cause,
    actor: 'reconciler',
    occurredAtMs: null,
    noticedAtMs: null,
    publishedAtMs: null,
    rows,
  };
}

/** The same on every reconciler, so that a new leader does not tell it twice. */
function goneId(last: NodeRecord): string {
  return cutText(`gone-${last.trace.id}`, MAX_TRACE_ID);
}

/** The trace of an operator's intent: the same on every reconciler. */
export function intentTraceId(intent: IntentRecord): string {
  const since = Math.round(intent.since).toString(36);
  return `intent-${intent.nodeId.slice(-18)}-${since}`.slice(0, MAX_TRACE_ID);
}

function causeOf(why: RowWhy): string {
  switch (why) {
    case 'up':
      return 'it is up again in the eyes of the reconciler';
    case 'unanswered':
      return 'its agent says up, but it does not answer the reconciler';
    case 'draining':
      return 'it drains';
    case 'intent':
      return 'an operator took it out';
    case 'down':
      return 'it is down and did not return in time';
    case 'starting':
      return 'it starts again';
    case 'goodbye':
      return 'it said goodbye and left';
    case 'silent':
      return 'its agent is gone and it does not answer';
    case 'answers':
      return 'its agent is gone, but it answers';
    case 'moved':
      return 'it has another address now';
    case 'unwired':
      return 'the wiring does not list it in this set any more';
  }
}
