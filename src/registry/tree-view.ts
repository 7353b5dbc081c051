import type { Logger } from 'pino';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import { DeadlineError, RegistryNotSentError } from '../util/errors.js';
import { wait } from '../util/wait.js';
import { Coalescer } from './coalescer.js';
import type { OpenView, ViewStats } from './open-views.js';
import { AUDIT_EVERY_MS, TreeAudit } from './tree-audit.js';
import type { ZkSession } from './session.js';
import type { ZnodeStat } from './stat.js';
import { TreeMirror } from './tree-mirror.js';

export interface TreeEntry {
  readonly data: Buffer | null;
  readonly stat: ZnodeStat;
}

/** A picture of the tree that does not change any more. */
export interface TreeSnapshot {
  /** Grows with every change of what a snapshot shows. */
  readonly revision: number;
  /** False from the loss of the connection until everything was read again. */
  readonly isFresh: boolean;
  /** Wall clock in ms since when it is not fresh; null while it is. */
  readonly staleSinceMs: number | null;
  /** By path relative to the root (`nodes/a`); the root itself is ''. */
  readonly entries: ReadonlyMap<string, TreeEntry>;
  /** Relative paths that exist but cannot be read, and why; their former value stays in `entries`. */
  readonly unreadable: ReadonlyMap<string, string>;
}

export interface TreeViewOptions {
  readonly log: Logger;
  readonly clock?: Clock;
  /** [0, 1), for jitter. */
  readonly random?: () => number;
  /** Mean time between two comparisons with the server; default 5 min. */
  readonly auditMs?: number;
  /** The view adds itself while it is open. */
  readonly openViews?: Set<OpenView>;
  /**
   * Relative paths of znodes that are made once and stay. When one is gone or was made again, the tree was
   * wiped: the view is stale until all of it was read anew, however alive the connection is.
   */
  readonly landmarks?: readonly string[];
}

/**
 * Mirrors one znode and all below it, by one recursive watch and one read per changed znode.
 *
 * Losing ZooKeeper never shrinks the view: the last known picture stays and is marked stale. After a
 * reconnect everything is read anew and replaces the old picture in one step.
 */
export class TreeView implements OpenView {
  readonly #session: ZkSession;
  readonly #rootPath: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #mirror: TreeMirror;
  readonly #offState: () => void;
  readonly #subscriptions = new Map<Coalescer, ((relativePath: string) => boolean) | undefined>();
  readonly #landmarks: readonly string[];
  /** Their czxid when last seen; null once gone. */
  readonly #seenLandmarks = new Map<string, bigint | null>();
  readonly #audit: TreeAudit;
  readonly #openViews: Set<OpenView> | undefined;
  #wipes = 0;
  #breaks = 0;
  #snapshot: TreeSnapshot;

  /** Starts at once; a root that does not exist yet is an empty view that fills when it comes. */
  static open(session: ZkSession, rootPath: string, options: TreeViewOptions): TreeView {
    return new TreeView(session, rootPath, options);
  }

