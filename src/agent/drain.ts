import type { Logger } from 'pino';
import { CarnaError } from '../util/errors.js';
import type { DrainOrder } from './drain-order.js';
import { drainOrder } from './drain-order.js';
import type { DrainEnd, DrainProgress, DrainStep } from './drain-progress.js';
import type { Listing } from './listing.js';
import type { AgentMetrics } from './metrics.js';
import type { NodeStatus } from './node-status.js';
import type { AgentView, Bell, Timekeeper } from './ports.js';
import type { ServerControl } from './servers/server.js';
import type { DrainTiming } from './timing.js';
import { WorkCount } from './work-count.js';

export interface DrainDeps {
  readonly status: NodeStatus;
  readonly view: AgentView;
  /** The running server's control; null while none runs. */
  readonly control: () => ServerControl | null;
  /** Whether the node may take calls again (for an undrain). */
  readonly isFit: () => boolean;
  readonly listing: Pick<Listing, 'isProven' | 'giveUp'>;
  readonly time: Timekeeper;
  readonly timing: DrainTiming;
  readonly metrics: AgentMetrics;
  readonly log: Logger;
}

/** Two looks in a row: either counter of a server may lag for a moment. */
const ZEROS_NEEDED = 2;
const IDLE_LOOK_MS = 30_000;

/**
 * Drains the node: publishes `draining`, waits until every consumer has proven a list without it (or a
 * bound), refuses new work at the server, waits until no call is left or the deadline.
 *
 * Level-triggered: every look asks what is wanted now, so a repeated SIGTERM changes nothing, a removed
 * intent takes the drain back at any point before the end, and a server that restarts meanwhile refuses
 * again. A drain by intent alone keeps the server, drained, until it is taken back or SIGTERM comes. A
 * server that an earlier agent made refuse is made to accept again when nobody wants a drain.
 */
export class Drain {
  readonly #deps: DrainDeps;
  readonly #bell: Bell;
  readonly #work = new WorkCount();
  #step: DrainStep = { kind: 'idle' };
  #order: DrainOrder | null = null;
  /** Wall clock in ms of the first SIGTERM. */
  #terminatedAtMs: number | null = null;
  #beganAtMs = 0;
  /** The life of the server that was asked to refuse new work, and did. */
  #refusedBy: { readonly control: ServerControl; readonly instanceId: string } | null = null;
  #nextCountMs = 0;

  constructor(deps: DrainDeps) {
    this.#deps = deps;
    this.#bell = deps.time.newBell();
  }

  /** SIGTERM: drain and end. Only the first call counts. */
  terminate(): void {
    this.#terminatedAtMs ??= this.#deps.time.wallMs();
    this.#bell.ring();
  }

  /** Looks again now: another server stands, or the last change is proven. */
  wake(): void {
    this.#bell.ring();
  }

