import type { LiveProof } from '../../src/store/change-log.js';
import type { CommitOptions } from '../../src/store/dispatcher-table.js';

interface Change {
  readonly id: string;
  readonly generation: number;
  readonly setids: ReadonlySet<number>;
}

/** The tables carna.change and carna.change_live: why rows changed, and where the changes are in force. */
export class Changes {
  readonly #entries: Change[] = [];
  readonly #live = new Set<string>();

  /** What a plan that ended in `generation` tells of itself; a trace is noted once in a generation. */
  note({ audit }: CommitOptions, generation: number): void {
    for (const { traceId: id, rows } of audit) {
      const same = this.#entries.filter((entry) => entry.id === id);
      if (rows.length === 0 && same.length > 0) continue;
      if (same.some((entry) => entry.generation === generation)) continue;
      this.#entries.push({ id, generation, setids: new Set(rows.map((row) => row.setid)) });
    }
  }

  get count(): number {
    return this.#entries.length;
  }

  /** The newest are lost: only the first `count` stay. */
  keep(count: number): void {
    this.#entries.length = count;
  }

  newest(max: number): { readonly id: string; readonly generation: number }[] {
    return this.#entries.slice(-max).map(({ id, generation }) => ({ id, generation }));
  }

  known(ids: readonly string[]): ReadonlySet<string> {
    const known = new Set(this.#entries.map(({ id }) => id));
    return new Set(ids.filter((id) => known.has(id)));
  }

  /** How many changes the proof is the first of its Kamailio for. */
  recordLive(proof: LiveProof): number {
    let noted = 0;
    for (const { id, generation, setids } of this.#entries) {
      if (generation > proof.generation || !proof.setids.some((s) => setids.has(s))) continue;
      const key = `${id} ${generation} ${proof.kamailio}`;
      if (!this.#live.has(key)) noted += 1;
      this.#live.add(key);
    }
    return noted;
  }
}