  private constructor(session: ZkSession, rootPath: string, options: TreeViewOptions) {
    this.#session = session;
    this.#rootPath = rootPath;
    this.#clock = options.clock ?? systemClock;
    this.#landmarks = options.landmarks ?? [];
    this.#log = options.log.child({ component: 'tree-view', rootPath });
    this.#snapshot = {
      revision: 0,
      isFresh: false,
      staleSinceMs: this.#clock.wallMs(),
      entries: new Map(),
      unreadable: new Map(),
    };
    this.#mirror = new TreeMirror(session, rootPath, this.#log, {
      changed: (paths) => this.#onChange(paths),
      fresh: () => this.#setFresh(true),
    });
    this.#openViews = options.openViews;
    this.#openViews?.add(this);
    const random = options.random ?? Math.random;
    this.#audit = new TreeAudit({
      session,
      mirror: this.#mirror,
      freshness: () => ({ isFresh: this.#snapshot.isFresh, breaks: this.#breaks }),
      log: this.#log,
      random,
      everyMs: options.auditMs ?? AUDIT_EVERY_MS,
    });
    this.#offState = session.onState((state) => {
      if (state === 'connected') this.#mirror.resync();
      else this.#setFresh(false);
    });
    if (session.state === 'connected') this.#mirror.resync();
  }

  /** How often the tree was seen to be wiped. */
  get wipes(): number {
    return this.#wipes;
  }

  stats(): Omit<ViewStats, 'views'> {
    const { revision, staleSinceMs } = this.#snapshot;
    return {
      znodes: this.#mirror.tree.shown.size,
      unreadable: this.#mirror.tree.unreadable.size,
      staleSinceMs,
      revision,
      wipes: this.#wipes,
      audits: this.#audit.done,
      auditDifferences: this.#audit.differences,
    };
  }

  snapshot(): TreeSnapshot {
    // Copied only when asked for: many changes may lie between two looks.
    if (this.#mirror.tree.isChangedSinceCopy) {
      this.#snapshot = { ...this.#snapshot, ...this.#mirror.tree.copy() };
    }
    return this.#snapshot;
  }

  /**
   * Calls `listener` when something changed below a path that `filter` lets through: at once after a quiet
   * time, else merged to one call per 50 ms. A change of freshness is always told at once, and before the
   * next one can happen. Returns the function that ends it.
   */
  subscribe(listener: () => void, filter?: (relativePath: string) => boolean): () => void {
    const coalescer = new Coalescer(listener, this.#log);
    this.#subscriptions.set(coalescer, filter);
    return () => {
      coalescer.close();
      this.#subscriptions.delete(coalescer);
    };
  }

  /** Rejects with RegistryNotSentError (no connection) or DeadlineError when not fresh after `timeoutMs`. */
  async whenFresh(timeoutMs: number): Promise<void> {
    const done = new AbortController();
    const check = (): void => {
      if (this.#snapshot.isFresh) done.abort();
    };
    const off = this.subscribe(check);
    check();
    await wait(timeoutMs, done.signal);
    off();
    if (this.#snapshot.isFresh) return;
    const what = `a full read of ${this.#rootPath}`;
    if (this.#session.state === 'connected') {
      const { obstacle } = this.#mirror.tree;
      throw new DeadlineError(obstacle === null ? what : `${what} (${obstacle})`, timeoutMs);
    }
    const why = this.#session.lastFault ?? this.#session.state;
    throw new RegistryNotSentError(`${what} within ${timeoutMs} ms: ${why}`);
  }

  /** Stops following; the last snapshot stays readable. The session is not touched. */
  close(): void {
    this.#stop();
    this.#mirror.close();
  }

  /** As close, and the server tells no more of it; false, and nothing is done, where it cannot: see TreeMirror. */
  unwatch(): boolean {
    if (!this.#mirror.unwatch()) return false;
    this.#stop();
    return true;
  }

  #stop(): void {
    this.#offState();
    this.#openViews?.delete(this);
    this.#audit.close();
    for (const coalescer of this.#subscriptions.keys()) coalescer.close();
    this.#subscriptions.clear();
  }

  #onChange(paths: readonly string[]): void {
    this.#snapshot = { ...this.#snapshot, revision: this.#snapshot.revision + 1 };
    if (this.#wasWiped(paths)) this.#onWipe();
    for (const [coalescer, filter] of this.#subscriptions) {
      if (filter === undefined || paths.some(filter)) coalescer.ring();
    }
  }

  #setFresh(isFresh: boolean): void {
    if (this.#snapshot.isFresh === isFresh) return;
    if (!isFresh) this.#breaks += 1;
    const staleSinceMs = isFresh ? null : this.#clock.wallMs();
    const revision = this.#snapshot.revision + 1;
    this.#snapshot = { ...this.#snapshot, revision, isFresh, staleSinceMs };
    this.#log.info(
      { isFresh, znodes: this.#mirror.tree.shown.size },
      'the view changed its freshness',
    );
    for (const coalescer of this.#subscriptions.keys()) coalescer.ringNow();
  }

  #wasWiped(changed: readonly string[]): boolean {
    let isWiped = false;
    for (const at of this.#landmarks) {
      if (!changed.includes(at)) continue;
      const czxid = this.#mirror.tree.shown.get(at)?.stat.czxid ?? null;
      const former = this.#seenLandmarks.get(at);
      if (former !== undefined && former !== czxid) isWiped = true;
      this.#seenLandmarks.set(at, czxid);
    }
    return isWiped;
  }

  #onWipe(): void {
    this.#wipes += 1;
    this.#log.warn({ wipes: this.#wipes }, 'the tree was wiped, it is read anew');
    // During a full read it is stale already, and what that finds is the present.
    if (!this.#snapshot.isFresh) return;
    this.#setFresh(false);
    this.#mirror.resync();
  }
}
