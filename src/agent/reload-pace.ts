import type { BackoffLimits } from '../util/backoff.js';
import { backoffMs } from '../util/backoff.js';
import type { Timekeeper } from './ports.js';

/**
 * When the next reload may go: never within `gapMs` of the one before, whatever happens, and later and
 * later while reloads do not help.
 */
export class ReloadPace {
  readonly #time: Pick<Timekeeper, 'monoMs' | 'random'>;
  readonly #gapMs: number;
  readonly #vain: BackoffLimits;
  #lastMs = Number.NEGATIVE_INFINITY;
  /** What reloads did not bring in, and how often each was tried. */
  #tries: ReadonlyMap<string, number> = new Map();

  constructor(time: Pick<Timekeeper, 'monoMs' | 'random'>, gapMs: number, maxVainMs: number) {
    this.#time = time;
    this.#gapMs = gapMs;
    this.#vain = { minMs: gapMs, maxMs: Math.max(gapMs, maxVainMs) };
  }

  /**
   * Milliseconds until a reload for these reasons is allowed; 0 or less = now. Reasons that were all
   * reloaded for in vain make it wait longer; a single new one does not.
   */
  dueInMs(reasons: readonly string[]): number {
    const tries = this.#leastTries(reasons);
    const gapMs =
      tries === 0
        ? this.#gapMs
        : Math.max(this.#gapMs, backoffMs(tries, this.#vain, this.#time.random));
    return this.#lastMs + gapMs - this.#time.monoMs();
  }

  /** True when a reload that was not gated went for each of these reasons. */
  wasTried(reasons: readonly string[]): boolean {
    return this.#leastTries(reasons) > 0;
  }

  /** A reload is sent now. */
  begin(): void {
    this.#lastMs = this.#time.monoMs();
  }

  /** The reload was not gated; what it brought about, only a reading tells. */
  noteTried(reasons: readonly string[]): void {
    this.#tries = new Map(reasons.map((reason) => [reason, (this.#tries.get(reason) ?? 0) + 1]));
  }

  /** Reasons that are gone are forgotten: should they come back, they are new. */
  keepOnly(reasons: readonly string[]): void {
    if (this.#tries.size === 0) return;
    const wanted = new Set(reasons);
    this.#tries = new Map([...this.#tries].filter(([reason]) => wanted.has(reason)));
  }

  /** Another life of the server: nothing was tried on it. The gap holds all the same. */
  reset(): void {
    this.#tries = new Map();
  }

  #leastTries(reasons: readonly string[]): number {
    if (reasons.length === 0) return 0;
    return reasons.reduce(
      (least, reason) => Math.min(least, this.#tries.get(reason) ?? 0),
      Number.POSITIVE_INFINITY,
    );
  }
}
