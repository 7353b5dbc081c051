import type { JuteWriter } from './zookeeper-wire.js';

/** A znode at one moment; never changed, only replaced. */
export interface Znode {
  readonly data: Buffer | null;
  readonly czxid: number;
  readonly mzxid: number;
  readonly pzxid: number;
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  readonly version: number;
  readonly cversion: number;
  /** Children ever created; numbers the sequential ones. */
  readonly created: number;
  readonly owner: bigint;
  readonly children: number;
}

export type Tree = Map<string, Znode>;

/** What a transaction does to one path, in order. */
export interface Effect {
  readonly path: string;
  /** Null removes it. */
  readonly znode: Znode | null;
  /** What watchers are told; null for a parent whose counters change. */
  readonly event: 'created' | 'deleted' | 'changed' | null;
}

export interface Txn {
  readonly zxid: number;
  readonly effects: readonly Effect[];
}

export const ZK_ERRORS = {
  noNode: -101,
  badVersion: -103,
  noChildrenForEphemerals: -108,
  nodeExists: -110,
  notEmpty: -111,
  sessionExpired: -112,
  unimplemented: -6,
} as const;

/** An answer other than yes. */
export class ZkRefusal extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`code ${code}`);
    this.code = code;
  }
}

export interface CreateRequest {
  readonly path: string;
  readonly data: Buffer | null;
  /** 1 ephemeral, 2 sequential. */
  readonly flags: number;
  readonly sessionId: bigint;
}

export const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

export function newTree(): Tree {
  return new Map([['/', fresh(null, 0, 0, 0n)]]);
}

function fresh(data: Buffer | null, zxid: number, nowMs: number, owner: bigint): Znode {
  const times = { ctimeMs: nowMs, mtimeMs: nowMs };
  const counts = { version: 0, cversion: 0, created: 0, children: 0 };
  return { data, czxid: zxid, mzxid: zxid, pzxid: zxid, ...times, ...counts, owner };
}

/** The path that was chosen, and the effects. Throws ZkRefusal. */
export function planCreate(
  tree: Tree,
  zxid: number,
  nowMs: number,
  { path, data, flags, sessionId }: CreateRequest,
): { path: string; effects: Effect[] } {
  const parentPath = parentOf(path);
  const parent = tree.get(parentPath);
  if (parent === undefined) throw new ZkRefusal(ZK_ERRORS.noNode);
  if (parent.owner !== 0n) throw new ZkRefusal(ZK_ERRORS.noChildrenForEphemerals);
  const number = String(parent.created).padStart(10, '0');
  const chosen = (flags & 2) !== 0 ? `${path}${number}` : path;
  if (tree.has(chosen)) throw new ZkRefusal(ZK_ERRORS.nodeExists);
  const owner = (flags & 1) !== 0 ? sessionId : 0n;
  const counted: Znode = {
    ...parent,
    pzxid: zxid,
    cversion: parent.cversion + 1,
    created: parent.created + 1,
    children: parent.children + 1,
  };
  const effects: Effect[] = [
    { path: chosen, znode: fresh(data, zxid, nowMs, owner), event: 'created' },
    { path: parentPath, znode: counted, event: null },
  ];
  return { path: chosen, effects };
}

/** Throws ZkRefusal. */
export function planSetData(
  tree: Tree,
  zxid: number,
  nowMs: number,
  request: { readonly path: string; readonly data: Buffer | null; readonly version: number },
): Effect[] {
  const found = tree.get(request.path);
  if (found === undefined) throw new ZkRefusal(ZK_ERRORS.noNode);
  if (request.version !== -1 && request.version !== found.version) {
    throw new ZkRefusal(ZK_ERRORS.badVersion);
  }
  const { data } = request;
  const next = { ...found, data, mzxid: zxid, mtimeMs: nowMs, version: found.version + 1 };
  return [{ path: request.path, znode: next, event: 'changed' }];
}

/** Throws ZkRefusal. */
export function planDelete(
  tree: Tree,
  zxid: number,
  request: { readonly path: string; readonly version: number },
): Effect[] {
  const found = tree.get(request.path);
  if (found === undefined) throw new ZkRefusal(ZK_ERRORS.noNode);
  if (request.version !== -1 && request.version !== found.version) {
    throw new ZkRefusal(ZK_ERRORS.badVersion);
  }
  if (found.children > 0) throw new ZkRefusal(ZK_ERRORS.notEmpty);
  const parentPath = parentOf(request.path);
  const effects: Effect[] = [{ path: request.path, znode: null, event: 'deleted' }];
  const parent = tree.get(parentPath);
  if (parent !== undefined) {
    const { cversion, children } = parent;
    const counted = { ...parent, pzxid: zxid, cversion: cversion + 1, children: children - 1 };
    effects.push({ path: parentPath, znode: counted, event: null });
  }
  return effects;
}

export function applyEffects(tree: Tree, effects: readonly Effect[]): void {
  for (const { path, znode } of effects) {
    if (znode === null) tree.delete(path);
    else tree.set(path, znode);
  }
}

export function childrenOf(tree: Tree, path: string): string[] {
  const prefix = path === '/' ? '/' : `${path}/`;
  const names: string[] = [];
  for (const key of tree.keys()) {
    if (!key.startsWith(prefix) || key === '/') continue;
    const name = key.slice(prefix.length);
    if (!name.includes('/')) names.push(name);
  }
  return names;
}

export function writeStat(writer: JuteWriter, znode: Znode): JuteWriter {
  return writer
    .long(znode.czxid)
    .long(znode.mzxid)
    .long(Math.round(znode.ctimeMs))
    .long(Math.round(znode.mtimeMs))
    .int(znode.version)
    .int(znode.cversion)
    .int(0)
    .long(znode.owner)
    .int(znode.data?.length ?? 0)
    .int(znode.children)
    .long(znode.pzxid);
}
