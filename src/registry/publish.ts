import type { Logger } from 'pino';
import { CarnaError, RegistryAmbiguousError } from '../util/errors.js';
import { wait } from '../util/wait.js';
import { isRejected } from './operations.js';
import { incarnationName } from './paths.js';
import { isHolding, nextStep } from './publication-step.js';
import type { Standing } from './publication-step.js';
import { RetriedPass } from './retried-pass.js';
import type { ZkSession } from './session.js';

export interface PublicationOptions {
  /** Must exist or be creatable; it is made when missing. */
  readonly parentPath: string;
  /** First part of the znode's name. */
  readonly id: string;
  readonly log: Logger;
  /** How often the znode is compared with what was asked, in ms. */
  readonly verifyMs?: number;
  readonly random?: () => number;
}

const VERIFY_MS = 5_000;
const CLOSE_DEADLINE_MS = 2_000;

/**
 * Keeps one ephemeral znode `<id>~<incarnation>` equal to the bytes last asked for, over reconnects,
 * new sessions, lost answers and deletions by others.
 *
 * Level-triggered: a pass compares what is wanted with what stands and makes one write; the newest wish
 * wins and a wish that was overtaken is never written. A znode counts as ours only if our zkSession owns
 * it. The incarnation is the zkSession's id and a counter, so no znode of an earlier life is ever met.
 */
export class EphemeralPublication {
  readonly #session: ZkSession;
  readonly #options: PublicationOptions;
  readonly #log: Logger;
  readonly #offs: (() => void)[];
  readonly #verifyTimer: NodeJS.Timeout;
  readonly #settledListeners = new Set<() => void>();
  #wanted: Buffer | null = null;
  #counter = 0;
  #standing: Standing | null = null;
  /** Znodes of earlier incarnations of this session, to be removed once the present one stands. */
  #outdated = new Set<string>();
  readonly #passes: RetriedPass;
  #isClosed = false;

