import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import './real-time.js';
import type { Random } from './random.js';
import type { Scheduler, SimEvent } from './scheduler.js';

/** Wall clock at virtual time 0. */
export const WALL_BASE_MS = 1_800_000_000_000;

interface Running {
  readonly scheduler: Scheduler;
  /** For the product's own randomness. */
  readonly random: Random;
}

let running: Running | null = null;

/** The schedule whose time the globals tell from now on; null = none. */
export function useSchedule(next: Running | null): void {
  running = next;
}

function now(): Running {
  if (running === null) throw new Error('no schedule is running');
  return running;
}

/** What `setTimeout` gives here. */
class SimTimer {
  event: SimEvent | null = null;

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }
}

function begin(timer: SimTimer, ms: number, run: () => void): void {
  const { scheduler } = now();
  const actor = scheduler.current;
  if (actor === null) throw new Error('a timer was set outside of any process');
  if (actor.state === 'dead') return;
  timer.event = scheduler.act(ms, actor, 'timer', run);
}

function end(timer: unknown): void {
  if (!(timer instanceof SimTimer) || timer.event === null) return;
  timer.event.run = null;
  timer.event = null;
}

/**
 * Replaces the globals through which code learns the time, waits and draws lots, for good: a process that
 * called this can only simulate. To be called before the product's modules are imported.
 */
export function installVirtualTime(): void {
  const replacements = {
    setTimeout: (work: (...a: unknown[]) => void, ms?: number, ...args: unknown[]): SimTimer => {
      const timer = new SimTimer();
      begin(timer, Math.max(1, ms ?? 1), () => work(...args));
      return timer;
    },
    setInterval: (work: (...a: unknown[]) => void, ms?: number, ...args: unknown[]): SimTimer => {
      const timer = new SimTimer();
      const tick = (): void => {
        begin(timer, Math.max(1, ms ?? 1), tick);
        work(...args);
      };
      begin(timer, Math.max(1, ms ?? 1), tick);
      return timer;
    },
    setImmediate: (work: (...a: unknown[]) => void, ...args: unknown[]): SimTimer => {
      const timer = new SimTimer();
      begin(timer, 0, () => work(...args));
      return timer;
    },
    clearTimeout: end,
    clearInterval: end,
    clearImmediate: end,
  };
  Object.assign(globalThis, replacements);
  performance.now = () => now().scheduler.nowMs;
  Object.defineProperty(performance, 'timeOrigin', { value: WALL_BASE_MS });
  Date.now = () => {
    const { scheduler } = now();
    return WALL_BASE_MS + scheduler.nowMs + (scheduler.current?.host.clockOffsetMs ?? 0);
  };
  Math.random = () => now().random.next();
  crypto.randomUUID = () => uuid(now().random);
  syncBuiltinESMExports();
}

function uuid(random: Random): `${string}-${string}-${string}-${string}-${string}` {
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => random.int(0, 15).toString(16)).join('');
  return `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`;
}
