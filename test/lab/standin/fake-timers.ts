import type { Clock } from '../../../src/util/clock.js';
import type { Timers } from '../../../src/lab/standin/timers.js';

interface Waiting {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Time that stands still until `advance`. */
export class FakeTime implements Timers, Clock {
  nowMs = 1_000_000;
  #order = 0;
  #waiting: Waiting[] = [];

  monoMs = (): number => this.nowMs;
  wallMs = (): number => 1_795_000_000_000 + this.nowMs;

  after(ms: number, run: () => void): () => void {
    const entry = { atMs: this.nowMs + ms, order: ++this.#order, run };
    this.#waiting.push(entry);
    return () => (this.#waiting = this.#waiting.filter((w) => w !== entry));
  }

  get pending(): number {
    return this.#waiting.length;
  }

  /** Runs everything that falls due within `ms`, in order. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const [next] = this.#waiting
        .filter((w) => w.atMs <= endMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order);
      if (next === undefined) break;
      this.#waiting = this.#waiting.filter((w) => w !== next);
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = endMs;
  }
}
