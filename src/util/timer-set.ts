/** Timers that are given up together. */
export class TimerSet {
  readonly #timers = new Set<NodeJS.Timeout>();

  /** Those still to fire. */
  get size(): number {
    return this.#timers.size;
  }

  /** Calls `work` after `ms` milliseconds. Returns the function that prevents it. */
  after(ms: number, work: () => void): () => void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }

  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
