import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { isLostHold } from '../topology/held.js';
import { setHash } from '../topology/set-hash.js';
import { StoreConflictError } from '../util/errors.js';
import type { AgentView, DispatcherTable } from './ports.js';

const EMPTY_SET = setHash([]);

type LeaderView = Pick<AgentView, 'generation' | 'isFresh'>;

/** What the leader's record says of the sets: without its word no set is emptied. */
export class LeaderWord {
  readonly #view: LeaderView;
  /** The last generation in which each set was seen with rows. */
  readonly #filled = new Map<number, number>();
  /** The generation that was told or read last; counts while nobody tells one. */
  #latest = 0;

  constructor(view: LeaderView) {
    this.#view = view;
  }

  /** Throws StoreConflictError for a table older than what was told or read before: PostgreSQL went back in time. */
  async readTable(
    table: DispatcherTable,
    setids: readonly number[],
  ): ReturnType<DispatcherTable['readTable']> {
    const told = this.#told(); // Before the table, which is never behind it then.
    const found = await table.readTable(setids);
    const { generation } = found;
    if (generation < told) {
      throw new StoreConflictError(`the table went back from generation ${told} to ${generation}`);
    }
    this.#latest = generation;
    return found;
  }

  /** A leader's word of now counts, also one lower than before: then ZooKeeper and PostgreSQL were both made anew. */
  #told(): number {
    const told = this.#view.generation()?.generation ?? 0;
    this.#latest = told > 0 && this.#view.isFresh() ? told : Math.max(told, this.#latest);
    return this.#latest;
  }

  noteRows(rows: readonly DispatcherRow[], generation: number): void {
    for (const setid of new Set(rows.map((row) => row.setid))) this.#filled.set(setid, generation);
  }

  /** A set is emptied by the leader's commit, which makes a generation; rows lost without one were not. */
  mayBeEmpty(setid: number, generation: number): boolean {
    const filledIn = this.#filled.get(setid) ?? Number.NEGATIVE_INFINITY;
    return generation > filledIn && this.#says(setid, generation) === 'empty';
  }

  /**
   * The sets that the leader filled and the table lost behind its back. Of those that it says are lost nothing is
   * to come: no server waits for them.
   */
  robbed(
    setids: readonly number[],
    { rows, generation }: { readonly rows: readonly DispatcherRow[]; readonly generation: number },
  ): number[] {
    const filled = new Set(rows.map((row) => row.setid));
    return setids.filter(
      (setid) =>
        !filled.has(setid) && this.#says(setid, generation) === 'filled' && !this.isLost(setid),
    );
  }

  /** The leader holds a set without a row, see lost-sets.ts. */
  isLost(setid: number): boolean {
    const held = this.#view.generation()?.held ?? [];
    return held.some((one) => one.setid === setid && isLostHold(one));
  }

  /** A record older than the table that was read says nothing of it. */
  #says(setid: number, generation: number): 'empty' | 'filled' | 'nothing' {
    const record = this.#view.generation();
    if (record === null || record.generation < generation) return 'nothing';
    const hash = record.sets[String(setid)];
    return hash === undefined || hash === EMPTY_SET ? 'empty' : 'filled';
  }
}
