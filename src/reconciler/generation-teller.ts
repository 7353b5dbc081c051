import type { HeldSet } from '../topology/guard.js';
import { heldRecords, sameHeld } from '../topology/held.js';
import type {
  GenerationRecord,
  HeldRecord,
  RemoteRecord,
  WitnessReport,
} from '../topology/node.js';
import { sameRemotes } from '../topology/remotes.js';
import { sameReport } from '../topology/witnessed.js';
import type { ReconcilerDeps } from './ports.js';
import type { Head } from './table-head.js';
import { isSame } from './table-head.js';

/** A changed report of the witness, or of other data centres, alone is published at most so often; with anything else at once. */
export const REPORT_EVERY_MS = 500;

/** What is told beside the table and the holds. */
export interface Report {
  /** Of our own nodes; undefined = nothing was found. */
  readonly witnessed: WitnessReport | undefined;
  readonly remotes: readonly RemoteRecord[];
}

const NOTHING: Report = { witnessed: undefined, remotes: [] };

/**
 * Keeps the generation znode equal to what the leader knows: the table's head, the holds, the witness's
 * findings, the other data centres.
 */
export class GenerationTeller {
  readonly #deps: Pick<ReconcilerDeps, 'generation' | 'clock'>;
  readonly #epoch: number;
  #held: readonly HeldRecord[] = [];
  #report = NOTHING;
  #written = NOTHING;
  #isDue = true;
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

  noteReport(report: Report): void {
    this.#report = report;
  }

  /** What the leader before us told; null when it told nothing, or nothing that can be understood. */
  async readBefore(): Promise<GenerationRecord | null> {
    return this.#deps.generation.read();
  }

  /** Compares with the znode itself: somebody may have changed it. */
  async check(head: Head): Promise<void> {
    if (this.#isDue) return;
    this.#isDue = !isSame(await this.#deps.generation.read(), this.#record(head));
  }

  /** Writes when something changed. Gives whether it did. Rejects with a CarnaError; it is still due then. */
  async publish(head: Head): Promise<boolean> {
    if (!this.#isDue && this.dueInMs() !== 0) return false;
    const report = this.#report;
    await this.#deps.generation.write(this.#record(head));
    this.#isDue = false;
    this.#written = report;
    this.#lastWriteMs = this.#deps.clock.monoMs();
    return true;
  }

  /** Milliseconds until a changed report may be written; null = there is none. */
  dueInMs(): number | null {
    const [now, told] = [this.#report, this.#written];
    if (sameReport(now.witnessed, told.witnessed) && sameRemotes(now.remotes, told.remotes)) {
      return null;
    }
    return Math.max(0, this.#lastWriteMs + REPORT_EVERY_MS - this.#deps.clock.monoMs());
  }

  #record(head: Head): GenerationRecord {
    const { witnessed, remotes } = this.#report;
    return {
      schema: 1,
      epoch: this.#epoch,
      ...head,
      ...(this.#held.length === 0 ? {} : { held: this.#held }),
      ...(witnessed === undefined ? {} : { witnessed }),
      ...(remotes.length === 0 ? {} : { remotes }),
    };
  }
}
