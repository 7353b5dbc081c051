import { wait } from '../util/wait.js';

/** Those who want to hear of something. */
export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>();
  readonly #onFailure: (err: unknown) => void;

  /** `onFailure` gets what a listener threw. */
  constructor(onFailure: (err: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Returns the function that ends it. */
  add(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when a value is told that `isIt` takes, or after `timeoutMs`. */
  async when(isIt: (value: T) => boolean, timeoutMs: number): Promise<void> {
    const told = new AbortController();
    const off = this.add((value) => {
      if (isIt(value)) told.abort();
    });
    await wait(timeoutMs, told.signal);
    off();
  }

  /** Outside the caller's stack and one by one, so that a listener that throws harms nobody else. */
  tell(value: T): void {
    setImmediate(() => {
      for (const listener of [...this.#listeners]) {
        try {
          listener(value);
        } catch (err) {
          this.#onFailure(err);
        }
      }
    });
  }
}
