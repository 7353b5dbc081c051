import type { RowChange } from '../topology/diff-rows.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { sameHeld } from '../topology/held.js';
import type { NodeChange } from '../topology/node-changes.js';
import type { GenerationRecord } from '../topology/node.js';
import { MAX_TRACES } from '../topology/node.js';
import { hashSets } from '../topology/plan-pass.js';
import { sameRemotes } from '../topology/remotes.js';
import { sameReport } from '../topology/witnessed.js';

/** What is told of the table beside its rows: the committed part of the generation record. */
export interface Head {
  readonly generation: number;
  readonly committedAtMs: number;
  readonly sets: Readonly<Record<string, string>>;
  readonly traces: readonly { readonly id: string; readonly generation: number }[];
}

/** The hashes of all sets after the changes; only those of the sets touched are made anew. Lost ones that are let go are none. Pure. */
export function rehash(
  before: Readonly<Record<string, string>>,
  after: ReadonlyMap<string, DispatcherRow>,
  changes: readonly RowChange[],
  letGo: readonly number[],
): Readonly<Record<string, string>> {
  if (changes.length + letGo.length === 0) return before;
  const touched = new Set([...letGo, ...changes.map((change) => change.row.setid)]);
  const kept = Object.entries(before).filter(([setid]) => !touched.has(Number(setid)));
  return { ...Object.fromEntries(kept), ...hashSets(after.values(), touched) };
}

/** The newest traces, at most MAX_TRACES, with those of a commit behind them. Pure. */
export function appendTraces(
  traces: Head['traces'],
  audit: readonly NodeChange[],
  generation: number,
): Head['traces'] {
  const added = audit.map((change) => ({ id: change.traceId, generation }));
  return [...traces, ...added].slice(-MAX_TRACES);
}

/** Whether the znode tells already what we would write. The time of commit does not count. Pure. */
export function isSame(found: GenerationRecord | null, wanted: GenerationRecord): boolean {
  if (found === null || found.generation !== wanted.generation || found.epoch !== wanted.epoch) {
    return false;
  }
  if (!sameHeld(found.held ?? [], wanted.held ?? [])) return false;
  if (!sameReport(found.witnessed, wanted.witnessed)) return false;
  if (!sameRemotes(found.remotes, wanted.remotes)) return false;
  return sameEntries(found.sets, wanted.sets) && lastTrace(found) === lastTrace(wanted);
}

function sameEntries(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

function lastTrace(record: GenerationRecord): string {
  return record.traces.at(-1)?.id ?? '';
}
