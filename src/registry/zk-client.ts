import { createRequire } from 'node:module';

/** What is used of a socket (node:net's, or one like it). */
export interface ZkSocket {
  readonly destroyed: boolean;
  write(bytes: Buffer): boolean;
  destroy(error?: Error): unknown;
  setTimeout(ms: number, listener?: () => void): unknown;
  on(event: 'data', listener: (bytes: Buffer) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'connect' | 'drain' | 'close', listener: () => void): unknown;
}

/**
 * The internals of node-zookeeper-client 1.1.3 that this layer stands on, and nothing else of it.
 *
 * The package is used as a protocol engine only: it writes the handshake, numbers and queues requests,
 * matches replies and holds the session id. Sockets, framing, watches, time-outs, errors and close are
 * ours (connection.ts), because the package's own cannot be trusted. contract.test.ts checks each
 * field named here against the installed package.
 */
export interface ZkManager {
  state: number;
  socket: ZkSocket;
  pendingBuffer: Buffer | null;
  /** Sent, not yet answered. */
  pendingQueue: ZkPacket[];
  /** Not yet sent. */
  readonly packetQueue: { queue: ZkPacket[] };
  readonly credentials: { scheme: string; auth: Buffer }[];
  sessionTimeout: number;
  sessionId: Buffer;
  xid: number;
  connect(): void;
  queue(request: ZkRequest, callback?: ZkCallback): void;
  /** Writes the handshake and queues the credentials. */
  onSocketConnected(): void;
  onSocketData(frame: Buffer): void;
  onSocketDrain(): void;
}

export type ZkCallback = (error: { readonly code: number } | null, reply?: ZkReply) => void;

export interface ZkPacket {
  readonly request: ZkRequest;
  readonly callback: ZkCallback;
}

export interface ZkRequest {
  readonly header: { xid: number; type: number };
  readonly payload: ZkRecord | null;
  toBuffer(): Buffer;
}

export interface ZkReply {
  readonly payload: unknown;
}

/** A record of ZooKeeper's protocol; its fields depend on its kind. */
export interface ZkRecord {
  setChrootPath(path: string): void;
  deserialize(buffer: Buffer, offset: number): number;
}

type RecordClass = new (...fields: unknown[]) => ZkRecord;

interface Jute {
  readonly OP_CODES: Readonly<Record<string, number>>;
  readonly Request: new (header: ZkRecord, payload: ZkRecord | null) => ZkRequest;
  readonly TransactionRequest: new (ops: readonly object[]) => ZkRecord;
  readonly protocol: Readonly<Record<string, RecordClass>>;
  readonly data: Readonly<Record<string, RecordClass>>;
}

interface ManagerClass {
  new (
    servers: string,
    options: { sessionTimeout: number; spinDelay: number; retries: number },
    onState: () => void,
  ): ZkManager;
  readonly STATES: Readonly<Record<string, number>>;
}

const require = createRequire(import.meta.url);

export const ConnectionManager =
  require('node-zookeeper-client/lib/ConnectionManager.js') as ManagerClass;

export const jute = require('node-zookeeper-client/lib/jute') as Jute;

const exceptions = require('node-zookeeper-client/lib/Exception.js') as Record<string, unknown>;

/** The error codes that the package can name; it throws in its socket handler on any other. */
export const KNOWN_CODES: ReadonlySet<number> = new Set(
  Object.values(exceptions).filter((value) => typeof value === 'number'),
);

/** A protocol engine without a connection; `auth` is what it presents after each handshake. */
export function newManager(
  zkSessionTimeoutMs: number,
  auth: { readonly user: string; readonly password: string } | null,
): ZkManager {
  // The package refuses an empty list; the address is never used because the sockets are ours.
  const manager = new ConnectionManager(
    '127.0.0.1:1',
    { sessionTimeout: zkSessionTimeoutMs, spinDelay: 0, retries: 0 },
    () => undefined,
  );
  if (auth !== null) {
    const secret = Buffer.from(`${auth.user}:${auth.password}`);
    manager.credentials.push({ scheme: 'digest', auth: secret });
  }
  return manager;
}

/** Answers with `code` what the package would throw on or needs all its bytes for. Throws on a reply out of turn. */
export function answerInstead(manager: ZkManager, frame: Buffer, code: number): void {
  const xid = frame.readInt32BE(4);
  const packet = manager.pendingQueue[0];
  if (packet?.request.header.xid !== xid) {
    if (xid < 0) return;
    throw new Error(`a reply to ${xid}, which was not asked next`);
  }
  manager.pendingQueue.shift();
  packet.callback({ code });
}

/** Forgets what is queued, sent or not; gives the callbacks of what was never sent. */
export function emptyQueues(manager: ZkManager): ReadonlySet<ZkCallback> {
  const unsent = new Set(manager.packetQueue.queue.map((packet) => packet.callback));
  manager.packetQueue.queue = [];
  manager.pendingQueue = [];
  return unsent;
}

/** The constructor of a protocol record. Throws when the package does not have it. */
export function recordClass(group: 'protocol' | 'data', name: string): RecordClass {
  const found = jute[group][name];
  if (found === undefined) throw new Error(`node-zookeeper-client has no record ${group}.${name}`);
  return found;
}

/** The installed package's version, for the check of the pin. */
export function clientVersion(): string {
  return (require('node-zookeeper-client/package.json') as { version: string }).version;
}
