import type { Bell, Timekeeper } from '../../../src/agent/ports.js';

interface Timer {
  readonly atMs: number;
  readonly fire: () => void;
}

/** Time that passes only when a test says so. */
export class FakeTime implements Timekeeper {
  #nowMs = 1_000_000;
  #timers: Timer[] = [];

  readonly wallMs = (): number => this.#nowMs;
  readonly monoMs = (): number => this.#nowMs;
  readonly random = (): number => 0.5;
  readonly wait = (ms: number, signal?: AbortSignal): Promise<void> => this.#sleep(ms, signal).over;

  readonly newBell = (): Bell => {
    let isRung = false;
    let wake: (() => void) | undefined;
    return {
      ring: () => {
        isRung = true;
        wake?.();
      },
      wait: async (ms, signal) => {
        if (!isRung) {
          const sleep = this.#sleep(ms, signal);
          wake = sleep.end;
          await sleep.over;
          wake = undefined;
        }
        isRung = false;
      },
    };
  };

  /** Lets `ms` pass, timer by timer, with everything that follows from each. */
  async advance(ms: number): Promise<void> {
    const targetMs = this.#nowMs + ms;
    await flush();
    for (;;) {
      const next = this.#timers
        .filter((timer) => timer.atMs <= targetMs)
        .sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fire();
      await flush();
    }
    this.#nowMs = targetMs;
  }

  #sleep(ms: number, signal?: AbortSignal): { over: Promise<void>; end: () => void } {
    let end = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      const timer: Timer = { atMs: this.#nowMs + Math.max(1, ms), fire: () => end() };
      end = () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      this.#timers.push(timer);
      signal?.addEventListener('abort', end);
      if (signal?.aborted === true) end();
    });
    return { over, end };
  }
}

/** Everything that can happen without time passing has happened. */
export async function flush(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
