import type { OverrideRecord } from '../topology/node.js';
import { CarnaError } from '../util/errors.js';
import type { ReconcilerDeps } from './ports.js';

type OverrideWordsDeps = Pick<ReconcilerDeps, 'dc' | 'view' | 'table' | 'overrides' | 'log'>;

/**
 * Operators' words against the guards, each good for one commit. The commit itself notes the words that it
 * used: one is used up exactly when its rows are written, whatever is lost afterwards and whoever leads then;
 * a commit that is refused uses up none. That the znode goes is tidiness alone, tried until it is done.
 */
export class OverrideWords {
  readonly #deps: OverrideWordsDeps;
  /** When the last word was said that a commit used, by setid. */
  #used: ReadonlyMap<number, number> = new Map();
  /** Sets of which it was told that the znode of a used word stays. */
  readonly #stuck = new Set<number>();

  constructor(deps: OverrideWordsDeps) {
    this.#deps = deps;
  }

  /** Reads what was used so far, also by earlier leaders and by commits without an answer. Rejects with a CarnaError. */
  async read(): Promise<void> {
    this.#used = await this.#deps.table.readUsedOverrides(this.#deps.dc);
  }

  /** Those that no commit has used, by setid. */
  unused(): ReadonlyMap<number, OverrideRecord> {
    return new Map([...this.#deps.view.overrides()].filter(([, word]) => !this.#isUsed(word)));
  }

  /** A commit used these. */
  note(words: readonly OverrideRecord[]): void {
    const used = words.map(({ setid, since }) => [setid, since] as const);
    this.#used = new Map([...this.#used, ...used]);
  }

  /** Takes the znodes of used words away. One that stays is tried again with the next pass; it counts no more. */
  async tidy(): Promise<void> {
    const { view, overrides, log } = this.#deps;
    for (const word of view.overrides().values()) {
      if (!this.#isUsed(word)) continue;
      const { setid } = word;
      try {
        await overrides.remove(word);
        this.#stuck.delete(setid);
      } catch (err) {
        if (!(err instanceof CarnaError)) throw err;
        if (!this.#stuck.has(setid)) log.warn({ err, setid }, 'a used override still stands');
        this.#stuck.add(setid);
      }
    }
  }

  #isUsed({ setid, since }: OverrideRecord): boolean {
    return this.#used.get(setid) === since;
  }
}
