import { cutText } from '../util/cut-text.js';
import { InvalidInputError, RegistryRejectedError } from '../util/errors.js';
import type { Answer } from './in-flight.js';
import * as ask from './requests.js';
import type { TransactionStep, ZkOperation, ZnodeAcl, ZnodeData } from './requests.js';
import type { ZnodeStat } from './stat.js';

export interface CreateOptions {
  /** Lives as long as the zkSession. */
  readonly ephemeral?: boolean;
  /** Gets a ten-digit number appended to its name. */
  readonly sequential?: boolean;
}

export interface WatchOption {
  /** Leaves a one-shot watch; lost with the connection. */
  readonly watch?: boolean;
}

export type Sender = <T>(operation: ZkOperation<T>) => Promise<Answer<T>>;

/** Of path and data together. The server refuses 1 MiB by cutting the connection; this stays clear of it. */
export const MAX_DATA_BYTES = 1_000_000;
/** Closing a session with very many ephemerals writes a transaction that keeps the server from starting again. */
export const MAX_EPHEMERALS = 10_000;
const SEGMENT_LIMIT = 64;
/** Type, version and access list of one step of a transaction. */
const STEP_OVERHEAD_BYTES = 200;

/**
 * ZooKeeper's operations with our own types. All paths are absolute below the chroot.
 *
 * Each rejects with RegistryNotSentError, RegistryRejectedError, RegistryAmbiguousError or
 * RegistrySessionOverError, and with InvalidInputError for a path or data that cannot be.
 */
export abstract class ZkOperations {
  readonly #acl: readonly ZnodeAcl[];
  readonly #chroot: string;
  readonly #ephemerals = new Set<string>();

  protected constructor(acl: readonly ZnodeAcl[], chroot: string) {
    this.#acl = acl;
    this.#chroot = chroot;
  }

  protected abstract send<T>(operation: ZkOperation<T>): Promise<Answer<T>>;

