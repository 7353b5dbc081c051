import type { Actor } from './actor.js';
import { realSetImmediate } from './real-time.js';

/** What is to happen at a virtual time. */
export interface SimEvent {
  atMs: number;
  seq: number;
  /** Whose code runs; null = the world's own, which runs no product code and leaves no microtasks. */
  readonly actor: Actor | null;
  readonly kind: 'timer' | 'io';
  run: (() => void) | null;
}

/**
 * Virtual time: runs events in the order of their times, and the microtasks of each before the next.
 *
 * While an actor's event and its microtasks run, `current` is that actor: what they schedule is its.
 */
export class Scheduler {
  nowMs = 0;
  current: Actor | null = null;
  /** Events run so far. */
  steps = 0;
  #seq = 0;
  readonly #heap: SimEvent[] = [];
  readonly #onError: (err: unknown, actor: Actor | null) => void;

  constructor(onError: (err: unknown, actor: Actor | null) => void) {
    this.#onError = onError;
  }

  /** The world's own event. */
  world(delayMs: number, run: () => void): SimEvent {
    return this.#add({ atMs: this.nowMs + delayMs, seq: 0, actor: null, kind: 'io', run });
  }

  /** An event in which an actor's code runs; dropped when the actor is dead by then, held while it is paused. */
  act(delayMs: number, actor: Actor, kind: SimEvent['kind'], run: () => void): SimEvent {
    return this.#add({ atMs: this.nowMs + Math.max(0, delayMs), seq: 0, actor, kind, run });
  }

  /** Runs again what was held. */
  release(events: readonly SimEvent[]): void {
    for (const event of events) {
      event.atMs = this.nowMs;
      this.#add(event);
    }
  }

  /** Runs everything up to that time, or until `isDone` says so after an event of the world. */
  async runUntil(untilMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const step = (): void => {
        this.current = null;
        for (;;) {
          const first = this.#heap[0];
          if (first === undefined || first.atMs > untilMs) {
            this.nowMs = untilMs;
            resolve();
            return;
          }
          this.#pop();
          this.nowMs = first.atMs;
          if (this.#execute(first)) {
            realSetImmediate(step);
            return;
          }
        }
      };
      realSetImmediate(step);
    });
  }

  /** True when microtasks may be waiting. */
  #execute(event: SimEvent): boolean {
    const { run, actor } = event;
    if (run === null || actor?.state === 'dead') return false;
    if (actor?.state === 'paused') {
      actor.held.push(event);
      return false;
    }
    event.run = null;
    this.current = actor;
    this.steps += 1;
    try {
      run();
    } catch (err) {
      this.#onError(err, actor);
    }
    return actor !== null;
  }

  #add(event: SimEvent): SimEvent {
    event.seq = this.#seq++;
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = event;
    return event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      let child = heap[down];
      const right = heap[down + 1];
      if (child !== undefined && right !== undefined && isBefore(right, child)) {
        child = right;
        down += 1;
      }
      if (child === undefined || isBefore(last, child)) break;
      heap[at] = child;
      at = down;
    }
    heap[at] = last;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.seq < b.seq);
}
