import type { HeldSet } from '../topology/guard.js';
import { heldRecords, sameHeld } from '../topology/held.js';
import type { GenerationRecord, HeldRecord, WitnessReport } from '../topology/node.js';
import { sameReport } from '../topology/witnessed.js';
import type { ReconcilerDeps } from './ports.js';
import type { Head } from './table-head.js';
import { isSame } from './table-head.js';

/** A changed report of the witness alone is published at most so often; with anything else at once. */
export const REPORT_EVERY_MS = 500;

/** Keeps the generation znode equal to what the leader knows: the table's head, the holds, the witness's findings. */
export class GenerationTeller {
  readonly #deps: Pick<ReconcilerDeps, 'generation' | 'clock'>;
  readonly #epoch: number;
  #held: readonly HeldRecord[] = [];
  #report: WitnessReport | undefined;
  #writtenReport: WitnessReport | undefined;
  #isDue = true;
  #isReportDue = false;
  /** Monotonic ms. */
  #lastWriteMs = Number.NEGATIVE_INFINITY;

  constructor(deps: Pick<ReconcilerDeps, 'generation' | 'clock'>, epoch: number) {
    this.#deps = deps;
    this.#epoch = epoch;
  }

  /** It must be written again, whatever it says. */
  markDue(): void {
    this.#isDue = true;
  }

  /** What is held is told with the generation, again whenever it changes. */
  noteHeld(held: readonly HeldSet[]): void {
    const told = heldRecords(held);
    if (sameHeld(told, this.#held)) return;
    this.#held = told;
    this.#isDue = true;
  }

  noteReport(report: WitnessReport | undefined): void {
    this.#report = report;
    this.#isReportDue = !sameReport(report, this.#writtenReport);
  }

  /** What the findings of an earlier leader were, as far as its record tells. */
  async readReport(): Promise<WitnessReport | undefined> {
    return (await this.#deps.generation.read())?.witnessed;
  }

  /** Compares with the znode itself: somebody may have changed it. */
  async check(head: Head): Promise<void> {
    if (this.#isDue) return;
    this.#isDue = !isSame(await this.#deps.generation.read(), this.#record(head));
  }

  /** Writes when something changed. Gives whether it did. Rejects with a CarnaError; it is still due then. */
  async publish(head: Head): Promise<boolean> {
    if (!this.#isDue && this.dueInMs() !== 0) return false;
    await this.#deps.generation.write(this.#record(head));
    this.#isDue = false;
    this.#isReportDue = false;
    this.#writtenReport = this.#report;
    this.#lastWriteMs = this.#deps.clock.monoMs();
    return true;
  }

  /** Milliseconds until a changed report may be written; null = there is none. */
  dueInMs(): number | null {
    if (!this.#isReportDue) return null;
    return Math.max(0, this.#lastWriteMs + REPORT_EVERY_MS - this.#deps.clock.monoMs());
  }

  #record(head: Head): GenerationRecord {
    const held = this.#held.length === 0 ? {} : { held: this.#held };
    const witnessed = this.#report === undefined ? {} : { witnessed: this.#report };
    return { schema: 1, epoch: this.#epoch, ...head, ...held, ...witnessed };
  }
}
