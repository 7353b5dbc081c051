import { CarnaError } from '../util/errors.js';
import type { ServerControl, WorkLeft } from './servers/server.js';

/** Counts what is left on a draining server, and how fast it ends. */
export class WorkCount {
  #left: WorkLeft | null = null;
  #first: { readonly atMs: number; readonly count: number } | null = null;
  #lastMs = 0;

  /** By the last look; null while the server does not say. */
  get left(): WorkLeft | null {
    return this.#left;
  }

  /** Calls that ended per second since the first look; null before the second. */
  get endedPerSecond(): number | null {
    if (this.#first === null || this.#left === null) return null;
    const seconds = (this.#lastMs - this.#first.atMs) / 1_000;
    return seconds <= 0 ? null : Math.max(0, (this.#first.count - this.#left.count) / seconds);
  }

  /** Asks the server; nothing is left on one that does not run. */
  async look(server: ServerControl | null, nowMs: number): Promise<WorkLeft | null> {
    this.#left = await readLeft(server);
    this.#lastMs = nowMs;
    if (this.#left !== null) this.#first ??= { atMs: nowMs, count: this.#left.count };
    return this.#left;
  }

  reset(): void {
    this.#left = null;
    this.#first = null;
  }
}

async function readLeft(server: ServerControl | null): Promise<WorkLeft | null> {
  if (server === null) return { count: 0, text: 'no server' };
  try {
    return await server.countLeft();
  } catch (err) {
    if (err instanceof CarnaError) return null;
    throw err;
  }
}
