import { backoffMs } from '../util/backoff.js';
import { CrashLoopError } from '../util/errors.js';
import type { RestartTiming } from './timing.js';

/** How one life of the server went. */
export interface Life {
  /** Monotonic ms of its end. */
  readonly endedMs: number;
  /** How long it was up; 0 = never. */
  readonly upMs: number;
  readonly cause: string;
}

/** Says how long to pause before the next start, and when to give up. */
export class RestartPace {
  readonly #timing: RestartTiming;
  readonly #random: () => number;
  #lives: readonly Life[] = [];
  #attempt = 0;

  constructor(timing: RestartTiming, random: () => number) {
    this.#timing = timing;
    this.#random = random;
  }

  /** The pause in ms after this end. Throws CrashLoopError when it was one too many. */
  pauseAfter(life: Life): number {
    const { windowMs, maxNeverUp, maxEnds, stableMs, backoff } = this.#timing;
    const recent = [...this.#lives, life].filter((l) => life.endedMs - l.endedMs <= windowMs);
    this.#lives = recent;
    const neverUp = recent.filter((l) => l.upMs === 0).length;
    if (neverUp > maxNeverUp || recent.length > maxEnds) {
      throw new CrashLoopError(
        `the SIP server ended ${recent.length} times within ${windowMs / 1_000} s, ` +
          `${neverUp} times without ever being up; last: ${life.cause}`,
      );
    }
    if (life.upMs >= stableMs) this.#attempt = 0;
    const pauseMs = backoffMs(this.#attempt, backoff, this.#random);
    this.#attempt += 1;
    return pauseMs;
  }
}
