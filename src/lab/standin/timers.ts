/** One-shot timers as an argument, so that tests can move time by hand. */
export interface Timers {
  /** Calls `run` once after `ms` milliseconds unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
}

/** Timers of this process. */
export const systemTimers: Timers = {
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Timers that are all cancelled together; after `close` it sets no more. */
export class TimerSet implements Timers {
  readonly #base: Timers;
  readonly #cancels = new Set<() => void>();
  #isClosed = false;

  constructor(base: Timers) {
    this.#base = base;
  }

  after(ms: number, run: () => void): () => void {
    if (this.#isClosed) return () => undefined;
    const cancelBase = this.#base.after(ms, () => {
      this.#cancels.delete(cancel);
      run();
    });
    const cancel = (): void => {
      this.#cancels.delete(cancel);
      cancelBase();
    };
    this.#cancels.add(cancel);
    return cancel;
  }

  /** How many are waiting. */
  get size(): number {
    return this.#cancels.size;
  }

  close(): void {
    this.#isClosed = true;
    for (const cancel of [...this.#cancels]) cancel();
  }
}
