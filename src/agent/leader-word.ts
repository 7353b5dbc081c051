import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { setHash } from '../topology/set-hash.js';
import { StoreConflictError } from '../util/errors.js';
import type { AgentView, DispatcherTable } from './ports.js';

const EMPTY_SET = setHash([]);

/** What the leader's record says of the sets: without its word no set is emptied. */
export class LeaderWord {
  readonly #view: Pick<AgentView, 'generation'>;
  /** The last generation in which each set was seen with rows. */
  readonly #filled = new Map<number, number>();

  constructor(view: Pick<AgentView, 'generation'>) {
    this.#view = view;
  }

  /** Throws StoreConflictError for a table older than the one that was told: PostgreSQL went back in time. */
  async readTable(
    table: DispatcherTable,
    setids: readonly number[],
  ): ReturnType<DispatcherTable['readTable']> {
    const told = this.#view.generation()?.generation ?? 0; // Before the table, which is never behind it then.
    const found = await table.readTable(setids);
    if (found.generation >= told) return found;
    const { generation } = found;
    throw new StoreConflictError(`the table went back from generation ${told} to ${generation}`);
  }

  noteRows(rows: readonly DispatcherRow[], generation: number): void {
    for (const setid of new Set(rows.map((row) => row.setid))) this.#filled.set(setid, generation);
  }

  /** A set is emptied by the leader's commit, which makes a generation; rows lost without one were not. */
  mayBeEmpty(setid: number, generation: number): boolean {
    const filledIn = this.#filled.get(setid) ?? Number.NEGATIVE_INFINITY;
    return generation > filledIn && this.#says(setid, generation) === 'empty';
  }

  /** The sets that the leader filled and the table lost behind its back. */
  robbed(
    setids: readonly number[],
    { rows, generation }: { readonly rows: readonly DispatcherRow[]; readonly generation: number },
  ): number[] {
    const filled = new Set(rows.map((row) => row.setid));
    return setids.filter(
      (setid) => !filled.has(setid) && this.#says(setid, generation) === 'filled',
    );
  }

  /** A record older than the table that was read says nothing of it. */
  #says(setid: number, generation: number): 'empty' | 'filled' | 'nothing' {
    const record = this.#view.generation();
    if (record === null || record.generation < generation) return 'nothing';
    const hash = record.sets[String(setid)];
    return hash === undefined || hash === EMPTY_SET ? 'empty' : 'filled';
  }
}
