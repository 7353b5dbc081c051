import type { RunSpec } from './run-spec.js';
import { configKey } from './run-spec.js';

interface Delay {
  readonly untilMs: number;
  readonly lengthMs: number;
}

/** Launch delays by configuration: a task that failed or finished raises it, a killed one does not. */
export class Backoff {
  readonly #delays = new Map<string, Delay>();
  readonly #secondMs: number;

  constructor(secondMs: number) {
    this.#secondMs = secondMs;
  }

  raise(spec: RunSpec): void {
    const { backoffSeconds, backoffFactor, maxLaunchDelaySeconds } = spec.app;
    const before = this.#delays.get(configKey(spec));
    const next =
      before === undefined ? backoffSeconds * this.#secondMs : before.lengthMs * backoffFactor;
    const lengthMs = Math.min(next, maxLaunchDelaySeconds * this.#secondMs);
    this.#delays.set(configKey(spec), { lengthMs, untilMs: Date.now() + lengthMs });
  }

  reset(spec: RunSpec): void {
    this.#delays.delete(configKey(spec));
  }

  /** 0: launches may go on. */
  leftMs(spec: RunSpec): number {
    return Math.max(0, (this.#delays.get(configKey(spec))?.untilMs ?? 0) - Date.now());
  }
}
