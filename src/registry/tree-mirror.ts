import type { Logger } from 'pino';
import { backoffMs } from '../util/backoff.js';
import type { BackoffLimits } from '../util/backoff.js';
import { CarnaError, RegistryRejectedError } from '../util/errors.js';
import { isRejected } from './operations.js';
import type { ZkSession } from './session.js';
import type { ZnodeStat } from './stat.js';
import type { WatchEvent } from './watch-event.js';

/** What of a session is used here. */
export type MirrorSession = Pick<
  ZkSession,
  'state' | 'exists' | 'getData' | 'getChildren' | 'sync' | 'addWatch' | 'onWatchEvent'
>;

export interface TreeMirrorEvents {
  /** Relative paths of what was made, changed or removed. */
  changed(relativePaths: readonly string[]): void;
  /** Everything was read since the last `resync`. */
  fresh(): void;
}

interface MirrorEntry {
  readonly data: Buffer | null;
  readonly stat: ZnodeStat;
  /** Of the answer that brought it; a deletion notice that came before it is out of date. */
  readonly arrival: number;
}

/** Reads and listings on their way at once: more only delays other users of the session. */
const MAX_IN_FLIGHT = 100;
const RETRY_MS = 1_000;
/** Between two full reads, or listings of one folder, that failed: each may cost much. */
const LARGE_RETRY: BackoffLimits = { minMs: 1_000, maxMs: 30_000 };
/** With one-shot watches a burst of children is listed once. */
const LIST_DEBOUNCE_MS = 100;

/**
 * Keeps a map equal to a tree of znodes: a full read into a second map that replaces the first in one
 * step, then one read per notice.
 *
 * The watch is set before the first read, so whatever happens meanwhile is noticed and applied to the
 * map that is being filled. A server older than 3.6 refuses the recursive watch; then one-shot watches
 * are left by every read and listing.
 */
export class TreeMirror {
  readonly #session: MirrorSession;
  readonly #root: string;
  readonly #log: Logger;
  readonly #events: TreeMirrorEvents;
  readonly #offWatch: () => void;
  readonly #toRead = new Set<string>();
  readonly #toList = new Set<string>();
  readonly #reading = new Set<string>();
  readonly #deletedAt = new Map<string, number>();
  readonly #unreadable = new Map<string, string>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Folders that the server refuses to list, and how often it did; without them no full read is whole. */
  readonly #unlisted = new Map<string, number>();
  readonly #random: () => number;
  #failedRounds = 0;
  #listing = 0;
  #entries = new Map<string, MirrorEntry>();
  /** Being filled by a full read; null when none is under way. */
  #next: Map<string, MirrorEntry> | null = null;
  #round = 0;
  /** A full read was asked for and has not begun to read: what notices bring meanwhile is no whole. */
  #isStarting = false;
  #isOneShot = false;
  isChangedSinceCopy = false;

  constructor(
    session: MirrorSession,
    root: string,
    log: Logger,
    events: TreeMirrorEvents,
    random: () => number = Math.random,
  ) {
    this.#random = random;
    this.#session = session;
    this.#root = root;
    this.#log = log;
    this.#events = events;
    this.#offWatch = session.onWatchEvent((event) => this.#onWatch(event));
  }

  get size(): number {
    return this.#entries.size;
  }

  get unreadableCount(): number {
    return this.#unreadable.size;
  }

  /** Undefined when no such znode is known. */
  entryOf(at: string): Omit<MirrorEntry, 'data'> | undefined {
    return this.#entries.get(at);
  }

