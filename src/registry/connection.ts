import { connect } from 'node:net';
import {
  RegistryAmbiguousError,
  RegistryNotSentError,
  RegistryRejectedError,
  RegistrySessionOverError,
  messageOf,
} from '../util/errors.js';
import type { CarnaError } from '../util/errors.js';
import type { ZkServer } from './connect-string.js';
import { FrameReader } from './frames.js';
import type { Frame } from './frames.js';
import { reconnectPauseMs } from './reconnect-pause.js';
import { pingRequest } from './requests.js';
import type { ZkOperation } from './requests.js';
import { long } from './stat.js';
import type { WatchEvent } from './watch-event.js';
import { isNotification, readWatchEvent } from './watch-event.js';
import { Watchdog } from './watchdog.js';
import { ConnectionManager, KNOWN_CODES } from './zk-client.js';
import type { ZkManager, ZkPacket, ZkSocket } from './zk-client.js';
import { CODE_REPLY_TOO_LARGE, zkCodeName } from './zk-codes.js';

/** Faults of the package and the network that were contained, and what was done about them. */
export interface ConnectionCounters {
  /** Sessions that the server declared over. */
  expired: number;
  /** Sessions given up because nothing was heard for twice their time-out. */
  recycled: number;
  /** Connections cut because the server went silent. */
  silentCuts: number;
  /** Attempts cut because no session reply came in time. */
  connectCuts: number;
  /** Exceptions and unknown codes that would have ended the process. */
  contained: number;
}

/** Begins a TCP connection; its events tell the rest. */
export type ZkConnect = (server: ZkServer) => ZkSocket;

const tcpConnect: ZkConnect = ({ host, port }) => connect({ host, port, noDelay: true });

export interface ConnectionOptions {
  readonly servers: readonly ZkServer[];
  /** Default: TCP. */
  readonly connect?: ZkConnect | undefined;
  readonly zkSessionTimeoutMs: number;
  /** For one server, TCP and session reply together. */
  readonly connectTimeoutMs: number;
  readonly auth: { readonly user: string; readonly password: string } | null;
  readonly random: () => number;
  readonly counters: ConnectionCounters;
  /** A larger reply is thrown away and its operation rejected. */
  readonly maxReplyBytes: number;
  /** Failed attempts so far, carried over from the connection before. */
  readonly failures: number;
}

/** What a connection tells its session. All are called outside the package's code. */
export interface ConnectionEvents {
  up(): void;
  /** The TCP connection ended or could not be made; the session may live. */
  down(cause: string): void;
  /** The session is over; the connection is of no more use. */
  over(cause: string): void;
  watchEvent(event: WatchEvent): void;
}

export interface Answer<T> {
  readonly value: T;
  /** Orders replies and watch events as the server sent them. */
  readonly arrival: number;
}

interface Pending {
  settle(error: CarnaError | null, payload?: unknown): void;
}

/** A connection shorter than this counts as a failed attempt. */
const STABLE_MS = 1_000;
const SESSION_REPLY_SIZES = new Set([40, 41]);
const PASSWORD_BYTES = 16;
const MAX_SESSION_TIMEOUT_MS = 3_600_000;
const MAX_XID = 0x7fff_0000;
const MAX_IN_FLIGHT = 20_000;

const { CONNECTING, CONNECTED, DISCONNECTED, SESSION_EXPIRED, AUTHENTICATION_FAILED } =
  ConnectionManager.STATES;

/**
 * One zkSession over one TCP connection after another: one client object of the package, contained.
 *
 * It connects to the servers in random order, keeps the session while that is possible, and ends for
 * good when the session is over. It throws nothing but what `send` rejects with.
 */
