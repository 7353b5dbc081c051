import type { HeldSet } from '../topology/guard.js';
import type { GenerationRecord } from '../topology/node.js';

/** By setid, wall clock in ms. */
type Dates = ReadonlyMap<number, number>;

/** Since when each set is held; a hold that outlives its leader keeps its date. */
export class HeldSince {
  /** What the leader before us told, until everybody who vanished was judged in our term. */
  #before: Dates;
  #now: Dates = new Map();

  constructor(before: GenerationRecord | null) {
    this.#before = datesOf(before?.held ?? []);
  }

  get dates(): Dates {
    return new Map([...this.#before, ...this.#now]);
  }

  /** After a pass. Before everybody who vanished is judged, a set that is not held may yet turn out to be. */
  note(held: readonly HeldSet[], isJudged: boolean): void {
    this.#now = datesOf(held);
    if (isJudged) this.#before = new Map();
  }
}

function datesOf(held: readonly Pick<HeldSet, 'setid' | 'sinceMs'>[]): Dates {
  return new Map(held.map(({ setid, sinceMs }) => [setid, sinceMs] as const));
}