  /** Null when no drain is under way. */
  progress(): DrainProgress | null {
    if (this.#step.kind === 'idle' || this.#order === null) return null;
    const { actor, why, deadlineAtMs } = this.#order;
    const cut = this.#step.kind === 'empty' ? this.#step.cut : null;
    const { left, endedPerSecond } = this.#work;
    return { step: this.#step.kind, actor, why, left, endedPerSecond, deadlineAtMs, cut };
  }

  /** Resolves when a drain for SIGTERM is complete, with how it ended; or with null when `signal` aborts. */
  async run(signal: AbortSignal): Promise<DrainEnd | null> {
    const unsubscribe = this.#deps.view.subscribe(() => this.#bell.ring());
    try {
      while (!signal.aborted) {
        const order = this.#want();
        if (order !== null) this.#order = order;
        const waitMs = order === null ? await this.#takeBack() : await this.#advance(order);
        if (this.#step.kind === 'empty' && this.#want()?.isFinal === true) {
          return { how: this.#step.how, isEmpty: this.#step.cut === 0 };
        }
        await this.#bell.wait(waitMs, signal);
      }
      return null;
    } finally {
      unsubscribe();
    }
  }

  #want(): DrainOrder | null {
    const { view, time, timing } = this.#deps;
    return drainOrder({
      intent: view.intent(),
      terminatedAtMs: this.#terminatedAtMs,
      beganAtMs: this.#step.kind === 'idle' ? time.wallMs() : this.#beganAtMs,
      deadlineMs: timing.deadlineMs,
    });
  }

  /** One look; gives how long to wait for the next. */
  async #advance(order: DrainOrder): Promise<number> {
    const { time, timing } = this.#deps;
    const untilDeadlineMs = Math.max(0, order.deadlineAtMs - time.wallMs());
    if (this.#step.kind === 'idle') this.#begin(order);
    if (this.#step.kind === 'announced') {
      const leftMs = Math.min(this.#step.untilMs - time.monoMs(), untilDeadlineMs);
      if (leftMs > 0 && !order.isNow && !this.#deps.listing.isProven) return leftMs;
      this.#deps.listing.giveUp();
      this.#to({ kind: 'emptying', zeros: 0 });
    }
    await this.#refuse();
    // An intent's deadline may have passed with calls left; those get the time that SIGTERM grants.
    if (this.#step.kind === 'empty' && order.isFinal && this.#work.left?.count !== 0) {
      this.#to({ kind: 'emptying', zeros: 0 });
    }
    await this.#count(order);
    return untilDeadlineMs > 0 ? Math.min(timing.pollMs, untilDeadlineMs) : timing.pollMs;
  }

  #begin(order: DrainOrder): void {
    const { status, time, timing } = this.#deps;
    const wasUp = status.state === 'up';
    this.#beganAtMs = time.wallMs();
    this.#work.reset();
    const cause = order.isFinal ? 'the agent was asked to end' : `drain: ${order.why}`;
    status.apply('drain', { cause, actor: order.actor, reason: cause });
    // A node that nobody sends calls to has nobody to wait for.
    this.#to({ kind: 'announced', untilMs: time.monoMs() + (wasUp ? timing.acknowledgeMs : 0) });
  }

  /** Again for each life of the server, and when it tells that it has forgotten. */
  async #refuse(): Promise<void> {
    const control = this.#deps.control();
    if (control === null || this.#isRefused(control)) return;
    const { instanceId } = this.#deps.status;
    try {
      await control.refuseNewWork();
      this.#refusedBy = { control, instanceId };
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      this.#deps.log.warn({ err }, 'the server does not refuse new work yet, will retry');
    }
  }

  #isRefused(control: ServerControl): boolean {
    const { status } = this.#deps;
    const { control: asked, instanceId } = this.#refusedBy ?? {};
    return asked === control && instanceId === status.instanceId && control.isRefusing();
  }

  async #count(order: DrainOrder): Promise<void> {
    const { time, timing, metrics } = this.#deps;
    const server = this.#deps.control();
    const isDue = time.monoMs() >= this.#nextCountMs || time.wallMs() >= order.deadlineAtMs;
    if (isDue || server === null) {
      this.#nextCountMs = time.monoMs() + timing.pollMs;
      const left = await this.#work.look(server, time.monoMs());
      if (left !== null) metrics.callsLeft.set(left.count);
      if (this.#step.kind === 'emptying') {
        const isZero = left?.count === 0 && (server === null || this.#isRefused(server));
        this.#step = { kind: 'emptying', zeros: isZero ? this.#step.zeros + 1 : 0 };
      }
    }
    this.#settle(order);
  }

  #settle(order: DrainOrder): void {
    const { time, status } = this.#deps;
    const { left } = this.#work;
    if (this.#step.kind === 'emptying') {
      const isOver = time.wallMs() >= order.deadlineAtMs;
      const fate = `${left?.text ?? 'an unknown number of calls'} ${order.isFinal ? 'cut' : 'left'}`;
      const cut = left?.count ?? null;
      if (this.#step.zeros >= ZEROS_NEEDED) this.#to({ kind: 'empty', how: 'drained', cut: 0 });
      else if (order.isNow) this.#to({ kind: 'empty', how: `told to end now, ${fate}`, cut });
      else if (isOver) this.#to({ kind: 'empty', how: `the deadline passed, ${fate}`, cut });
    }
    if (this.#step.kind === 'empty' && !order.isFinal) {
      const { how } = this.#step;
      status.describe(left?.count === 0 ? 'drained, 0 calls left' : how);
    }
  }

  /** Nobody wants the drain any more: takes back what was done so far, also by an earlier agent. */
  async #takeBack(): Promise<number> {
    const { status, control, isFit, log, timing, view } = this.#deps;
    const server = control();
    const isKnown = view.isFresh() || this.#step.kind !== 'idle'; // Else an intent may stand unseen.
    if (server?.mayRefuse() === true && isKnown) {
      try {
        await server.acceptNewWork();
        log.info('the server accepts new work again');
      } catch (err) {
        if (!(err instanceof CarnaError)) throw err;
        log.warn({ err }, 'the server does not accept new work again yet, will retry');
        return timing.pollMs;
      }
    }
    if (this.#step.kind === 'idle') return IDLE_LOOK_MS;
    this.#refusedBy = null;
    if (this.#want() !== null) return 0; // Wanted again meanwhile.
    const why = { cause: 'the drain was taken back', actor: this.#order?.actor ?? 'agent' };
    if (isFit()) status.apply('undrain', { ...why, reason: 'up' });
    else status.apply('undrainUnfit', why);
    this.#work.reset();
    this.#to({ kind: 'idle' });
    return IDLE_LOOK_MS;
  }

  #to(step: DrainStep): void {
    this.#step = step;
    this.#deps.log.info({ step, left: this.#work.left?.text ?? null }, 'drain step');
  }
}