export class ZkConnection {
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #manager: ZkManager;
  readonly #servers: ZkServer[];
  readonly #pending = new Map<ZkPacket['callback'], Pending>();
  readonly #watchdog: Watchdog;
  #socket: ZkSocket | null = null;
  #guard: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isUp = false;
  #isDropped = false;
  #upAtMs = 0;
  #failures: number;
  #attempt = 0;
  #arrivals = 0;

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#failures = options.failures;
    this.#servers = shuffled(options.servers, options.random);
    this.#manager = newManager(options);
    // The package must never connect on its own.
    this.#manager.connect = () => undefined;
    this.#watchdog = new Watchdog({
      zkSessionTimeoutMs: () => this.#manager.sessionTimeout,
      ping: () => this.#manager.queue(pingRequest()),
      onSilent: () => {
        options.counters.silentCuts += 1;
        this.#cut(`nothing heard from the server for 2/3 of ${this.#manager.sessionTimeout} ms`);
      },
      onOutOfReach: () => {
        if (this.zkSessionId === null) return;
        options.counters.recycled += 1;
        this.#end(
          `no contact for twice the session time-out of ${this.#manager.sessionTimeout} ms`,
        );
      },
    });
    this.#connect();
  }

  /** Null before the first session reply. */
  get zkSessionId(): bigint | null {
    const id = long(this.#manager.sessionId);
    return id === 0n ? null : id;
  }

  /** As negotiated; what was asked for before that. */
  get zkSessionTimeoutMs(): number {
    return this.#manager.sessionTimeout;
  }

  get failures(): number {
    return this.#failures;
  }

  /**
   * Sends one operation on the present connection. Rejects with one of the four registry errors;
   * `deadlineMs` bounds the wait for the answer, after which a late one is ignored.
   */
  send<T>(operation: ZkOperation<T>, deadlineMs: number): Promise<Answer<T>> {
    return new Promise((resolve, reject) => {
      if (!this.#isUp || this.#pending.size >= MAX_IN_FLIGHT) {
        const why = this.#isUp ? `${MAX_IN_FLIGHT} operations in flight` : 'not connected';
        reject(new RegistryNotSentError(`${operation.what}: ${why}`));
        return;
      }
      const callback: ZkPacket['callback'] = (error, reply) => {
        const failed = error === null ? null : rejected(operation.what, error.code);
        this.#settle(callback, failed, reply?.payload);
      };
      const timer = setTimeout(() => {
        const why = `no answer within ${deadlineMs} ms`;
        this.#settle(callback, new RegistryAmbiguousError(`${operation.what}: ${why}`));
      }, deadlineMs);
      const settle: Pending['settle'] = (error, payload) => {
        clearTimeout(timer);
        if (error !== null) {
          reject(error);
          return;
        }
        try {
          resolve({ value: operation.read(payload), arrival: this.#arrivals });
        } catch (err) {
          reject(err instanceof Error ? err : new Error(messageOf(err)));
        }
      };
      this.#pending.set(callback, { settle });
      if (this.#manager.xid > MAX_XID) this.#manager.xid = 0;
      this.#contained(() => this.#manager.queue(operation.request(), callback));
    });
  }

  /** Makes the connection inert at once: nothing of it fires any more. What waits for an answer rejects with `error`. */
  drop(error: CarnaError): void {
    if (this.#isDropped) return;
    this.#isDropped = true;
    this.#isUp = false;
    clearTimeout(this.#guard);
    clearTimeout(this.#retry);
    this.#watchdog.stop();
    this.#socket?.destroy();
    this.#socket = null;
    this.#manager.pendingQueue = [];
    this.#manager.packetQueue.queue = [];
    for (const pending of this.#takePending()) pending.settle(error);
  }

  #connect(): void {
    const server = this.#servers[this.#attempt % this.#servers.length];
    if (server === undefined) throw new Error('no server to connect to');
    this.#attempt += 1;
    const manager = this.#manager;
    manager.state = CONNECTING ?? 1;
    manager.pendingBuffer = null;
    const socket = (this.#options.connect ?? tcpConnect)(server);
    this.#socket = socket;
    manager.socket = socket;
    const frames = new FrameReader(this.#options.maxReplyBytes);
    let stage = 'TCP connection';
    let cause = 'the server closed the connection';
    socket.on('connect', () => {
      stage = 'session reply';
      this.#contained(() => manager.onSocketConnected());
    });
    socket.on('data', (bytes: Buffer) =>
      this.#contained(() => this.#onBytes(frames, bytes, socket)),
    );
    socket.on('drain', () => this.#contained(() => manager.onSocketDrain()));
    socket.on('error', (err: unknown) => (cause = messageOf(err)));
    socket.on('close', () => this.#onClose(socket, `${server.host}:${server.port}: ${cause}`));
    this.#guard = setTimeout(() => {
      this.#options.counters.connectCuts += 1;
      socket.destroy(new Error(`no ${stage} within ${this.#options.connectTimeoutMs} ms`));
    }, this.#options.connectTimeoutMs);
  }

  #onBytes(frames: FrameReader, bytes: Buffer, socket: ZkSocket): void {
    this.#watchdog.heard();
    for (const frame of frames.push(bytes)) {
      if (socket.destroyed || this.#socket !== socket) return;
      this.#arrivals += 1;
      if (frame.isOversized) this.#onOversized(frame);
      else if (this.#manager.state === CONNECTING) this.#onSessionReply(frame.bytes);
      else this.#onReply(frame.bytes);
    }
  }

  #onSessionReply(frame: Buffer): void {
    const isSessionReply =
      SESSION_REPLY_SIZES.has(frame.length) &&
      frame.readInt32BE(8) <= MAX_SESSION_TIMEOUT_MS &&
      frame.readInt32BE(20) === PASSWORD_BYTES;
    if (!isSessionReply) throw new Error('not the session reply of a ZooKeeper');
    this.#manager.onSocketData(frame);
    if (this.#manager.state === SESSION_EXPIRED) {
      this.#options.counters.expired += 1;
      this.#end('the server says that the session expired');
      return;
    }
    if (this.#manager.state !== CONNECTED) throw new Error('no session in the session reply');
    clearTimeout(this.#guard);
    this.#isUp = true;
    this.#upAtMs = performance.now();
    this.#watchdog.connected();
    this.#events.up();
  }

  #onReply(frame: Buffer): void {
    if (isNotification(frame)) {
      const event = readWatchEvent(frame, this.#arrivals);
      if (event !== null) this.#events.watchEvent(event);
      return;
    }
    if (!KNOWN_CODES.has(replyCode(frame))) {
      this.#options.counters.contained += 1;
      this.#answerOurselves(frame, replyCode(frame));
      return;
    }
    this.#manager.onSocketData(frame);
    if (this.#manager.state === AUTHENTICATION_FAILED) this.#end('authentication failed');
  }

  /** Asking again would bring the same, so the connection stays and the one operation fails by name. */
  #onOversized({ bytes }: Frame): void {
    if (this.#manager.state !== CONNECTED) throw new Error('not the reply of a ZooKeeper');
    this.#answerOurselves(bytes, CODE_REPLY_TOO_LARGE);
  }

  /** Takes a reply from the package, which would throw on it or needs all its bytes. */
  #answerOurselves(frame: Buffer, code: number): void {
    const xid = frame.readInt32BE(4);
    const packet = this.#manager.pendingQueue[0];
    if (packet?.request.header.xid !== xid) {
      if (xid < 0) return;
      throw new Error(`a reply to ${xid}, which was not asked next`);
    }
    this.#manager.pendingQueue.shift();
    packet.callback({ code });
  }

  /** Runs code of the package; whatever it throws ends the connection, not the process. */
  #contained(work: () => void): void {
    try {
      work();
    } catch (err) {
      this.#options.counters.contained += 1;
      this.#cut(`the ZooKeeper client failed: ${messageOf(err)}`);
    }
  }

  #cut(cause: string): void {
    this.#socket?.destroy(new Error(cause));
  }

  #onClose(socket: ZkSocket, cause: string): void {
    if (this.#isDropped || this.#socket !== socket) return;
    clearTimeout(this.#guard);
    const wasStable = this.#isUp && performance.now() - this.#upAtMs > STABLE_MS;
    this.#failures = wasStable ? 0 : this.#failures + 1;
    this.#isUp = false;
    this.#socket = null;
    this.#manager.state = DISCONNECTED ?? 0;
    this.#watchdog.disconnected();
    this.#failPending(cause);
    this.#retry = setTimeout(() => this.#connect(), this.#pauseMs());
    this.#events.down(cause);
  }

  #pauseMs(): number {
    const attempt = {
      failures: this.#failures,
      servers: this.#servers.length,
      hasSession: this.zkSessionId !== null,
      zkSessionTimeoutMs: this.zkSessionTimeoutMs,
    };
    return reconnectPauseMs(attempt, this.#options.random);
  }

  #failPending(cause: string): void {
    const unsent = new Set(this.#manager.packetQueue.queue.map((packet) => packet.callback));
    this.#manager.packetQueue.queue = [];
    this.#manager.pendingQueue = [];
    const ambiguous = new RegistryAmbiguousError(
      `the connection was lost before the answer: ${cause}`,
    );
    const notSent = new RegistryNotSentError(`the connection was lost before sending: ${cause}`);
    for (const [callback, pending] of [...this.#pending]) {
      this.#pending.delete(callback);
      pending.settle(unsent.has(callback) ? notSent : ambiguous);
    }
  }

  #end(cause: string): void {
    this.drop(new RegistrySessionOverError(cause));
    this.#events.over(cause);
  }

  #settle(callback: ZkPacket['callback'], error: CarnaError | null, payload?: unknown): void {
    const pending = this.#pending.get(callback);
    this.#pending.delete(callback);
    pending?.settle(error, payload);
  }

  #takePending(): Pending[] {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    return all;
  }
}

function newManager(options: ConnectionOptions): ZkManager {
  // The package refuses an empty list; the address is never used because the sockets are ours.
  const manager = new ConnectionManager(
    '127.0.0.1:1',
    { sessionTimeout: options.zkSessionTimeoutMs, spinDelay: 0, retries: 0 },
    () => undefined,
  );
  if (options.auth !== null) {
    const secret = Buffer.from(`${options.auth.user}:${options.auth.password}`);
    manager.credentials.push({ scheme: 'digest', auth: secret });
  }
  return manager;
}

function replyCode(frame: Buffer): number {
  if (frame.length < 20) throw new Error('a reply shorter than its header');
  return frame.readInt32BE(16);
}

function rejected(what: string, code: number): CarnaError {
  return new RegistryRejectedError(what, zkCodeName(code));
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value);
}
