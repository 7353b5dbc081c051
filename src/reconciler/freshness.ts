import type { Clock } from '../util/clock.js';

/** How long the view has been fresh without a break: what is removed must wait for a settled view. */
export class Freshness {
  #sinceMs: number | null = null;
  /** When it was fresh for the last time; before that it counts from our start. */
  #lastFreshMs: number;
  readonly #clock: Clock;
  readonly #settleMs: number;

  constructor(clock: Clock, settleMs: number) {
    this.#clock = clock;
    this.#settleMs = settleMs;
    this.#lastFreshMs = clock.monoMs();
  }

  note(isFresh: boolean): void {
    const nowMs = this.#clock.monoMs();
    if (isFresh || this.#sinceMs !== null) this.#lastFreshMs = nowMs;
    if (!isFresh) this.#sinceMs = null;
    else this.#sinceMs ??= nowMs;
  }

  /** Milliseconds since it was fresh for the last time, as far as was noted; 0 while it is. */
  staleForMs(): number {
    return this.#sinceMs !== null ? 0 : this.#clock.monoMs() - this.#lastFreshMs;
  }

  /** Milliseconds since when it has been fresh; 0 while it is stale. */
  freshForMs(): number {
    return this.#sinceMs === null ? 0 : this.#clock.monoMs() - this.#sinceMs;
  }

  isSettled(): boolean {
    return this.settlesInMs() === 0;
  }

  /** Milliseconds until the view counts as settled; null while it is stale. */
  settlesInMs(): number | null {
    if (this.#sinceMs === null) return null;
    return Math.max(0, this.#sinceMs + this.#settleMs - this.#clock.monoMs());
  }
}
