import type { Logger } from 'pino';
import type { Role } from '../topology/node.js';
import { CarnaError } from '../util/errors.js';
import { isAcknowledged } from './listing.js';
import type { AgentMetrics } from './metrics.js';
import type { NodeStatus } from './node-status.js';
import type { AgentView, Bell, Timekeeper } from './ports.js';
import type { ServerControl, WorkLeft } from './servers/server.js';
import type { DrainTiming } from './timing.js';

export interface DrainDeps {
  readonly status: NodeStatus;
  readonly view: AgentView;
  /** The running server's control; null while none runs. */
  readonly control: () => ServerControl | null;
  /** Whether the node may take calls again (for an undrain). */
  readonly isFit: () => boolean;
  /** The roles whose Kamailios list this node. */
  readonly consumers: readonly Role[];
  readonly time: Timekeeper;
  readonly timing: DrainTiming;
  readonly metrics: AgentMetrics;
  readonly log: Logger;
}

/** What is wanted now: by an operator's intent, by SIGTERM (final: the agent ends with it), or by both. */
interface Order {
  readonly actor: string;
  readonly why: string;
  readonly isFinal: boolean;
  readonly isNow: boolean;
  /** Wall clock in ms. */
  readonly deadlineAtMs: number;
}

/** announced: consumers are to take note; emptying: new work is refused; empty: nothing is waited for any more. */
type Step =
  | { readonly kind: 'idle' }
  | { readonly kind: 'announced'; readonly untilMs: number }
  | { readonly kind: 'emptying'; readonly zeros: number }
  | { readonly kind: 'empty'; readonly how: string };

/** Two looks in a row: either counter of a server may lag for a moment. */
const ZEROS_NEEDED = 2;
const IDLE_LOOK_MS = 30_000;

export interface DrainProgress {
  readonly step: Step['kind'];
  readonly actor: string;
  readonly why: string;
  /** Null while the server does not say. */
  readonly left: WorkLeft | null;
  /** Calls that ended per second since the drain began to count; null before. */
  readonly endedPerSecond: number | null;
  /** Wall clock in ms. */
  readonly deadlineAtMs: number;
}

/**
 * Drains the node: publishes `draining`, waits until every consumer has proven a list without it (or a
 * bound), refuses new work at the server, waits until no call is left or the deadline.
 *
 * Level-triggered: every look asks what is wanted now, so a repeated SIGTERM changes nothing, a removed
 * intent takes the drain back at any point before the end, and a server that restarts meanwhile refuses
 * again. A drain by intent alone keeps the server, drained, until it is taken back or SIGTERM comes.
 */
export class Drain {
  readonly #deps: DrainDeps;
  readonly #bell: Bell;
  #step: Step = { kind: 'idle' };
  #order: Order | null = null;
  /** Wall clock in ms of the first SIGTERM. */
  #terminatedAtMs: number | null = null;
  #beganAtMs = 0;
  /** Was asked to refuse new work, and did. */
  #refusedBy: ServerControl | null = null;
  /** Was asked, whatever came of it. */
  #asked: ServerControl | null = null;
  #left: WorkLeft | null = null;
  #firstCount: { readonly atMs: number; readonly count: number } | null = null;
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

  /** Null when no drain is under way. */
  progress(): DrainProgress | null {
    if (this.#step.kind === 'idle' || this.#order === null) return null;
    const { actor, why, deadlineAtMs } = this.#order;
    return {
      step: this.#step.kind,
      actor,
      why,
      left: this.#left,
      endedPerSecond: this.#rate(),
      deadlineAtMs,
    };
  }

  /** Resolves when a drain for SIGTERM is complete, with how it ended; or with null when `signal` aborts. */
  async run(signal: AbortSignal): Promise<string | null> {
    const unsubscribe = this.#deps.view.subscribe(() => this.#bell.ring());
    try {
      while (!signal.aborted) {
        const order = this.#want();
        if (order !== null) this.#order = order;
        const waitMs = order === null ? await this.#takeBack() : await this.#advance(order);
        if (this.#step.kind === 'empty' && this.#want()?.isFinal === true) return this.#step.how;
        await this.#bell.wait(waitMs, signal);
      }
      return null;
    } finally {
      unsubscribe();
    }
  }

  #want(): Order | null {
    const { view, time, timing } = this.#deps;
    const intent = view.intent();
    const isNow = intent?.now === true;
    if (this.#terminatedAtMs !== null) {
      const deadlineAtMs = this.#terminatedAtMs + timing.deadlineMs;
      return { actor: 'SIGTERM', why: 'asked to end', isFinal: true, isNow, deadlineAtMs };
    }
    if (intent === null) return null;
    const beganAtMs = this.#step.kind === 'idle' ? time.wallMs() : this.#beganAtMs;
    const deadlineAtMs = intent.deadline ?? beganAtMs + timing.deadlineMs;
    return { actor: intent.by, why: intent.why, isFinal: false, isNow, deadlineAtMs };
  }

  /** One look; gives how long to wait for the next. */
  async #advance(order: Order): Promise<number> {
    const { time, timing } = this.#deps;
    if (this.#step.kind === 'idle') this.#begin(order);
    if (this.#step.kind === 'announced') {
      const leftMs = this.#step.untilMs - time.monoMs();
      if (leftMs > 0 && !order.isNow && !this.#isUnlisted()) return leftMs;
      this.#to({ kind: 'emptying', zeros: 0 });
    }
    await this.#refuse();
    // An intent's deadline may have passed with calls left; those get the time that SIGTERM grants.
    if (this.#step.kind === 'empty' && order.isFinal && this.#left?.count !== 0) {
      this.#to({ kind: 'emptying', zeros: 0 });
    }
    await this.#count(order);
    return timing.pollMs;
  }

  #begin(order: Order): void {
    const { status, view, time, timing } = this.#deps;
    const wasUp = status.state === 'up';
    this.#beganAtMs = time.wallMs();
    this.#firstCount = null;
    view.watchApplied();
    const cause = order.isFinal ? 'the agent was asked to end' : `drain: ${order.why}`;
    status.apply('drain', { cause, actor: order.actor, reason: cause });
    // A node that nobody sends calls to has nobody to wait for.
    this.#to({ kind: 'announced', untilMs: time.monoMs() + (wasUp ? timing.acknowledgeMs : 0) });
  }

  #isUnlisted(): boolean {
    const { status, view, consumers } = this.#deps;
    return status.traceId !== null && isAcknowledged(view, status.traceId, consumers);
  }