  /** Something about this znode is on its way. */
  isBusy(at: string): boolean {
    if (this.#next !== null || this.#unreadable.has(at)) return true;
    if (this.#toRead.has(at) || this.#reading.has(at)) return true;
    // With one-shot watches a new child is known only once its folder was listed.
    return this.#isOneShot && this.#timers.size + this.#toList.size + this.#listing > 0;
  }

  paths(): Iterable<string> {
    return this.#entries.keys();
  }

  /** Looks at a znode without having been told of a change. */
  reread(at: string): void {
    this.#read(at);
  }

  /** Why a full read does not come to its end, in words for people; null when nothing is known to be wrong. */
  get obstacle(): string | null {
    const [at] = this.#unlisted.keys();
    if (at === undefined) return null;
    const count = (this.#next ?? this.#entries).get(at)?.stat.childCount ?? 0;
    const what = `${this.absolute(at)} with ${count} children cannot be listed`;
    const why = this.#unreadable.get(at) ?? 'refused';
    return `${what}: ${why}; remove from it what nobody needs, or let us read it`;
  }

  copy(): { entries: ReadonlyMap<string, MirrorEntry>; unreadable: ReadonlyMap<string, string> } {
    this.isChangedSinceCopy = false;
    return { entries: new Map(this.#entries), unreadable: new Map(this.#unreadable) };
  }

  /** Reads everything again; to be called on each `connected`. A read under way is given up. */
  resync(): void {
    this.#stopRound();
    this.#unlisted.clear();
    this.#next = new Map();
    this.#isStarting = true;
    void this.#startRound(this.#round);
  }

  close(): void {
    this.#offWatch();
    this.#stopRound();
  }

  #stopRound(): void {
    this.#round += 1;
    this.#isStarting = false;
    this.#next = null;
    this.#listing = 0;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const set of [this.#timers, this.#toRead, this.#toList, this.#reading]) set.clear();
    this.#deletedAt.clear();
  }

  async #startRound(round: number): Promise<void> {
    try {
      // Asked together; the server keeps the order. After the sync, what anybody wrote before is seen.
      const synced = this.#session.sync(this.#root);
      const watched = this.#isOneShot ? undefined : this.#session.addWatch(this.#root, true);
      await Promise.all([synced, watched]);
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      const isUnknown = isRejected(err, 'UNIMPLEMENTED');
      if (isUnknown) this.#useOneShotWatches();
      if (round !== this.#round) return;
      if (!isUnknown) {
        this.#resyncLater();
        return;
      }
    }
    if (round !== this.#round) return;
    this.#isStarting = false;
    this.#toRead.add('');
    this.#pump();
  }

  /** For good: such a server also closes the connection at each unknown request. */
  #useOneShotWatches(): void {
    this.#isOneShot = true;
    this.#log.warn('this ZooKeeper has no recursive watches, one-shot ones are used');
  }

  #onWatch(event: WatchEvent): void {
    const at = this.#relative(event.path);
    if (at === null) return;
    switch (event.kind) {
      case 'deleted':
        if (this.#reading.has(at)) this.#deletedAt.set(at, event.arrival);
        // What was created before this deletion must be seen first, or a node that only changed its
        // incarnation would be missing for a moment: then the deletion queues behind those reads.
        if (this.#toRead.size + this.#reading.size > 0) this.#read(at);
        else if ((this.#target().get(at)?.arrival ?? 0) < event.arrival) this.#forget(at);
        // Leaves a watch for its return.
        if (this.#isOneShot && at === '') this.#read(at);
        break;
      case 'created':
      case 'changed':
        this.#read(at);
        break;
      case 'children':
        if (this.#isOneShot) {
          this.#later(LIST_DEBOUNCE_MS, () => {
            this.#toList.add(at);
            this.#pump();
          });
        }
        break;
    }
  }

  #relative(path: string): string | null {
    if (path === this.#root) return '';
    const prefix = this.#root === '/' ? '/' : `${this.#root}/`;
    return path.startsWith(prefix) ? path.slice(prefix.length) : null;
  }

  absolute(at: string): string {
    if (at === '') return this.#root;
    return this.#root === '/' ? `/${at}` : `${this.#root}/${at}`;
  }

  #read(at: string): void {
    this.#toRead.add(at);
    this.#pump();
  }

  #pump(): void {
    while (this.#reading.size + this.#listing < MAX_IN_FLIGHT) {
      const list = first(this.#toList);
      const read = list === null ? firstNotIn(this.#toRead, this.#reading) : null;
      if (list !== null) void this.#listOne(list, this.#round);
      else if (read !== null) void this.#readOne(read, this.#round);
      else break;
    }
    if (this.#isStarting || this.#unlisted.size > 0) return;
    const isIdle = this.#toRead.size + this.#toList.size + this.#reading.size + this.#listing === 0;
    if (isIdle && this.#next !== null) this.#swap(this.#next);
  }

  async #readOne(at: string, round: number): Promise<void> {
    this.#toRead.delete(at);
    this.#reading.add(at);
    try {
      const path = this.absolute(at);
      const found = await this.#session.getData(path, { watch: this.#isOneShot });
      if (round !== this.#round) return;
      this.#readable(at);
      const isGone = found === null || found.arrival < (this.#deletedAt.get(at) ?? 0);
      if (isGone) this.#forget(at);
      else this.#keep(at, found);
      if (found === null && at === '' && this.#isOneShot) await this.#awaitRoot();
    } catch (err) {
      if (round === this.#round) this.#onFailure(at, err, this.#toRead);
    }
    if (round !== this.#round) return;
    this.#reading.delete(at);
    this.#deletedAt.delete(at);
    this.#pump();
  }

  async #awaitRoot(): Promise<void> {
    const stat = await this.#session.exists(this.#root, { watch: true });
    if (stat !== null) this.#toRead.add('');
  }

  async #listOne(at: string, round: number): Promise<void> {
    this.#toList.delete(at);
    this.#listing += 1;
    try {
      const path = this.absolute(at);
      const names = await this.#session.getChildren(path, { watch: this.#isOneShot });
      if (round !== this.#round) return;
      this.#unlisted.delete(at);
      this.#readable(at);
      if (names !== null) this.#onListing(at, names);
    } catch (err) {
      if (round === this.#round) this.#onFailure(at, err, this.#toList);
    }
    if (round !== this.#round) return;
    this.#listing -= 1;
    this.#pump();
  }

  #onListing(at: string, names: readonly string[]): void {
    const prefix = at === '' ? '' : `${at}/`;
    const present = new Set(names.map((name) => prefix + name));
    for (const path of present) if (!this.#target().has(path)) this.#toRead.add(path);
    if (!this.#isOneShot) return;
    for (const path of [...this.#target().keys()]) {
      const isChild = path.startsWith(prefix) && !path.slice(prefix.length).includes('/');
      if (isChild && path !== '' && !present.has(path)) this.#forget(path);
    }
  }

  #keep(at: string, found: MirrorEntry): void {
    const target = this.#target();
    const former = target.get(at);
    target.set(at, found);
    // A recursive watch tells of every later child by itself; only a full read has to list.
    const hasUnknownChildren = this.#next !== null && found.stat.childCount > 0;
    const needsChildWatch = this.#isOneShot && former?.stat.czxid !== found.stat.czxid;
    if (hasUnknownChildren || (needsChildWatch && found.stat.ephemeralOwner === 0n)) {
      this.#toList.add(at);
    }
    if (this.#next === null && !isSame(former, found)) this.#announce([at]);
  }

  #forget(at: string): void {
    this.#readable(at);
    if (this.#target().delete(at) && this.#next === null) this.#announce([at]);
  }

  #onFailure(at: string, err: unknown, queue: Set<string>): void {
    if (!(err instanceof CarnaError)) throw err;
    if (this.#session.state !== 'connected') {
      // What was filled so far is incomplete and must never be shown; `connected` starts anew.
      this.#stopRound();
      return;
    }
    if (!(err instanceof RegistryRejectedError) && this.#next !== null) {
      this.#stopRound();
      this.#resyncLater();
      return;
    }
    if (err instanceof RegistryRejectedError) this.#onRefusedRead(at, err);
    const pauseMs = queue === this.#toList ? this.#onRefusedListing(at) : RETRY_MS;
    this.#later(pauseMs, () => {
      queue.add(at);
      this.#pump();
    });
  }

  /** Whose children are not known cannot be told from one that lost them all: the full read waits. Gives the pause. */
  #onRefusedListing(at: string): number {
    const failures = this.#unlisted.get(at) ?? 0;
    this.#unlisted.set(at, failures + 1);
    if (failures === 0)
      this.#log.warn({ obstacle: this.obstacle }, 'the view cannot be read whole');
    return backoffMs(failures, LARGE_RETRY, this.#random);
  }

  #resyncLater(): void {
    const pauseMs = backoffMs(this.#failedRounds, LARGE_RETRY, this.#random);
    this.#failedRounds += 1;
    this.#later(pauseMs, () => this.resync());
  }

  /** A znode that cannot be read keeps its former value and is tried again; the others do not wait for it. */
  #onRefusedRead(at: string, err: RegistryRejectedError): void {
    const former = this.#entries.get(at);
    if (this.#next !== null && former !== undefined) this.#next.set(at, former);
    if (this.#unreadable.get(at) === err.zkCode) return;
    this.#log.warn({ path: this.absolute(at), err }, 'a znode cannot be read, will retry');
    this.#unreadable.set(at, err.zkCode);
    this.#announce([at]);
  }

  #readable(at: string): void {
    if (this.#unreadable.delete(at)) this.#announce([at]);
  }

  #swap(next: Map<string, MirrorEntry>): void {
    const former = this.#entries;
    this.#entries = next;
    this.#next = null;
    this.#failedRounds = 0;
    const changed = [...next].flatMap(([at, entry]) => (isSame(former.get(at), entry) ? [] : [at]));
    for (const at of former.keys()) if (!next.has(at)) changed.push(at);
    for (const at of this.#unreadable.keys()) if (!next.has(at)) changed.push(at);
    if (changed.length > 0) this.#announce(changed);
    this.#events.fresh();
  }

  #announce(paths: readonly string[]): void {
    this.isChangedSinceCopy = true;
    this.#events.changed(paths);
  }

  #target(): Map<string, MirrorEntry> {
    return this.#next ?? this.#entries;
  }

  #later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }
}

function isSame(a: MirrorEntry | undefined, b: MirrorEntry): boolean {
  return a !== undefined && a.stat.czxid === b.stat.czxid && a.stat.mzxid === b.stat.mzxid;
}

function first(set: ReadonlySet<string>): string | null {
  for (const value of set) return value;
  return null;
}

function firstNotIn(set: ReadonlySet<string>, taken: ReadonlySet<string>): string | null {
  for (const value of set) if (!taken.has(value)) return value;
  return null;
}
