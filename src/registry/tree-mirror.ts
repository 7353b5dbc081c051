import type { Logger } from 'pino';
import { backoffMs } from '../util/backoff.js';
import type { BackoffLimits } from '../util/backoff.js';
import { CarnaError, RegistryRejectedError } from '../util/errors.js';
import { TimerSet } from '../util/timer-set.js';
import { MirrorQueue } from './mirror-queue.js';
import type { MirrorTask } from './mirror-queue.js';
import { MirrorTree } from './mirror-tree.js';
import type { ZkSession } from './session.js';
import type { WatchSession } from './tree-watch.js';
import { TreeWatch } from './tree-watch.js';
import type { WatchEvent } from './watch-event.js';

/** What of a session is used here. */
export type MirrorSession = WatchSession &
  Pick<ZkSession, 'state' | 'exists' | 'getData' | 'getChildren' | 'onWatchEvent'>;

export interface TreeMirrorEvents {
  /** Relative paths of what was made, changed or removed. */
  changed(relativePaths: readonly string[]): void;
  /** Everything was read since the last `resync`. */
  fresh(): void;
}

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
  readonly tree: MirrorTree;
  readonly #session: MirrorSession;
  readonly #log: Logger;
  readonly #events: TreeMirrorEvents;
  readonly #offWatch: () => void;
  readonly #timers = new TimerSet();
  readonly #queue = new MirrorQueue();
  readonly #watch: TreeWatch;
  readonly #random: () => number;
  #failedRounds = 0;
  #round = 0;
  /** A full read was asked for and has not begun to read: what notices bring meanwhile is no whole. */
  #isStarting = false;

  constructor(
    session: MirrorSession,
    root: string,
    log: Logger,
    events: TreeMirrorEvents,
    random: () => number = Math.random,
  ) {
    this.#random = random;
    this.#session = session;
    this.tree = new MirrorTree(root, (paths) => events.changed(paths));
    this.#log = log;
    this.#watch = new TreeWatch(session, root, log);
    this.#events = events;
    this.#offWatch = session.onWatchEvent((event) => this.#onWatch(event));
  }

  /** Something about this znode is on its way. */
  isBusy(at: string): boolean {
    if (this.tree.isFilling || this.tree.unreadable.has(at)) return true;
    if (this.#queue.isReading(at)) return true;
    // With one-shot watches a new child is known only once its folder was listed.
    return this.#watch.isOneShot && (this.#timers.size > 0 || this.#queue.hasListings);
  }

  /** Looks at a znode without having been told of a change. */
  reread(at: string): void {
    this.#read(at);
  }

  /** Reads everything again; to be called on each `connected`. A read under way is given up. */
  resync(): void {
    this.#stopRound();
    this.tree.startFill();
    this.#isStarting = true;
    void this.#startRound(this.#round);
  }

  close(): void {
    this.#offWatch();
    this.#stopRound();
  }

  /**
   * As close, and the server tells no more of it, to nobody in this session who follows the same path either.
   * False, and nothing is done, where one-shot watches are used: to begin again would cost the connection.
   */
  unwatch(): boolean {
    if (this.#watch.isOneShot) return false;
    this.close();
    void this.#watch.remove();
    return true;
  }

  #stopRound(): void {
    this.#round += 1;
    this.#isStarting = false;
    this.tree.giveUpFill();
    this.#timers.clear();
    this.#queue.clear();
  }

  async #startRound(round: number): Promise<void> {
    try {
      await this.#watch.set();
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      if (round === this.#round) this.#resyncLater();
      return;
    }
    if (round !== this.#round) return;
    this.#isStarting = false;
    this.#read('');
  }

  #onWatch(event: WatchEvent): void {
    const at = this.tree.relativeOf(event.path);
    if (at === null) return;
    switch (event.kind) {
      case 'deleted':
        this.#queue.noteDeleted(at, event.arrival);
        // What was created before this deletion must be seen first, or a node that only changed its
        // incarnation would be missing for a moment: then the deletion queues behind those reads.
        if (this.#queue.hasReads) this.#read(at);
        else this.tree.forgetBefore(at, event.arrival);
        // Leaves a watch for its return.
        if (this.#watch.isOneShot && at === '') this.#read(at);
        break;
      case 'created':
      case 'changed':
        this.#read(at);
        break;
      case 'children':
        if (this.#watch.isOneShot) {
          this.#timers.after(LIST_DEBOUNCE_MS, () => this.#enqueue({ kind: 'list', at }));
        }
        break;
    }
  }

  #read(at: string): void {
    this.#enqueue({ kind: 'read', at });
  }

  #enqueue(task: MirrorTask): void {
    this.#queue.add(task);
    this.#pump();
  }

  #pump(): void {
    for (let task = this.#queue.begin(); task !== null; task = this.#queue.begin())
      void this.#run(task, this.#round);
    if (this.#isStarting || this.tree.hasUnlisted) return;
    if (!this.#queue.isIdle || !this.tree.isFilling) return;
    this.#failedRounds = 0;
    this.tree.showFill();
    this.#events.fresh();
  }

  async #run(task: MirrorTask, round: number): Promise<void> {
    const isCurrent = (): boolean => round === this.#round;
    try {
      if (task.kind === 'read') await this.#readOne(task.at, isCurrent);
      else await this.#listOne(task.at, isCurrent);
    } catch (err) {
      if (isCurrent()) this.#onFailure(task, err);
    }
    if (!isCurrent()) return;
    this.#queue.ended(task);
    this.#pump();
  }

  async #readOne(at: string, isCurrent: () => boolean): Promise<void> {
    const path = this.tree.pathOf(at);
    const found = await this.#session.getData(path, { watch: this.#watch.isOneShot });
    if (!isCurrent()) return;
    if (found === null || this.#queue.wasDeletedAfter(at, found.arrival)) this.tree.forget(at);
    else if (this.tree.keep(at, found, this.#watch.isOneShot))
      this.#queue.add({ kind: 'list', at });
    if (found === null && at === '' && this.#watch.isOneShot) await this.#awaitRoot();
  }

  async #awaitRoot(): Promise<void> {
    const stat = await this.#session.exists(this.tree.root, { watch: true });
    if (stat !== null) this.#queue.add({ kind: 'read', at: '' });
  }

  async #listOne(at: string, isCurrent: () => boolean): Promise<void> {
    const path = this.tree.pathOf(at);
    const names = await this.#session.getChildren(path, { watch: this.#watch.isOneShot });
    if (!isCurrent()) return;
    if (names === null) this.tree.folderReadable(at);
    else
      for (const child of this.tree.listed(at, names, this.#watch.isOneShot))
        this.#queue.add({ kind: 'read', at: child });
  }

  #onFailure(task: MirrorTask, err: unknown): void {
    if (!(err instanceof CarnaError)) throw err;
    if (this.#session.state !== 'connected') {
      // What was filled so far is incomplete and must never be shown; `connected` starts anew.
      this.#stopRound();
      return;
    }
    if (!(err instanceof RegistryRejectedError) && this.tree.isFilling) {
      this.#stopRound();
      this.#resyncLater();
      return;
    }
    if (err instanceof RegistryRejectedError) this.#onRefusedRead(task.at, err);
    const pauseMs = task.kind === 'list' ? this.#onRefusedListing(task.at) : RETRY_MS;
    this.#timers.after(pauseMs, () => this.#enqueue(task));
  }

  /** The full read waits for it. Gives the pause. */
  #onRefusedListing(at: string): number {
    const failures = this.tree.notListed(at);
    if (failures === 0)
      this.#log.warn({ obstacle: this.tree.obstacle }, 'the view cannot be read whole');
    return backoffMs(failures, LARGE_RETRY, this.#random);
  }

  #resyncLater(): void {
    const pauseMs = backoffMs(this.#failedRounds, LARGE_RETRY, this.#random);
    this.#failedRounds += 1;
    this.#timers.after(pauseMs, () => this.resync());
  }

  /** It is tried again; the others do not wait for it. */
  #onRefusedRead(at: string, err: RegistryRejectedError): void {
    if (!this.tree.refused(at, err.zkCode)) return;
    this.#log.warn({ path: this.tree.pathOf(at), err }, 'a znode cannot be read, will retry');
  }
}
