import type { Logger } from 'pino';
import { CarnaError, RegistryRejectedError } from '../util/errors.js';
import { wait } from '../util/wait.js';
import type { MirrorTree } from './mirror-tree.js';
import type { ZkSession } from './session.js';
import { isSameVersion } from './stat.js';

/** What of a session is used here. */
export type AuditSession = Pick<ZkSession, 'list'>;

/** What of the mirror is used here; paths are relative to the root, which is ''. */
export interface AuditedMirror {
  readonly tree: Pick<MirrorTree, 'shown' | 'pathOf'>;
  /** It is being read just now: what stands there is no claim. */
  isBusy(at: string): boolean;
  /** Reads it again. */
  reread(at: string): void;
}

export interface AuditPorts {
  readonly session: AuditSession;
  readonly mirror: AuditedMirror;
  /** Nothing is compared while the view is stale; a change of this ends an audit under way. */
  readonly freshness: () => { readonly isFresh: boolean; readonly breaks: number };
  readonly log: Pick<Logger, 'warn' | 'debug'>;
  readonly random: () => number;
  /** Mean time between two audits. */
  readonly everyMs: number;
}

export const AUDIT_EVERY_MS = 5 * 60_000;
/** Few at once: an audit has time, and other users of the server do not. */
const MAX_IN_FLIGHT = 10;
/** Named in the log of one audit. */
const MAX_NAMED = 10;

/**
 * Compares the whole mirrored tree with the server's from time to time, znode by znode. A difference means
 * that a notice was lost, which must not happen: it is counted, logged and healed.
 *
 * The answers of one connection come in the order of the notices, so an answer that differs from the
 * mirror, with nothing under way for that znode, is a difference and no change that is still to be told.
 */
export class TreeAudit {
  /** Audits that came to their end. */
  done = 0;
  differences = 0;
  readonly #ports: AuditPorts;
  readonly #stop = new AbortController();

  constructor(ports: AuditPorts) {
    this.#ports = ports;
    void this.#run();
  }

  close(): void {
    this.#stop.abort();
  }

  /** Half to one and a half of the mean, so that nobody does it together with others. */
  async #run(): Promise<void> {
    const { everyMs, random } = this.#ports;
    while (!this.#stop.signal.aborted) {
      await wait(everyMs * (0.5 + random()), this.#stop.signal);
      if (!this.#stop.signal.aborted) await this.audit();
    }
  }

  /** Compares once; ends early when the view breaks meanwhile or ZooKeeper is away. Never rejects. */
  async audit(): Promise<void> {
    const { freshness, log, mirror } = this.#ports;
    const { isFresh, breaks } = freshness();
    if (!isFresh) return;
    const isValid = (): boolean =>
      !this.#stop.signal.aborted && freshness().isFresh && freshness().breaks === breaks;
    const walk = new Walk(this.#ports, isValid);
    try {
      await walk.from(['']);
      await walk.from([...mirror.tree.shown.keys()].filter((at) => !walk.seen.has(at)));
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      log.debug({ err }, 'an audit of the view was given up');
      return;
    }
    if (!isValid()) return;
    this.done += 1;
    if (walk.different.length === 0) return;
    this.differences += walk.different.length;
    log.warn(
      { differences: walk.different.length, paths: walk.different.slice(0, MAX_NAMED) },
      'the view differed from ZooKeeper and was healed; please report this',
    );
  }
}

/** One audit: each znode that either side knows is asked for once. */
class Walk {
  readonly seen = new Set<string>();
  readonly different: string[] = [];
  readonly #ports: AuditPorts;
  readonly #isValid: () => boolean;

  constructor(ports: AuditPorts, isValid: () => boolean) {
    this.#ports = ports;
    this.#isValid = isValid;
  }

  async from(paths: readonly string[]): Promise<void> {
    const queue = [...paths];
    for (const at of queue) this.seen.add(at);
    const work = async (): Promise<void> => {
      for (let at = queue.pop(); at !== undefined && this.#isValid(); at = queue.pop()) {
        for (const child of await this.#look(at)) {
          if (this.seen.has(child)) continue;
          this.seen.add(child);
          queue.push(child);
        }
      }
    };
    // Who finds the queue empty ends; whoever fills it goes on with it.
    while (queue.length > 0 && this.#isValid()) {
      await Promise.all(Array.from({ length: Math.min(MAX_IN_FLIGHT, queue.length) }, work));
    }
  }

  /** Compares one znode and gives the relative paths of its children on the server. */
  async #look(at: string): Promise<readonly string[]> {
    const { session, mirror } = this.#ports;
    const found = await session.list(mirror.tree.pathOf(at)).catch((err: unknown) => {
      if (err instanceof RegistryRejectedError) return undefined;
      throw err;
    });
    // The mirror may not read it either, and says so.
    if (found === undefined) return [];
    // Notices that came before this answer are told in a turn of their own.
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.#isValid()) return [];
    const ours = mirror.tree.shown.get(at);
    const isNewer = ours !== undefined && found !== null && ours.arrival > found.arrival;
    if (!isNewer && !mirror.isBusy(at) && !isSameVersion(ours?.stat, found?.stat)) {
      this.different.push(at);
      mirror.reread(at);
    }
    return (found?.names ?? []).map((name) => (at === '' ? name : `${at}/${name}`));
  }
}
