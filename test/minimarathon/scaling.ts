import type { Candidate } from './instance.js';

export type KillSelection = 'YOUNGEST_FIRST' | 'OLDEST_FIRST';

/** What a scaling does: who goes, and how many come. */
export interface Proposition<T> {
  readonly toDecommission: readonly T[];
  readonly toStart: number;
}

/** Lower goes first; everything else is 5. */
const WEIGHTS: Readonly<Record<string, number>> = {
  Unreachable: 1,
  Staging: 2,
  Starting: 3,
  Running: 4,
};

/**
 * Marathon's ScalingProposition: first the sentenced, then those that `meetConstraints` picks, then the
 * rest by condition and date. Never asks for health. Pure.
 */
export function propose<T extends Candidate>(
  instances: readonly T[],
  sentencedIds: readonly string[],
  meetConstraints: (candidates: readonly T[], count: number) => readonly T[],
  scaleTo: number,
  selection: KillSelection,
): Proposition<T> {
  const running = instances.filter(
    (one) => one.goal === 'Running' && one.condition !== 'UnreachableInactive',
  );
  const sentenced = running.filter((one) => sentencedIds.includes(one.id));
  const others = running.filter((one) => !sentencedIds.includes(one.id));
  const count = Math.max(running.length - scaleTo, sentenced.length);
  const uneven = meetConstraints(others, count - sentenced.length);
  const rest = others
    .filter((one) => !uneven.some((other) => other.id === one.id))
    .sort((a, b) => compareVictims(a, b, selection));
  return {
    toDecommission: [...sentenced, ...uneven, ...rest].slice(0, Math.max(0, count)),
    toStart: Math.max(0, scaleTo - running.length + count),
  };
}

/** Negative when `a` dies before `b`. Pure. */
export function compareVictims(a: Candidate, b: Candidate, selection: KillSelection): number {
  const difference = (WEIGHTS[a.condition] ?? 5) - (WEIGHTS[b.condition] ?? 5);
  if (difference !== 0) return difference;
  const sign = selection === 'YOUNGEST_FIRST' ? -1 : 1;
  if (a.condition === 'Staging')
    return sign * ((a.stagedAtMs ?? a.sinceMs) - (b.stagedAtMs ?? b.sinceMs));
  if (a.condition === 'Starting') return sign * (a.sinceMs - b.sinceMs);
  if (a.activeSinceMs === null || b.activeSinceMs === null) {
    return Number(b.activeSinceMs === null) - Number(a.activeSinceMs === null);
  }
  return sign * (a.activeSinceMs - b.activeSinceMs);
}
