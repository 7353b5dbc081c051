import { BinrpcClient } from '../../protocols/binrpc/client.js';
import { readDispatcherList } from '../../protocols/binrpc/dispatcher-rpc.js';
import type { LiveDestination } from '../../topology/live-destination.js';
import { CarnaError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import { kamailiosOf } from '../plan.js';
import type { LabState } from '../state.js';
import { ctlSocket } from '../state.js';
import { takesCalls } from '../watch-live.js';
import type { Finding } from './stage.js';

const LOOK_EVERY_MS = 50;
/** Longer than Kamailio's own wait for PostgreSQL, during which it answers nothing. */
const RPC_TIMEOUT_MS = 3_000;
/** Differences that are told; more are counted only. */
const MAX_TOLD = 3;

/** What may change in the lists while they are watched: `letters` are those of one destination. */
export type MayChange = 'nothing' | 'anything' | { readonly letters: string };

export interface WatchOptions {
  readonly mayChange: MayChange;
  /** Names of Kamailios whose lists say nothing. */
  readonly unwatched?: readonly string[];
}

type List = readonly LiveDestination[];

/** The sets of a list in which some destination takes calls, ascending. Pure. */
export function servedSets(list: List): readonly number[] {
  const served = list.filter(({ letters }) => takesCalls(letters)).map(({ setid }) => setid);
  return [...new Set(served)].sort((a, b) => a - b);
}

/** Where a list differs from an earlier look in more than it may; empty = nowhere. Pure. */
export function differences(before: List, now: List, mayChange: MayChange): readonly string[] {
  if (mayChange === 'anything') return [];
  const [old, present] = [lettersOf(before), lettersOf(now)];
  const isExcepted = (key: string): boolean =>
    mayChange !== 'nothing' &&
    key.endsWith(` ${mayChange.letters}`) &&
    old.has(key) &&
    present.has(key);
  return [...new Set([...old.keys(), ...present.keys()])]
    .filter((key) => old.get(key) !== present.get(key) && !isExcepted(key))
    .map((key) => `${key} ${old.get(key) ?? 'absent'} → ${present.get(key) ?? 'absent'}`);
}

/** "setid destination" → its letters. */
function lettersOf(list: List): ReadonlyMap<string, string> {
  return new Map(list.map((entry) => [`${entry.setid} ${entry.destination}`, entry.letters]));
}

/** Reads live lists again and again until stopped, over connections of its own. */
export class ListWatch {
  readonly #mayChange: MayChange;
  readonly #clients: readonly BinrpcClient[];
  readonly #stop = new AbortController();
  #done: Promise<unknown> = Promise.resolve();
  #readings = 0;
  #unanswered = 0;
  #differing = 0;
  readonly #unserved = new Set<string>();
  readonly #differences = new Set<string>();

  private constructor(mayChange: MayChange, clients: readonly BinrpcClient[]) {
    this.#mayChange = mayChange;
    this.#clients = clients;
  }

  /**
   * Begins at once: what each Kamailio answers first is what its later answers are compared to. Throws
   * ProtocolError or DeadlineError when one does not answer.
   */
  static async begin(
    lab: Pick<LabState, 'plan' | 'runDir'>,
    { mayChange, unwatched = [] }: WatchOptions,
  ): Promise<ListWatch> {
    const watched = kamailiosOf(lab.plan)
      .filter(({ name }) => !unwatched.includes(name))
      .map((node) => {
        const socketPath = ctlSocket(lab.runDir, node);
        return { node, client: new BinrpcClient({ socketPath, timeoutMs: RPC_TIMEOUT_MS }) };
      });
    const clients = watched.map(({ client }) => client);
    try {
      const first = await Promise.all(
        clients.map((client) => readDispatcherList(client, RPC_TIMEOUT_MS)),
      );
      const watch = new ListWatch(mayChange, clients);
      watch.#done = Promise.all(
        watched.map(({ node, client }, n) => watch.#watch(node.name, client, first[n] ?? [])),
      );
      return watch;
    } catch (err) {
      for (const client of clients) client.close();
      throw err;
    }
  }

  /** Safe to call twice. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
    for (const client of this.#clients) client.close();
  }

  /** What was found so far. */
  findings(): readonly Finding[] {
    const unserved = [...this.#unserved];
    const silent = this.#unanswered === 0 ? '' : `, ${this.#unanswered} times no answer`;
    const seen = `${this.#readings} readings of ${this.#clients.length} lists${silent}`;
    const never = {
      what: 'no list of a Kamailio was ever without a destination for calls',
      isGood: unserved.length === 0 && (this.#readings > 0 || this.#clients.length === 0),
      seen: [seen, ...unserved].join('; '),
    };
    if (this.#mayChange === 'anything') return [never];
    const told = [...this.#differences].slice(0, MAX_TOLD);
    const unchanged = {
      what: 'no list changed',
      isGood: this.#differing === 0 && this.#readings > 0,
      seen: [`${this.#differing} of ${this.#readings} readings differed`, ...told].join('; '),
    };
    return [never, unchanged];
  }

  async #watch(name: string, client: BinrpcClient, first: List): Promise<void> {
    const wanted = servedSets(first);
    while (!this.#stop.signal.aborted) {
      const now = await answerOf(client);
      if (now === null) this.#unanswered++;
      else this.#note(name, wanted, first, now);
      await wait(LOOK_EVERY_MS, this.#stop.signal);
    }
  }

  #note(name: string, wanted: readonly number[], first: List, now: List): void {
    this.#readings++;
    const served = servedSets(now);
    for (const setid of wanted.filter((one) => !served.includes(one))) {
      this.#unserved.add(`${name} had NONE in set ${setid}`);
    }
    const found = differences(first, now, this.#mayChange);
    if (found.length > 0) this.#differing++;
    for (const text of found) this.#differences.add(`${name}: ${text}`);
  }
}

/** Null when the Kamailio does not answer: it is away, or frozen. */
async function answerOf(client: BinrpcClient): Promise<List | null> {
  try {
    return await readDispatcherList(client, RPC_TIMEOUT_MS);
  } catch (err) {
    if (err instanceof CarnaError) return null;
    throw err;
  }
}
