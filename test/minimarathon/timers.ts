/** All timers of a server, so that none outlives it. */
export class Timers {
  readonly #running = new Set<NodeJS.Timeout>();
  #isClosed = false;

  /** Calls once, later; the answer prevents it. Never after `close`. */
  after(ms: number, call: () => void): () => void {
    if (this.#isClosed) return () => undefined;
    const timer = setTimeout(() => {
      this.#running.delete(timer);
      call();
    }, ms);
    return this.#keep(timer);
  }

  /** Calls again and again; the answer ends it. */
  every(ms: number, call: () => void): () => void {
    if (this.#isClosed) return () => undefined;
    return this.#keep(setInterval(call, ms));
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#running) clearTimeout(timer);
    this.#running.clear();
  }

  #keep(timer: NodeJS.Timeout): () => void {
    this.#running.add(timer);
    return () => {
      clearTimeout(timer);
      this.#running.delete(timer);
    };
  }
}