  constructor(session: ZkSession, options: PublicationOptions) {
    this.#session = session;
    this.#options = options;
    this.#log = options.log.child({ component: 'publication', id: options.id });
    this.#passes = new RetriedPass({
      canRun: () => session.state === 'connected',
      step: () => this.#step(),
      ended: () => this.#announce(),
      failed: (err) => this.#log.warn({ err }, 'publishing failed, will retry'),
      random: options.random ?? Math.random,
    });
    this.#offs = [
      session.onState((state) => {
        if (state === 'connected') this.#doubtAndPass();
        if (state === 'lost' || state === 'closed') this.#forget();
      }),
      session.onWatchEvent((event) => {
        if (event.kind === 'deleted' && event.path === this.#standing?.path) this.#doubtAndPass();
      }),
    ];
    this.#verifyTimer = setInterval(() => this.#doubtAndPass(), options.verifyMs ?? VERIFY_MS);
  }

  /** Why the last write failed; null when none did since. */
  get fault(): string | null {
    return this.#passes.fault;
  }

  /** Name of the znode that stands or will, in the present session; null without one. */
  get znodePath(): string | null {
    const sid = this.#session.zkSessionId;
    if (sid === null) return null;
    const incarnation = `${sid.toString(16)}-${this.#counter}`;
    return `${this.#options.parentPath}/${incarnationName(this.#options.id, incarnation)}`;
  }

  /** Asks for these bytes, or for no znode (null). Replaces earlier wishes; no effect once closed. */
  set(data: Buffer | null): void {
    if (this.#isClosed) return;
    this.#wanted = data;
    this.#passes.request();
  }

  /** The next `set` makes a new znode; the former is removed when the new one stands. */
  newIncarnation(): void {
    this.#counter += 1;
  }

  /** True when ZooKeeper holds exactly what was asked for, false when it still does not after `timeoutMs`. */
  async settled(timeoutMs: number): Promise<boolean> {
    if (this.#isSettled()) return true;
    const done = new AbortController();
    const check = (): void => {
      if (this.#isSettled()) done.abort();
    };
    this.#settledListeners.add(check);
    await wait(timeoutMs, done.signal);
    this.#settledListeners.delete(check);
    return this.#isSettled();
  }

  /**
   * Removes the znode and waits, at most 2 s, until it is gone. A create still on its way is removed when
   * its answer comes, also after this returned, as long as the session lives.
   */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#wanted = null;
      this.#passes.request();
    }
    await this.settled(this.#session.state === 'connected' ? CLOSE_DEADLINE_MS : 0);
    this.#detachWhenDone();
  }

  #detachWhenDone(): void {
    const isOver = this.#session.state === 'closed';
    if (!isOver && !(this.#isClosed && this.#isSettled())) return;
    clearInterval(this.#verifyTimer);
    this.#passes.stop();
    for (const off of this.#offs.splice(0)) off();
  }

  #isSettled(): boolean {
    if (this.#passes.isRunning || this.#outdated.size > 0) return false;
    const standing = this.#standing;
    if (this.#wanted === null) return standing === null;
    if (this.#session.state !== 'connected' || standing?.path !== this.znodePath) return false;
    return isHolding(standing, this.#wanted);
  }

  #forget(): void {
    this.#standing = null;
    this.#outdated.clear();
    this.#announce();
  }

  #doubtAndPass(): void {
    if (this.#standing !== null) this.#standing = { ...this.#standing, isCertain: false };
    this.#passes.request();
  }

  #announce(): void {
    for (const listener of [...this.#settledListeners]) listener();
    this.#detachWhenDone();
  }

  /** Makes at most one write. True when another step is due. */
  async #step(): Promise<boolean> {
    const path = this.znodePath;
    const sid = this.#session.zkSessionId;
    if (path === null || sid === null) return false;
    if (this.#standing?.zkSessionId !== sid) this.#standing = null;
    const step = nextStep(this.#wanted, this.#standing, path, this.#outdated);
    switch (step.kind) {
      case 'none':
        return false;
      case 'look':
        await this.#look(step.standing, sid);
        break;
      case 'create':
        await this.#create(step.path, sid, step.data);
        break;
      case 'write':
        await this.#write(step.standing, step.data);
        break;
      case 'remove':
        await this.#remove(step.path, sid);
        break;
    }
    return true;
  }

  /** After a lost answer, a reconnect, a deletion notice, or for a change: what does stand there? */
  async #look(standing: Standing, sid: bigint): Promise<void> {
    const found = await this.#session.getData(standing.path, { watch: true });
    if (this.#session.zkSessionId !== sid) return;
    if (found === null) {
      this.#standing = null;
    } else if (found.stat.ephemeralOwner === sid) {
      this.#standing = { ...standing, data: found.data, isCertain: true };
    } else {
      this.#standing = null;
      this.newIncarnation();
    }
  }

  async #create(path: string, sid: bigint, data: Buffer): Promise<void> {
    const former = this.#standing;
    if (former !== null) this.#outdated.add(former.path);
    const uncertain: Standing = { path, zkSessionId: sid, data: null, isCertain: false };
    this.#standing = uncertain;
    try {
      await this.#session.create(path, data, { ephemeral: true });
      if (this.#session.zkSessionId === sid)
        this.#standing = { ...uncertain, data, isCertain: true };
      void this.#watchOwn(path);
    } catch (err) {
      if (isRejected(err, 'NODE_EXISTS')) return;
      if (!(err instanceof RegistryAmbiguousError)) this.#standing = null;
      if (!isRejected(err, 'NO_NODE')) throw err;
      await this.#session.ensurePath(this.#options.parentPath);
    }
  }

  async #write(standing: Standing, data: Buffer): Promise<void> {
    this.#standing = { ...standing, isCertain: false };
    try {
      const stat = await this.#session.setData(standing.path, data);
      if (stat.ephemeralOwner === standing.zkSessionId) {
        this.#standing = { ...standing, data };
        void this.#watchOwn(standing.path);
      }
    } catch (err) {
      if (!isRejected(err, 'NO_NODE')) throw err;
      this.#standing = null;
    }
  }

  async #remove(path: string, sid: bigint): Promise<void> {
    const isStanding = this.#standing?.path === path;
    if (isStanding && this.#standing !== null)
      this.#standing = { ...this.#standing, isCertain: false };
    try {
      await this.#session.remove(path);
    } catch (err) {
      if (!isRejected(err, 'NO_NODE')) throw err;
    }
    if (this.#session.zkSessionId !== sid) return;
    this.#outdated.delete(path);
    if (isStanding) this.#standing = null;
  }

  /** A one-shot watch that tells of a deletion by somebody else; when it fails, the periodic look finds out. */
  async #watchOwn(path: string): Promise<void> {
    try {
      const stat = await this.#session.exists(path, { watch: true });
      if (stat === null && this.#standing?.path === path) this.#doubtAndPass();
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
    }
  }
}
