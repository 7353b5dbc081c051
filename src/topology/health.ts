/**
 * What one probe showed. `unknown` = the probe itself could not be made (no answer about the server);
 * `ended` = a failure that needs no second look, because the server itself said or showed that it ends.
 */
export type Verdict = 'ok' | 'fail' | 'ended' | 'unknown';

/** The judged answer: up or not, and how many probes in a row have contradicted it so far. */
export interface Health {
  readonly isUp: boolean;
  readonly streak: number;
}

export interface HealthLimits {
  /** Good probes in a row that make it up. */
  readonly rise: number;
  /** Failed probes in a row that make it down. */
  readonly fall: number;
}

export const DEFAULT_HEALTH_LIMITS: HealthLimits = { rise: 2, fall: 3 };

/** Not up until proven. */
export const INITIAL_HEALTH: Health = { isUp: false, streak: 0 };

/**
 * The health after one more probe. `unknown` changes nothing: it neither fails a node nor forgives it.
 * Pure.
 */
export function judge(health: Health, verdict: Verdict, limits: HealthLimits): Health {
  switch (verdict) {
    case 'unknown':
      return health;
    case 'ended':
      return { isUp: false, streak: 0 };
    case 'ok':
      return health.isUp ? settled(true) : contradicted(health, limits.rise);
    case 'fail':
      return health.isUp ? contradicted(health, limits.fall) : settled(false);
  }
}

function settled(isUp: boolean): Health {
  return { isUp, streak: 0 };
}

function contradicted(health: Health, limit: number): Health {
  const streak = health.streak + 1;
  return streak >= limit ? settled(!health.isUp) : { isUp: health.isUp, streak };
}
