import type { Logger } from 'pino';
import { CarnaError } from '../util/errors.js';
import { isRejected } from './operations.js';
import type { ZkSession } from './session.js';

/** What of a session is used here. */
export type WatchSession = Pick<ZkSession, 'sync' | 'addWatch' | 'removeWatches'>;

/**
 * The watch on a znode and all below it: a recursive one, or, on a server older than 3.6 which refuses it, the
 * one-shot ones that every read and listing then leaves.
 */
export class TreeWatch {
  readonly #session: WatchSession;
  readonly #root: string;
  readonly #log: Logger;
  #isOneShot = false;

  constructor(session: WatchSession, root: string, log: Logger) {
    this.#session = session;
    this.#root = root;
    this.#log = log;
  }

  /** Reads have to leave watches themselves. */
  get isOneShot(): boolean {
    return this.#isOneShot;
  }

  /** What is read after it is at least as new as the call. Throws a CarnaError when the server did not take it. */
  async set(): Promise<void> {
    try {
      // Asked together; the server keeps the order. After the sync, what anybody wrote before is seen.
      const synced = this.#session.sync(this.#root);
      const watched = this.#isOneShot ? undefined : this.#session.addWatch(this.#root, true);
      await Promise.all([synced, watched]);
    } catch (err) {
      if (!isRejected(err, 'UNIMPLEMENTED')) throw err;
      // For good: such a server also closes the connection at each unknown request.
      this.#isOneShot = true;
      this.#log.warn('this ZooKeeper has no recursive watches, one-shot ones are used');
    }
  }

  /** Takes a recursive one away. Should that fail, its notices come until the connection ends, and are ignored. */
  async remove(): Promise<void> {
    try {
      await this.#session.removeWatches(this.#root);
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
    }
  }
}
