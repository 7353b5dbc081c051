import type { Logger } from 'pino';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { liveKey } from '../topology/live-letters.js';
import type { Difference } from '../topology/live-plan.js';
import type { AgentMetrics } from './metrics.js';

/**
 * Tells what somebody did to the live list by hand from what our own table changed: a destination that
 * agreed with its row, and whose row is still the same, differs now.
 */
export class DriftWatch {
  readonly #metrics: AgentMetrics;
  readonly #log: Logger;
  /** The rows at the last reading, by key; null before the first. `agreed`: so was the live list. */
  #last: ReadonlyMap<string, { readonly row: DispatcherRow; readonly agreed: boolean }> | null =
    null;
  /** What was done by hand and still stands. */
  #open: ReadonlyMap<string, Difference['kind']> = new Map();

  constructor(metrics: AgentMetrics, log: Logger) {
    this.#metrics = metrics;
    this.#log = log;
  }

  /** Another life of the server. */
  reset(): void {
    this.#last = null;
    this.#open = new Map();
  }

  /** Takes in one reading; counts what is healed since the one before. */
  note(rows: readonly DispatcherRow[], differences: readonly Difference[]): void {
    const differing = new Map(differences.map((found) => [found.key, found]));
    const now = new Map(
      rows.map((row) => {
        const key = liveKey(row);
        return [key, { row, agreed: !differing.has(key) }] as const;
      }),
    );
    for (const [key, kind] of this.#open) {
      if (!differing.has(key)) this.#metrics.driftHealed.inc({ kind });
    }
    const open = new Map<string, Difference['kind']>();
    for (const [key, { kind, text }] of differing) {
      const known = this.#open.get(key);
      if (known === undefined && !this.#isByHand(key, now.get(key)?.row)) continue;
      open.set(key, known ?? kind);
      if (known === undefined) this.#log.warn({ kind, drift: text }, 'list changed by hand');
    }
    this.#open = open;
    this.#last = now;
  }

  #isByHand(key: string, row: DispatcherRow | undefined): boolean {
    if (this.#last === null) return false;
    const last = this.#last.get(key);
    if (row === undefined || last === undefined) return row === undefined && last === undefined;
    const { flags, priority, attrs } = last.row;
    const isSameRow = row.flags === flags && row.priority === priority && row.attrs === attrs;
    return last.agreed && isSameRow;
  }
}
