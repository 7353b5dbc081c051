/**
 * What is remembered of a node that changes between up and down. Times are monotonic milliseconds.
 */
export interface Quarantine {
  /** When it changed, within the window and since the last quarantine began; oldest first. */
  readonly changes: readonly number[];
  /** When the last quarantine ends or ended; null = there was none. */
  readonly untilMs: number | null;
  /** Quarantines in a row so far: each next one is twice as long. */
  readonly times: number;
  readonly lastChangeMs: number | null;
}

export interface QuarantineLimits {
  /** So many changes within the window begin a quarantine. */
  readonly changes: number;
  readonly windowMs: number;
  /** How long the first one holds. */
  readonly holdMs: number;
  readonly maxHoldMs: number;
}

const HOLD_MS = 60_000;

export const DEFAULT_QUARANTINE_LIMITS: QuarantineLimits = {
  changes: 5,
  windowMs: 300_000,
  holdMs: HOLD_MS,
  maxHoldMs: 32 * HOLD_MS,
};

export const NO_QUARANTINE: Quarantine = {
  changes: [],
  untilMs: null,
  times: 0,
  lastChangeMs: null,
};

/**
 * The state after one more change, at `nowMs`. Reaching `limits.changes` within the window begins a
 * quarantine of holdMs * 2^times, at most maxHoldMs; a node that goes on changing inside one gets the
 * next, counted from then. After a whole window without a change behind a quarantine's end the next
 * one is short again. Pure; holds at most `limits.changes` times.
 */
export function noteChange(state: Quarantine, nowMs: number, limits: QuarantineLimits): Quarantine {
  const times = isForgiven(state, nowMs, limits) ? 0 : state.times;
  const changes = [...state.changes.filter((at) => nowMs - at <= limits.windowMs), nowMs];
  if (changes.length < limits.changes) return { ...state, changes, times, lastChangeMs: nowMs };
  const holdMs = Math.min(limits.maxHoldMs, limits.holdMs * 2 ** times);
  return { changes: [], untilMs: nowMs + holdMs, times: times + 1, lastChangeMs: nowMs };
}

/** True until the very millisecond in which the quarantine ends. Pure. */
export function isQuarantined(state: Quarantine, nowMs: number): boolean {
  return state.untilMs !== null && nowMs < state.untilMs;
}

function isForgiven(state: Quarantine, nowMs: number, limits: QuarantineLimits): boolean {
  if (state.untilMs === null) return false;
  const calmSinceMs = Math.max(state.untilMs, state.lastChangeMs ?? 0);
  return nowMs - calmSinceMs >= limits.windowMs;
}
