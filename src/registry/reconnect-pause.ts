/** What a pause before the next connection attempt depends on. */
export interface Attempt {
  /** Failed ones in a row. */
  readonly failures: number;
  /** In the list; each is tried once before the pauses grow. */
  readonly servers: number;
  /** There may be a session to come back to in time. */
  readonly hasSession: boolean;
  readonly zkSessionTimeoutMs: number;
}

/** A server that restarts, or elects, cuts everybody in the same instant: even first attempts are spread a little. */
const FIRST_MS = 20;
const RESUME_MIN_MS = 50;
/** Ephemerals go a session time-out after the server is back, so nobody sleeps for more than a part of it. */
const RESUME_SHARE = 4;
const RESUME_MAX_MS = 2_000;
const FRESH_MIN_MS = 250;
const FRESH_MAX_MS = 10_000;
/** No hot loop, however the dice fall. */
const FLOOR_MS = 5;

/**
 * Milliseconds to wait before the next attempt: almost nothing for the first round over the servers, then
 * anything between nothing and a bound that doubles with every further round ("full jitter": many clients
 * that failed together do not come back together). `random` gives [0, 1). Pure.
 */
export function reconnectPauseMs(attempt: Attempt, random: () => number): number {
  const round = Math.floor(attempt.failures / Math.max(1, attempt.servers));
  if (round === 0) return Math.floor(random() * FIRST_MS);
  const [minMs, maxMs] = bounds(attempt);
  const fullMs = Math.min(maxMs, minMs * 2 ** Math.min(round - 1, 30));
  return Math.max(FLOOR_MS, random() * fullMs);
}

function bounds({ hasSession, zkSessionTimeoutMs }: Attempt): readonly [number, number] {
  if (hasSession) {
    const maxMs = Math.min(RESUME_MAX_MS, zkSessionTimeoutMs / RESUME_SHARE);
    return [Math.min(RESUME_MIN_MS, maxMs), maxMs];
  }
  const maxMs = Math.min(FRESH_MAX_MS, zkSessionTimeoutMs / 2);
  return [Math.min(FRESH_MIN_MS, maxMs), maxMs];
}

const RENEWAL_SHARE = 10;
const RENEWAL_MIN_MS = 100;
const RENEWAL_MAX_MS = 1_000;

/** The pause before a new session when the former is over: whoever lost theirs together spreads out. Pure. */
export function renewalPauseMs(zkSessionTimeoutMs: number, random: () => number): number {
  const share = zkSessionTimeoutMs / RENEWAL_SHARE;
  return random() * Math.min(RENEWAL_MAX_MS, Math.max(RENEWAL_MIN_MS, share));
}
