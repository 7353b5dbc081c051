export interface BackoffLimits {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * The pause before try number `attempt` (0 = first retry), in milliseconds: doubles from `minMs` up to
 * `maxMs`, of which a random half to all is taken so that many clients spread out.
 *
 * `random` gives [0, 1). Pure.
 */
export function backoffMs(attempt: number, limits: BackoffLimits, random: () => number): number {
  const fullMs = Math.min(limits.maxMs, limits.minMs * 2 ** Math.min(attempt, 30));
  return fullMs / 2 + (fullMs / 2) * random();
}
