import type { Clock } from '../util/clock.js';
import type { TermState } from './term-state.js';

/** Three questions of the witness. */
const ANSWERS_MS = 3_000;
/** Another data centre whose registry can be read at all has been read by then, and its view has settled. */
const REMOTES_MS = 20_000;

/**
 * When a table that PostgreSQL took back in time may be written anew. Every Kamailio keeps its list until then, so
 * there is time to ask: with the new version whatever the table lacks goes out of use, and whatever it has too
 * much comes into use.
 */
export class RewriteGate {
  readonly #clock: Clock;
  readonly #state: Pick<TermState, 'freshness' | 'remotes'>;
  /** Monotonic ms since when the table has been behind; null = it is not. */
  #sinceMs: number | null = null;

  constructor(clock: Clock, state: Pick<TermState, 'freshness' | 'remotes'>) {
    this.#clock = clock;
    this.#state = state;
  }

  /** Whether the table is behind now; gives the same. */
  note(isBehind: boolean): boolean {
    this.#sinceMs = isBehind ? (this.#sinceMs ?? this.#clock.monoMs()) : null;
    return isBehind;
  }

  /**
   * `areJudged`: everybody who says up, or whose znode is gone, was asked, and who says up answered. One lost
   * answer must not cost a sound node its calls, nor a registry that is only just read.
   */
  mustWait(areJudged: boolean): boolean {
    const { freshness, remotes } = this.#state;
    if (!freshness.isSettled()) return true;
    if (!remotes.areSettled() && this.#leftMs(REMOTES_MS) > 0) return true;
    return !areJudged && this.#leftMs(ANSWERS_MS) > 0;
  }

  /** When a bound is over: milliseconds from now. */
  dueInMs(): readonly number[] {
    return [ANSWERS_MS, REMOTES_MS].map((ms) => this.#leftMs(ms)).filter((ms) => ms > 0);
  }

  #leftMs(boundMs: number): number {
    return this.#sinceMs === null ? 0 : this.#sinceMs + boundMs - this.#clock.monoMs();
  }
}