  /** Null when there is no such znode. */
  async exists(path: string, option: WatchOption = {}): Promise<ZnodeStat | null> {
    return orNull(this.#value(ask.exists(this.#real(path), option.watch === true)));
  }

  /** Null when there is no such znode. `arrival` tells whether a watch event came before or after this answer. */
  async getData(
    path: string,
    option: WatchOption = {},
  ): Promise<(ZnodeData & { readonly arrival: number }) | null> {
    const operation = ask.getData(this.#real(path), option.watch === true);
    const answer = await orNull(this.send(operation));
    return answer === null ? null : { ...answer.value, arrival: answer.arrival };
  }

  /** Names, not paths. Null when there is no such znode. */
  async getChildren(path: string, option: WatchOption = {}): Promise<readonly string[] | null> {
    const found = await orNull(
      this.#value(ask.getChildren(this.#real(path), option.watch === true)),
    );
    return found === null ? null : found.children;
  }

  /** The names of the children and the znode's own stat, of one moment. Null when there is no such znode. */
  async list(path: string): Promise<{
    readonly names: readonly string[];
    readonly stat: ZnodeStat;
    readonly arrival: number;
  } | null> {
    const answer = await orNull(this.send(ask.getChildren(this.#real(path), false)));
    if (answer === null) return null;
    const { children, stat } = answer.value;
    return { names: children, stat, arrival: answer.arrival };
  }

  /** Gives the path of the new znode. It always carries the session's ACL; its parent must exist. */
  async create(path: string, data: Buffer | null, options: CreateOptions = {}): Promise<string> {
    checkData(path, data);
    const isEphemeral = options.ephemeral === true;
    if (isEphemeral && this.#ephemerals.size >= MAX_EPHEMERALS) {
      throw new InvalidInputError(path, `a zkSession owns at most ${MAX_EPHEMERALS} ephemerals`);
    }
    const mode = { ephemeral: isEphemeral, sequential: options.sequential === true };
    const made = await this.#value(ask.create(this.#real(path), data, this.#acl, mode));
    const own = this.relative(made);
    if (isEphemeral) this.#ephemerals.add(own);
    return own;
  }

  /** A version of -1 is any, 0 is 0. */
  async setData(path: string, data: Buffer, version = -1): Promise<ZnodeStat> {
    checkData(path, data);
    return this.#value(ask.setData(this.#real(path), data, version));
  }

  async remove(path: string, version = -1): Promise<void> {
    await this.#value(ask.remove(this.#real(path), version));
    this.#ephemerals.delete(path);
  }

  /** Makes the znode and those above it when they are missing; persistent, without data. */
  async ensurePath(path: string): Promise<void> {
    if ((await this.exists(path)) !== null) return;
    await this.ensureReal(this.#real(path), (operation) => this.send(operation));
  }

  /** After this, reads on this session see everything that was written anywhere before it was called. */
  async sync(path: string): Promise<void> {
    await this.#value(ask.sync(this.#real(path)));
  }

  /** Watches a znode, and all below it when recursive, until the connection ends: add it again on each `connected`. */
  async addWatch(path: string, isRecursive: boolean): Promise<void> {
    await this.#value(ask.addWatch(this.#real(path), isRecursive));
  }

  /** Ends every watch of this session on this very path, whoever asked for it. */
  async removeWatches(path: string): Promise<void> {
    await this.#value(ask.removeWatches(this.#real(path)));
  }

  /** All steps or none. */
  async transaction(steps: readonly TransactionStep[]): Promise<void> {
    const real = steps.map((step) => ({ ...step, path: this.#real(step.path) }));
    const sizes = real.map(
      (step) => step.path.length + ('data' in step ? byteLength(step.data) : 0),
    );
    checkSize(
      'transaction',
      sizes.reduce((sum, size) => sum + size + STEP_OVERHEAD_BYTES, 0),
    );
    await this.#value(ask.transaction(real, this.#acl));
  }

  /** Pipelined: the levels are asked for together and the server keeps their order. */
  protected async ensureReal(realPath: string, send: Sender): Promise<void> {
    const names = realPath.split('/').slice(1);
    if (names.length > SEGMENT_LIMIT) throw new InvalidInputError(realPath, 'too deep');
    const levels = names.map((_, at) => `/${names.slice(0, at + 1).join('/')}`);
    const mode = { ephemeral: false, sequential: false };
    const made = await Promise.allSettled(
      levels.map((level) => send(ask.create(level, null, this.#acl, mode))),
    );
    const last = made.at(-1);
    if (last?.status !== 'rejected') return;
    const reason: unknown = last.reason;
    if (isRejected(reason, 'NODE_EXISTS')) return;
    throw reason;
  }

  /** To be called when a session is over: its ephemerals count no more. */
  protected forgetEphemerals(): void {
    this.#ephemerals.clear();
  }

  protected relative(realPath: string): string {
    return realPath.slice(this.#chroot.length) || '/';
  }

  async #value<T>(operation: ZkOperation<T>): Promise<T> {
    return (await this.send(operation)).value;
  }

  #real(path: string): string {
    const isPath = path === '/' || /^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/.test(path);
    if (!isPath) throw new InvalidInputError('znode path', `not a path: ${JSON.stringify(path)}`);
    return path === '/' ? this.#chroot || '/' : this.#chroot + path;
  }
}

/** True for ZooKeeper's answer of that name. */
export function isRejected(err: unknown, zkCode: string): boolean {
  return err instanceof RegistryRejectedError && err.zkCode === zkCode;
}

async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (err) {
    if (isRejected(err, 'NO_NODE')) return null;
    throw err;
  }
}

function checkData(path: string, data: Buffer | null): void {
  checkSize(path, byteLength(data) + path.length);
}

function byteLength(data: Buffer | null): number {
  return data === null ? 0 : data.length;
}

/** The server would cut the connection, and again after each reconnect. */
function checkSize(what: string, sizeBytes: number): void {
  if (sizeBytes <= MAX_DATA_BYTES) return;
  throw new InvalidInputError(cutText(what, 200), `${sizeBytes} bytes, at most ${MAX_DATA_BYTES}`);
}
