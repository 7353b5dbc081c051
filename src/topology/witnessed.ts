import type { Asking } from './admission.js';
import type { Evidence } from './desired-rows.js';
import type { WitnessedRecord, WitnessFinding, WitnessReport } from './node.js';
import { MAX_WITNESSED, WITNESS_FINDINGS } from './node.js';

/** Findings by nodeId. */
export type Findings = ReadonlyMap<string, WitnessedRecord>;

export interface FindingsInput {
  /** Nodes that vanished without a goodbye and whose rows stand: where they were asked, by nodeId. */
  readonly vanished: ReadonlyMap<string, string>;
  /** What the witness found of them; missing = not judged yet. */
  readonly evidence: ReadonlyMap<string, Evidence>;
  /** Nodes that say up and are to be admitted. */
  readonly asking: ReadonlyMap<string, Asking>;
  /** What the witness found of those. */
  readonly admissions: ReadonlyMap<string, Evidence>;
  /** The findings so far; those of an earlier leader when a term begins. */
  readonly before: Findings;
  /** Wall clock in ms. */
  readonly nowMs: number;
}

/**
 * Where the witness's findings differ from what the agents said, and since when. A finding stays until
 * the witness judged otherwise: the first moments of a new leader change nothing. Gives `before` itself when
 * nothing changed. Pure.
 */
export function findWitnessed(input: FindingsInput): Findings {
  const found = new Map<string, WitnessedRecord>();
  for (const [nodeId, destination] of input.vanished) {
    enter(input, found, nodeId, destination, ofVanished(input, nodeId));
  }
  for (const [nodeId, { destination, admission }] of input.asking) {
    if (admission !== 'admitted' && isDisagreed(input, nodeId)) {
      enter(input, found, nodeId, destination, 'disagreed');
    }
  }
  const isSame =
    found.size === input.before.size &&
    [...found].every(([nodeId, record]) => input.before.get(nodeId) === record);
  return isSame ? input.before : found;
}

function enter(
  input: FindingsInput,
  found: Map<string, WitnessedRecord>,
  nodeId: string,
  destination: string,
  finding: WitnessFinding,
): void {
  const before = input.before.get(nodeId);
  const isSame = before?.finding === finding;
  if (isSame && before.destination === destination) {
    found.set(nodeId, before);
    return;
  }
  const sinceMs = isSame ? before.sinceMs : input.nowMs;
  found.set(nodeId, { nodeId, finding, destination, sinceMs });
}

function ofVanished(input: FindingsInput, nodeId: string): WitnessFinding {
  switch (input.evidence.get(nodeId)) {
    case 'answers':
      return 'unsupervised';
    case 'silent':
      return 'silent';
    case 'unknown':
      return 'unasked';
    case undefined: {
      const before = input.before.get(nodeId)?.finding;
      return before === 'unsupervised' || before === 'silent' ? before : 'unasked';
    }
  }
}

function isDisagreed(input: FindingsInput, nodeId: string): boolean {
  const evidence = input.admissions.get(nodeId);
  if (evidence === undefined) return input.before.get(nodeId)?.finding === 'disagreed';
  return evidence === 'silent';
}

/** What readers are told of the findings; undefined when there are none. Bounded. Pure. */
export function witnessReport(found: Findings): WitnessReport | undefined {
  if (found.size === 0) return undefined;
  const all = [...found.values()].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  const counts: Partial<Record<WitnessFinding, number>> = {};
  for (const finding of WITNESS_FINDINGS) {
    const count = all.filter((one) => one.finding === finding).length;
    if (count > 0) counts[finding] = count;
  }
  return { counts, nodes: all.slice(0, MAX_WITNESSED) };
}

/** True when both tell the same. Pure. */
export function sameReport(a: WitnessReport | undefined, b: WitnessReport | undefined): boolean {
  return a === b || JSON.stringify(inOrder(a)) === JSON.stringify(inOrder(b));
}

/** A reader's record may hold the counts in another order. */
function inOrder(report: WitnessReport | undefined): unknown {
  if (report === undefined) return null;
  const counts = WITNESS_FINDINGS.map((finding) => report.counts[finding] ?? 0);
  const nodes = report.nodes.map((n) => [n.nodeId, n.finding, n.destination, n.sinceMs]);
  return [counts, nodes];
}

/** The findings of a report by nodeId, as far as it names them. Pure. */
export function findingsOf(report: WitnessReport | undefined): Findings {
  return new Map((report?.nodes ?? []).map((record) => [record.nodeId, record] as const));
}

/** What began and what ended between two states of the findings; a node whose finding changed is in both. Pure. */
export function findingChanges(
  before: Findings,
  after: Findings,
): { readonly began: readonly WitnessedRecord[]; readonly ended: readonly WitnessedRecord[] } {
  if (before === after) return { began: [], ended: [] };
  const differs = (other: Findings) => (record: WitnessedRecord) =>
    other.get(record.nodeId)?.finding !== record.finding;
  return {
    began: [...after.values()].filter(differs(before)),
    ended: [...before.values()].filter(differs(after)),
  };
}
