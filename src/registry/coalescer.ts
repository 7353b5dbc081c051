import type { Logger } from 'pino';

/** Shortest time between two deliveries of one subscription. */
export const DELIVERY_GAP_MS = 50;

/**
 * Merges rings for one listener: the first after a quiet time is delivered at once (outside the
 * ringer's stack), further ones at most once per 50 ms, and the last ring is always followed by a delivery.
 */
export class Coalescer {
  readonly #listener: () => void;
  readonly #log: Logger;
  #deliveredAtMs = Number.NEGATIVE_INFINITY;
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(listener: () => void, log: Logger) {
    this.#listener = listener;
    this.#log = log;
  }

  ring(): void {
    if (this.#isClosed || this.#immediate !== undefined || this.#timer !== undefined) return;
    const leftMs = this.#deliveredAtMs + DELIVERY_GAP_MS - performance.now();
    if (leftMs <= 0) this.#immediate = setImmediate(() => this.#deliver());
    else this.#timer = setTimeout(() => this.#deliver(), leftMs);
  }

  /** Delivers outside the ringer's stack without waiting for the gap: for what must not be merged away. */
  ringNow(): void {
    if (this.#isClosed || this.#immediate !== undefined) return;
    clearTimeout(this.#timer);
    this.#immediate = setImmediate(() => this.#deliver());
  }

  close(): void {
    this.#isClosed = true;
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
  }

  #deliver(): void {
    this.#immediate = undefined;
    this.#timer = undefined;
    this.#deliveredAtMs = performance.now();
    try {
      this.#listener();
    } catch (err) {
      this.#log.error({ err }, 'a listener of the view failed');
    }
  }
}
