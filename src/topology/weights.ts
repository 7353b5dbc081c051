import type { LoadClass, NodeRecord, Role } from './node.js';
import type { RowChange } from './diff-rows.js';

/** Share of its usual calls that a node of this class gets. A full one keeps a little: load alone takes nobody out. */
const CLASS_SHARE: Readonly<Record<LoadClass, number>> = { normal: 1, busy: 0.5, full: 0.1 };
/** Share of a node that became up just now, until its slow start is over. */
const RAMP_SHARE = 0.3;
const STEP = 5;

/** What the weights of one set are relative to. */
export interface WeightScale {
  /** The most sessions that one of its nodes can carry; 0 = not known of all of them. */
  readonly largest: number;
  /** Wall clock in ms. */
  readonly nowMs: number;
  /** A node that became up less than this many ms ago gets fewer calls; 0 = no slow start. */
  readonly slowStartMs: number;
}

/** Relative share of calls of a node: 1 to 100, in steps of 5. Pure. */
export function weightOf(record: NodeRecord, scale: WeightScale): number {
  const capacity = scale.largest > 0 ? record.maxSessions / scale.largest : 1;
  const ramp = isRamping(record, scale) ? RAMP_SHARE : 1;
  const weight = record.weight * capacity * CLASS_SHARE[record.loadClass] * ramp;
  return Math.min(100, Math.max(1, Math.round(weight / STEP) * STEP));
}

/**
 * The attrs of the row of a node in a set that is selected by weight. `own` (the weight that its operator gave
 * it), `load` and `ramp` tell why it is below the usual. Pure.
 */
export function weightAttrs(record: NodeRecord, scale: WeightScale): string {
  const isSlow = isRamping(record, scale);
  const weight = weightOf(record, scale);
  if (record.weight !== 100) return textOf(weight, record, isSlow);
  const texts = USUAL[record.loadClass];
  return (isSlow ? texts.slow : texts.usual)[weight] ?? '';
}

/** Made once, by load class and weight: ten thousand rows are compared in each pass. */
const USUAL = { normal: textsOf('normal'), busy: textsOf('busy'), full: textsOf('full') };

interface Texts {
  readonly usual: readonly string[];
  readonly slow: readonly string[];
}

function textsOf(loadClass: LoadClass): Texts {
  const of = (isSlow: boolean): string[] =>
    Array.from({ length: 101 }, (_, n) => textOf(n, { loadClass, weight: 100 }, isSlow));
  return { usual: of(false), slow: of(true) };
}

function textOf(
  weight: number,
  { loadClass, weight: own }: Pick<NodeRecord, 'loadClass' | 'weight'>,
  isSlow: boolean,
): string {
  const words = [
    `weight=${weight};rweight=${weight}`,
    ...(own === 100 ? [] : [`own=${own}`]),
    ...(loadClass === 'normal' ? [] : [`load=${loadClass}`]),
    ...(isSlow ? ['ramp=1'] : []),
  ];
  return words.join(';');
}

/** True when one is as good as the other to somebody who does not know how slowly nodes start. Pure. */
export function isLikeWeight(attrs: string, other: string): boolean {
  if (attrs === other) return true;
  return withoutRamp(reasonOf(attrs)) === withoutRamp(reasonOf(other));
}

function withoutRamp(reason: string): string {
  return reason.replace(/;?ramp=1$/, '');
}

/** True in the slow start. A time far in the future is somebody's wrong clock and counts for nothing. Pure. */
export function isRamping(record: NodeRecord, { nowMs, slowStartMs }: WeightScale): boolean {
  const ageMs = nowMs - record.since;
  return ageMs < slowStartMs && ageMs > -slowStartMs;
}

/** The largest capacity of the nodes given that are up and have one of the roles, 0 when one is unknown. Pure. */
export function largestCapacity(
  nodes: Iterable<{ readonly record: NodeRecord }>,
  roles: ReadonlySet<Role>,
): number {
  let largest = 0;
  for (const { record } of nodes) {
    if (record.state !== 'up' || !roles.has(record.role)) continue;
    if (record.maxSessions <= 0) return 0;
    if (record.maxSessions > largest) largest = record.maxSessions;
  }
  return largest;
}

/**
 * The changes without those weights that only drifted, because another node's capacity came or went: attrs
 * need a reload, and such a drift is not worth one. It goes with the next reload of its set. A change of the
 * load class and the end of a slow start are. Pure.
 */
export function deferDrift(changes: readonly RowChange[]): readonly RowChange[] {
  if (!changes.some(isDrift)) return changes;
  const due = new Set(changes.filter(needsReload).map((change) => change.row.setid));
  return changes.flatMap((change): readonly RowChange[] => {
    if (change.kind !== 'update' || !isDrift(change) || due.has(change.row.setid)) return [change];
    const { before } = change;
    if (change.row.flags === before.flags) return [];
    return [{ ...change, row: { ...change.row, attrs: before.attrs } }];
  });
}

function needsReload(change: RowChange): boolean {
  if (change.kind !== 'update') return true;
  const { before, row } = change;
  if (before.priority !== row.priority || before.description !== row.description) return true;
  return before.attrs !== row.attrs && !isDrift(change);
}

/** Nothing in the attrs but the numbers differs, and the row stays its owner's. */
function isDrift(change: RowChange): boolean {
  if (change.kind !== 'update') return false;
  const { before, row } = change;
  if (before.attrs === row.attrs || before.priority !== row.priority) return false;
  if (before.description !== row.description) return false;
  return reasonOf(before.attrs) === reasonOf(row.attrs);
}

/** What the attrs say beside the numbers. */
function reasonOf(attrs: string): string {
  return attrs
    .split(';')
    .filter((word) => word !== '' && !/^r?weight=/.test(word))
    .join(';');
}
