import type { Logger } from 'pino';
import type { Quarantine, QuarantineLimits } from '../topology/quarantine.js';
import { isQuarantined, NO_QUARANTINE, noteChange } from '../topology/quarantine.js';
import type { AgentMetrics } from './metrics.js';
import type { NodeStatus } from './node-status.js';
import type { Timekeeper } from './ports.js';
import type { QuarantineReport } from './server-report.js';

/** Keeps a node that goes up and down again and again out of use for a growing time (topology/quarantine.ts). */
export class FlapGuard {
  readonly #limits: QuarantineLimits;
  readonly #status: NodeStatus;
  readonly #time: Timekeeper;
  readonly #metrics: Pick<AgentMetrics, 'quarantined'>;
  readonly #log: Logger;
  #state: Quarantine = NO_QUARANTINE;
  #wasHeld = false;
  /** Names a moment, not what is left of it: the record is not to be written every second. */
  #reason = '';

  constructor(
    limits: QuarantineLimits,
    status: NodeStatus,
    time: Timekeeper,
    metrics: Pick<AgentMetrics, 'quarantined'>,
    log: Logger,
  ) {
    this.#limits = limits;
    this.#status = status;
    this.#time = time;
    this.#metrics = metrics;
    this.#log = log;
    metrics.quarantined.set(0);
  }

  /** The node went from up to down. */
  noteFall(): void {
    this.#state = noteChange(this.#state, this.#time.monoMs(), this.#limits);
    this.look();
  }

  /**
   * Whether a node that passes its checks may be up; says why not in the record's reason. `isChange`: it was
   * down, and its rise counts. One that would be a change too many is not made, and begins the quarantine.
   */
  mayRise(isChange: boolean): boolean {
    if (!this.#isHeld && isChange) {
      this.#state = noteChange(this.#state, this.#time.monoMs(), this.#limits);
      this.look();
    }
    if (!this.#isHeld) return true;
    this.#status.describe(this.#reason);
    return false;
  }

  /** Tells the begin and the end of a quarantine, each once. */
  look(): void {
    if (this.#isHeld === this.#wasHeld) return;
    this.#wasHeld = this.#isHeld;
    this.#metrics.quarantined.set(this.#wasHeld ? 1 : 0);
    const report = this.report();
    if (report === null) {
      this.#log.info('the quarantine is over');
      return;
    }
    this.#reason = this.#describe(report.untilMs);
    this.#log.error({ quarantine: report }, 'the node flaps: quarantined');
  }

  /** Null while the node is not held. */
  report(): QuarantineReport | null {
    if (!this.#isHeld || this.#state.untilMs === null) return null;
    const leftMs = this.#state.untilMs - this.#time.monoMs();
    return { untilMs: Math.round(this.#time.wallMs() + leftMs), times: this.#state.times };
  }

  get #isHeld(): boolean {
    return isQuarantined(this.#state, this.#time.monoMs());
  }

  #describe(untilMs: number): string {
    const { changes, windowMs } = this.#limits;
    const at = new Date(Math.ceil(untilMs / 1_000) * 1_000).toISOString().slice(11, 19);
    return `quarantined until ${at} UTC: ${changes} changes within ${Math.round(windowMs / 1_000)} s`;
  }
}
