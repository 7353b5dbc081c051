import type { Asking } from './admission.js';
import { judgeAdmission } from './admission.js';
import type { AddressConflict, DeriveInput, DesiredRow } from './desired-rows.js';
import type { DispatcherRow } from './dispatcher-row.js';
import { FLAGS_DISABLED, isOfZone, isSelectable } from './dispatcher-row.js';
import type { NodeRecord } from './node.js';
import type { Verdict } from './node-verdict.js';
import { judgeAsked, judgeLive } from './node-verdict.js';
import type { Place } from './places.js';
import { placesOf } from './places.js';
import type { WeightScale } from './weights.js';
import type { RefusedRow } from './row-validation.js';
import { isLikeWeight, isRamping, weightAttrs } from './weights.js';

/** What a derivation has found so far; see Derived in desired-rows.ts. */
export interface Working {
  readonly input: DeriveInput;
  /** All rows in the table by key. */
  readonly table: ReadonlyMap<string, DispatcherRow>;
  readonly desired: Map<string, DesiredRow>;
  readonly dropped: Map<string, DesiredRow>;
  readonly conflicts: Map<string, AddressConflict>;
  readonly foreign: Map<string, DesiredRow>;
  readonly refused: RefusedRow[];
  readonly silent: Set<string>;
  readonly asking: Map<string, Asking>;
  /** By setid, of the sets that carry weights. */
  readonly scales: ReadonlyMap<number, WeightScale>;
  /** Wall clock in ms. */
  rampEndsMs: number | null;
}

/** Enters the rows of one live node. */
export function claimRows(work: Working, nodeId: string, record: NodeRecord): void {
  const places = placesOf(work.input.wiring, nodeId, record, work.input.zone);
  const [first] = places;
  if (first === undefined) return;
  const firstRow = work.table.get(first.key);
  const verdict = verdictOf(work, nodeId, record, places, firstRow);
  for (const place of places) {
    const current = place === first ? firstRow : work.table.get(place.key);
    const own = current?.description === place.description ? current : undefined;
    if (own === undefined && current !== undefined && isRisky(work, nodeId, verdict, current)) {
      continue;
    }
    const row = rowFor(work, verdict, own, record, place);
    if (row !== null) enterClaim(work, place.key, current, { row, nodeId, why: verdict.why });
  }
}

/** A node that says up is asked first, unless a row of it is active already: it was admitted then. */
function verdictOf(
  work: Working,
  nodeId: string,
  record: NodeRecord,
  places: readonly Place[],
  firstRow: DispatcherRow | undefined,
): Verdict {
  const verdict = judgeLive(work.input, nodeId, record);
  const { admission } = work.input;
  const [first] = places;
  if (verdict.why !== 'up' || admission === undefined || first === undefined) return verdict;
  if (isActive(firstRow, first)) return verdict;
  if (places.some((place) => isActive(work.table.get(place.key), place))) return verdict;
  const judged = judgeAdmission(admission, nodeId, record);
  work.asking.set(nodeId, { destination: first.destination, admission: judged });
  return judgeAsked(judged);
}

function isActive(row: DispatcherRow | undefined, { description }: Place): boolean {
  return row?.description === description && isSelectable(row.flags);
}

/** Nothing but a silence that was proven takes an active row from whoever had the address before. */
function isRisky(work: Working, nodeId: string, verdict: Verdict, current: DispatcherRow): boolean {
  if (verdict.why !== 'unanswered' || !isSelectable(current.flags)) return false;
  return work.input.admission?.evidence.get(nodeId) !== 'silent';
}

function rowFor(
  work: Working,
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
      return setRow(own, verdict.flags, attrsFor(work, verdict, own, record, place), place);
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

function enterClaim(
  work: Working,
  key: string,
  current: DispatcherRow | undefined,
  claim: DesiredRow,
): void {
  const isOwn = current === undefined || current.description === claim.row.description;
  if (!isOwn && !isOfZone(current, work.input.zone)) {
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

/** A disabled row keeps the weight that it had: it gets no call, and a change would cost a reload. */
function attrsFor(
  work: Working,
  verdict: Verdict,
  own: DispatcherRow | undefined,
  record: NodeRecord,
  place: Place,
): string {
  const scale = place.isWeighted ? work.scales.get(place.setid) : undefined;
  if (scale === undefined) return '';
  if (verdict.flags === FLAGS_DISABLED && own !== undefined) return own.attrs;
  if (isRamping(record, scale)) {
    const endsMs = record.since + scale.slowStartMs;
    work.rampEndsMs = Math.min(work.rampEndsMs ?? endsMs, endsMs);
  }
  const wanted = weightAttrs(record, scale);
  const knowsSlowStart = work.input.limits.slowStartMs !== undefined;
  return own === undefined || knowsSlowStart || !isLikeWeight(own.attrs, wanted)
    ? wanted
    : own.attrs;
}
