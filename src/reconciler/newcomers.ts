import type { AdmissionInput, Asking } from '../topology/admission.js';
import { ADMISSION_WAIT_MS, admissionToken } from '../topology/admission.js';
import type { Evidence } from '../topology/desired-rows.js';
import type { NodeRecord } from '../topology/node.js';
import type { Clock } from '../util/clock.js';
import type { AskTarget } from './ask-pool.js';
import type { Witness } from './witness.js';

/** The record of a node by the name that it has here. */
export type RecordOf = (name: string) => NodeRecord | undefined;

interface Wanted extends AskTarget {
  readonly record: NodeRecord;
  /** Monotonic ms. */
  readonly sinceMs: number;
}

/** The nodes that one leader wants to be asked before they take calls, and since when. */
export class Newcomers {
  readonly #witness: Witness;
  readonly #clock: Clock;
  #wanted: ReadonlyMap<string, Wanted> = new Map();
  /** Monotonic ms at which the first of those that wait is listed all the same; null = nobody waits. */
  #endsMs: number | null = null;

  constructor(witness: Witness, clock: Clock) {
    this.#witness = witness;
    this.#clock = clock;
  }

  /** What is known of them now. What was asked of another record of a node counts for nothing. */
  input(recordOf: RecordOf): AdmissionInput {
    const monoMs = this.#clock.monoMs();
    const evidence = new Map<string, Evidence>();
    const sinceMs = new Map<string, number>();
    if (this.#wanted.size === 0) return { evidence, sinceMs, monoMs };
    const admissions = this.#witness.admissions();
    for (const [nodeId, wanted] of this.#wanted) {
      if (!isSame(wanted, recordOf(nodeId))) continue;
      sinceMs.set(nodeId, wanted.sinceMs);
      const found = admissions.get(nodeId);
      if (found !== undefined && this.#witness.askedToken(nodeId) === wanted.token) {
        evidence.set(nodeId, found);
      }
    }
    return { evidence, sinceMs, monoMs };
  }

  /** Has these asked, and nobody else. */
  want(asking: ReadonlyMap<string, Asking>, recordOf: RecordOf): void {
    this.#endsMs = null;
    if (asking.size === 0 && this.#wanted.size === 0) return;
    const next = new Map<string, Wanted>();
    for (const [nodeId, { destination, admission }] of asking) {
      const record = recordOf(nodeId);
      if (record === undefined) continue;
      const wanted = this.#wantedOf(nodeId, record, destination);
      next.set(nodeId, wanted);
      if (admission !== 'waiting') continue;
      const endsMs = wanted.sinceMs + ADMISSION_WAIT_MS;
      this.#endsMs = Math.min(this.#endsMs ?? endsMs, endsMs);
    }
    this.#wanted = next;
    this.#witness.admit(next);
  }

  /** True while somebody's answer may come any moment. */
  isWaiting(): boolean {
    return this.#endsMs !== null;
  }

  /** Milliseconds until the longest waiting is listed without an answer; null = nobody waits. */
  endsInMs(): number | null {
    return this.#endsMs === null ? null : Math.max(0, this.#endsMs - this.#clock.monoMs());
  }

  #wantedOf(nodeId: string, record: NodeRecord, destination: string): Wanted {
    const known = this.#wanted.get(nodeId);
    if (known !== undefined && isSame(known, record)) return known;
    const token = admissionToken(record, destination);
    return { destination, token, record, sinceMs: this.#clock.monoMs() };
  }
}

function isSame(wanted: Wanted, record: NodeRecord | undefined): boolean {
  if (wanted.record === record) return true;
  return record !== undefined && admissionToken(record, wanted.destination) === wanted.token;
}
