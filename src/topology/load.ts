import type { LoadClass } from './node.js';

export interface LoadLimits {
  /** From this share on a node is busy. */
  readonly busyShare: number;
  /** From this share on it is full. */
  readonly fullShare: number;
  /** How far the share must fall below a border before the node leaves its class. */
  readonly hysteresis: number;
}

export const DEFAULT_LOAD_LIMITS: LoadLimits = { busyShare: 0.7, fullShare: 0.95, hysteresis: 0.1 };

/** Shares are quotients and borders differences: closer than this they are equal. */
const EQUAL_WITHIN = 1e-9;

/**
 * The class of a node whose used share (0 to 1) is `usedShare` now. A border is reached by equality and
 * left only below border - hysteresis, so that a share that trembles around it changes nothing. An
 * unknown share (null) keeps the class; a node without one is normal. Pure.
 */
export function classifyLoad(
  previous: LoadClass | null,
  usedShare: number | null,
  limits: LoadLimits,
): LoadClass {
  if (usedShare === null) return previous ?? 'normal';
  const isIn = (border: number, wasIn: boolean): boolean =>
    usedShare >= border - (wasIn ? limits.hysteresis : 0) - EQUAL_WITHIN;
  if (isIn(limits.fullShare, previous === 'full')) return 'full';
  const wasBusy = previous === 'busy' || previous === 'full';
  return isIn(limits.busyShare, wasBusy) ? 'busy' : 'normal';
}

/** What a server said of its load; null = it did not say. */
export interface LoadFacts {
  readonly sessions: number | null;
  /** The server's own limit for sessions. */
  readonly limit: number | null;
  /** 0 to 1. */
  readonly memoryUsedShare: number | null;
}

/**
 * The largest of the known shares, null when none is known; above 1 for a server beyond its limit.
 * Of the server's own limit and ours (`maxSessions`, 0 = unknown) the smaller one counts. Pure.
 */
export function usedShare(facts: LoadFacts, maxSessions: number): number | null {
  const limits = [facts.limit ?? 0, maxSessions].filter((limit) => limit > 0);
  const isSessionShareKnown = facts.sessions !== null && limits.length > 0;
  const sessionShare = isSessionShareKnown ? (facts.sessions ?? 0) / Math.min(...limits) : null;
  const known = [sessionShare, facts.memoryUsedShare].filter((share) => share !== null);
  return known.length === 0 ? null : Math.max(...known);
}
