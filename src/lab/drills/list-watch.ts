import { CarnaError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import type { Platform } from '../platform.js';
import type { LabNode } from '../plan.js';
import type { DrillStage, Finding } from './stage.js';

/** "setid destination" → its letters, as one Kamailio shows them. */
export type Shown = ReadonlyMap<string, string>;

const LOOK_EVERY_MS = 100;
/** Differences that are told; more are counted only. */
const MAX_TOLD = 3;

/** The Kamailios of a lab, each of which holds a list of its own. */
export function kamailiosOf({ lab }: Pick<DrillStage, 'lab'>): readonly LabNode[] {
  return lab.plan.nodes.filter((node) => node.kind === 'kamailio');
}

async function readShown(platform: Platform, node: LabNode): Promise<Shown> {
  const live = await platform.liveList(node);
  return new Map(live.map((entry) => [`${entry.setid} ${entry.destination}`, entry.letters]));
}

/** All live lists at this moment, by the name of the Kamailio. */
export async function shownNow(stage: DrillStage): Promise<ReadonlyMap<string, Shown>> {
  const read = kamailiosOf(stage).map(
    async (node) => [node.name, await readShown(stage.platform, node)] as const,
  );
  return new Map(await Promise.all(read));
}

/** Where a list differs from an earlier look but in the letters of `except`; empty = nowhere. Pure. */
export function differences(before: Shown, now: Shown, except: string | null = null): string[] {
  const keys = [...new Set([...before.keys(), ...now.keys()])];
  return keys
    .filter((key) => {
      const isExcepted = except !== null && key.endsWith(` ${except}`);
      if (isExcepted && before.has(key) && now.has(key)) return false;
      return before.get(key) !== now.get(key);
    })
    .map((key) => `${key} ${before.get(key) ?? 'absent'} → ${now.get(key) ?? 'absent'}`);
}

/** Sets that had destinations and have none now. Pure. */
export function emptied(before: Shown, now: Shown): string[] {
  const setsOf = (shown: Shown): Set<string> =>
    new Set([...shown.keys()].map((key) => key.split(' ')[0] ?? ''));
  const left = setsOf(now);
  return [...setsOf(before)].filter((set) => !left.has(set));
}

/** Looks at every live list again and again until stopped. */
export class ListWatch {
  readonly #stage: DrillStage;
  readonly #before: ReadonlyMap<string, Shown>;
  readonly #except: string | null;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  readonly #told = new Set<string>();
  #readings = 0;
  #differing = 0;
  #unread = 0;
  readonly #emptied = new Set<string>();

  /** `before`: by the name of the Kamailio. The letters of the destination `except` may change. */
  constructor(stage: DrillStage, before: ReadonlyMap<string, Shown>, except: string | null = null) {
    this.#except = except;
    this.#stage = stage;
    this.#before = before;
    this.#ended = this.#run();
  }

  /** Ends the watch; `mayChange` says that something was asked for meanwhile that changes lists. */
  async stop(mayChange = false): Promise<readonly Finding[]> {
    this.#stop.abort();
    await this.#ended;
    const unread = this.#unread === 0 ? '' : `, ${this.#unread} times no answer`;
    const seen = `${this.#readings} readings of ${this.#before.size} lists${unread}`;
    const never = {
      what: 'no set of any list was ever empty',
      isGood: this.#emptied.size === 0 && this.#readings > 0,
      seen: this.#emptied.size === 0 ? seen : `${seen}; EMPTY: ${[...this.#emptied].join(', ')}`,
    };
    if (mayChange) return [never];
    const told = [...this.#told].slice(0, MAX_TOLD).join('; ');
    const unchanged = {
      what: 'no list changed',
      isGood: this.#differing === 0 && this.#readings > 0,
      seen: `${seen}, ${this.#differing} differed${told === '' ? '' : `: ${told}`}`,
    };
    return [never, unchanged];
  }

  async #run(): Promise<void> {
    const nodes = kamailiosOf(this.#stage);
    while (!this.#stop.signal.aborted) {
      await Promise.all(nodes.map((node) => this.#look(node)));
      await wait(LOOK_EVERY_MS, this.#stop.signal);
    }
  }

  async #look(node: LabNode): Promise<void> {
    const before = this.#before.get(node.name);
    if (before === undefined) return;
    try {
      const now = await readShown(this.#stage.platform, node);
      this.#readings += 1;
      for (const set of emptied(before, now)) this.#emptied.add(`set ${set} on ${node.name}`);
      const found = differences(before, now, this.#except);
      if (found.length > 0) this.#differing += 1;
      for (const text of found) this.#told.add(`${node.name}: ${text}`);
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      this.#unread += 1;
    }
  }
}
