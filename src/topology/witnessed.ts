import type { Asking } from './admission.js';
import type { Evidence } from './desired-rows.js';
import { describeRow, zoned } from './dispatcher-row.js';
import type { GenerationRecord, WitnessedRecord, WitnessFinding, WitnessReport } from './node.js';
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

/**
 * What readers are told of the findings, of our own nodes or of those of another data centre (`zone`) by their
 * own ids; undefined when there are none. Bounded. Pure.
 */
export function witnessReport(found: Findings, zone?: string): WitnessReport | undefined {
  const all = [...found.values()]
    .flatMap((one) => {
      const nodeId = nodeIdIn(zone, one.nodeId);
      return nodeId === null ? [] : [nodeId === one.nodeId ? one : { ...one, nodeId }];
    })
    .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  if (all.length === 0) return undefined;
  const counts: Partial<Record<WitnessFinding, number>> = {};
  for (const finding of WITNESS_FINDINGS) {
    const count = all.filter((one) => one.finding === finding).length;
    if (count > 0) counts[finding] = count;
  }
  return { counts, nodes: all.slice(0, MAX_WITNESSED) };
}

/** Null when the name is no node's of this data centre. */
function nodeIdIn(zone: string | undefined, name: string): string | null {
  if (zone === undefined) return name.includes('/') ? null : name;
  const prefix = zoned(zone, '');
  return name.startsWith(prefix) ? name.slice(prefix.length) : null;
}

/** What the leader found of a node by the name of its row, which is what both know of a long name; undefined = it does not name it. Pure. */
export function findingOf(
  report: WitnessReport | undefined,
  nodeId: string,
): WitnessedRecord | undefined {
  const description = describeRow(nodeId);
  return report?.nodes.find((one) => describeRow(one.nodeId) === description);
}

/** How many vanished nodes were asked, and of how many of these the report does not tell the names. Pure. */
export function askedNodes(report: WitnessReport | undefined): {
  readonly count: number;
  readonly unnamed: number;
} {
  const isAsked = (finding: WitnessFinding): boolean =>
    finding === 'silent' || finding === 'unsupervised';
  const named = (report?.nodes ?? []).filter(({ finding }) => isAsked(finding)).length;
  const counts = WITNESS_FINDINGS.filter(isAsked).map((finding) => report?.counts[finding] ?? 0);
  const count = Math.max(
    named,
    counts.reduce((sum, one) => sum + one, 0),
  );
  return { count, unnamed: count - named };
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

/** The findings of a report by nodeId, as far as it names them; `zone`: of another data centre, by zoned names. Pure. */
export function findingsOf(report: WitnessReport | undefined, zone?: string): Findings {
  const found = new Map<string, WitnessedRecord>();
  for (const record of report?.nodes ?? []) {
    const nodeId = zoned(zone, record.nodeId);
    found.set(nodeId, zone === undefined ? record : { ...record, nodeId });
  }
  return found;
}

/** All findings that a leader's record tells, those of other data centres by zoned names. Pure. */
export function findingsIn(record: GenerationRecord | null): Findings {
  const remotes = (record?.remotes ?? []).flatMap(({ dc, witnessed }) => [
    ...findingsOf(witnessed, dc),
  ]);
  return new Map([...findingsOf(record?.witnessed), ...remotes]);
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
