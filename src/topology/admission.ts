import type { Evidence } from './desired-rows.js';
import type { NodeRecord } from './node.js';

/** Longest that a node which says up waits for the second witness before its row is written all the same, inactive. */
export const ADMISSION_WAIT_MS = 250;

/** What is known of the nodes that say up and that no row lists as active yet. */
export interface AdmissionInput {
  /** What the witness found, by nodeId; missing = not asked yet, or under way. */
  readonly evidence: ReadonlyMap<string, Evidence>;
  /** Monotonic ms since when this leader has wanted to know, by nodeId; missing = it has not begun to ask. */
  readonly sinceMs: ReadonlyMap<string, number>;
  /** Monotonic ms: now. */
  readonly monoMs: number;
}

/**
 * - `admitted`: it may take calls.
 * - `waiting`: nothing is inserted and nothing changed yet.
 * - `unanswered`: it is listed inactive until a Kamailio's own OPTIONS succeed, or the witness's.
 */
export type Admission = 'admitted' | 'waiting' | 'unanswered';

/** A node that is to be asked before it takes calls. */
export interface Asking {
  /** Where, as it would stand in the table. */
  readonly destination: string;
  readonly admission: Admission;
}

/** Whether a node that says up, and that no row lists as active, may be listed as active now. Pure. */
export function judgeAdmission(
  input: AdmissionInput,
  nodeId: string,
  record: NodeRecord,
): Admission {
  if (!canBeAsked(record)) return 'admitted';
  const evidence = input.evidence.get(nodeId);
  if (evidence === 'answers') return 'admitted';
  if (evidence === 'silent') return 'unanswered';
  const sinceMs = input.sinceMs.get(nodeId);
  const isOver = sinceMs !== undefined && input.monoMs - sinceMs >= ADMISSION_WAIT_MS;
  return isOver ? 'unanswered' : 'waiting';
}

/** The witness speaks UDP: of a node behind TCP or TLS the agent's word alone counts. */
function canBeAsked(record: NodeRecord): boolean {
  return record.sip[0]?.transport === 'udp';
}

/** Tells one wish to be admitted from another of the same node: an answer to an earlier life counts for nothing. */
export function admissionToken(record: NodeRecord, destination: string): string {
  return `${destination} ${record.instanceId} ${record.since}`;
}