  async #refuse(): Promise<void> {
    const control = this.#deps.control();
    if (control === null || control === this.#refusedBy) return;
    this.#asked = control;
    try {
      await control.refuseNewWork();
      this.#refusedBy = control;
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      this.#deps.log.warn({ err }, 'the server does not refuse new work yet, will retry');
    }
  }

  async #count(order: Order): Promise<void> {
    const { time, timing, metrics, control } = this.#deps;
    const server = control();
    if (time.monoMs() >= this.#nextCountMs || server === null) {
      this.#nextCountMs = time.monoMs() + timing.pollMs;
      this.#left = await readLeft(server);
      if (this.#left !== null) {
        metrics.callsLeft.set(this.#left.count);
        this.#firstCount ??= { atMs: time.monoMs(), count: this.#left.count };
      }
      if (this.#step.kind === 'emptying') {
        const isZero = this.#left?.count === 0 && (server === null || server === this.#refusedBy);
        this.#step = { kind: 'emptying', zeros: isZero ? this.#step.zeros + 1 : 0 };
      }
    }
    this.#settle(order);
  }

  #settle(order: Order): void {
    const { time, status } = this.#deps;
    const left = this.#left?.text ?? 'an unknown number of calls';
    if (this.#step.kind === 'emptying') {
      const isOver = time.wallMs() >= order.deadlineAtMs;
      if (this.#step.zeros >= ZEROS_NEEDED) this.#to({ kind: 'empty', how: 'drained' });
      else if (order.isNow) this.#to({ kind: 'empty', how: `cut short with ${left} left` });
      else if (isOver) this.#to({ kind: 'empty', how: `deadline reached with ${left} left` });
    }
    if (this.#step.kind === 'empty' && !order.isFinal) {
      const { how } = this.#step;
      status.describe(this.#left?.count === 0 ? 'drained, 0 calls left' : how);
    }
  }

  /** Nobody wants the drain any more: takes back what was done so far. */
  async #takeBack(): Promise<number> {
    if (this.#step.kind === 'idle') return IDLE_LOOK_MS;
    const { status, control, isFit, log, timing, view } = this.#deps;
    const server = control();
    try {
      if (server !== null && server === this.#asked) await server.acceptNewWork();
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      log.warn({ err }, 'the server does not accept new work again yet, will retry');
      return timing.pollMs;
    }
    this.#refusedBy = null;
    this.#asked = null;
    if (this.#terminatedAtMs !== null || view.intent() !== null) return 0; // Wanted again meanwhile.
    const why = { cause: 'the drain was taken back', actor: this.#order?.actor ?? 'agent' };
    if (isFit()) status.apply('undrain', { ...why, reason: 'up' });
    else status.apply('undrainUnfit', why);
    this.#left = null;
    this.#to({ kind: 'idle' });
    return IDLE_LOOK_MS;
  }

  #rate(): number | null {
    if (this.#firstCount === null || this.#left === null) return null;
    const seconds = (this.#deps.time.monoMs() - this.#firstCount.atMs) / 1_000;
    if (seconds <= 0) return null;
    return Math.max(0, (this.#firstCount.count - this.#left.count) / seconds);
  }

  #to(step: Step): void {
    this.#step = step;
    this.#deps.log.info({ step, left: this.#left?.text ?? null }, 'drain step');
  }
}

/** Nothing is left on a server that does not run; null when a running one does not say. */
async function readLeft(server: ServerControl | null): Promise<WorkLeft | null> {
  if (server === null) return { count: 0, text: 'no server' };
  try {
    return await server.countLeft();
  } catch (err) {
    if (err instanceof CarnaError) return null;
    throw err;
  }
}
