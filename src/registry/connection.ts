import { RegistryNotSentError, RegistrySessionOverError, messageOf } from '../util/errors.js';
import type { CarnaError } from '../util/errors.js';
import { inRandomOrder } from './connect-string.js';
import type { ZkServer } from './connect-string.js';
import type { ConnectionEvents, ConnectionOptions } from './connection-options.js';
import { FrameReader } from './frames.js';
import type { Frame } from './frames.js';
import { InFlight } from './in-flight.js';
import type { Answer } from './in-flight.js';
import { reconnectPauseMs } from './reconnect-pause.js';
import { isSessionReply, replyCode } from './reply.js';
import { pingRequest } from './requests.js';
import type { ZkOperation } from './requests.js';
import { long } from './stat.js';
import { isNotification, readWatchEvent } from './watch-event.js';
import { Watchdog } from './watchdog.js';
import {
  ConnectionManager,
  KNOWN_CODES,
  answerInstead,
  emptyQueues,
  newManager,
} from './zk-client.js';
import type { ZkCallback, ZkManager, ZkSocket } from './zk-client.js';
import { CODE_REPLY_TOO_LARGE } from './zk-codes.js';

/** A connection shorter than this counts as a failed attempt. */
const STABLE_MS = 1_000;
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
  readonly #inFlight = new InFlight();
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
    this.#servers = inRandomOrder(options.servers, options.random);
    this.#manager = newManager(options.zkSessionTimeoutMs, options.auth);
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
    if (!this.#isUp || this.#inFlight.size >= MAX_IN_FLIGHT) {
      const why = this.#isUp ? `${MAX_IN_FLIGHT} operations in flight` : 'not connected';
      return Promise.reject(new RegistryNotSentError(`${operation.what}: ${why}`));
    }
    const queue = (callback: ZkCallback): void => {
      if (this.#manager.xid > MAX_XID) this.#manager.xid = 0;
      this.#contained(() => this.#manager.queue(operation.request(), callback));
    };
    return this.#inFlight.begin(operation, deadlineMs, () => this.#arrivals, queue);
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
    emptyQueues(this.#manager);
    this.#inFlight.end(error);
  }

  #connect(): void {
    const server = this.#servers[this.#attempt % this.#servers.length];
    if (server === undefined) throw new Error('no server to connect to');
    this.#attempt += 1;
    const manager = this.#manager;
    manager.state = CONNECTING ?? 1;
    manager.pendingBuffer = null;
    const socket = this.#options.connect(server);
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
    if (!isSessionReply(frame)) throw new Error('not the session reply of a ZooKeeper');
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
      answerInstead(this.#manager, frame, replyCode(frame));
      return;
    }
    this.#manager.onSocketData(frame);
    if (this.#manager.state === AUTHENTICATION_FAILED) this.#end('authentication failed');
  }

  /** Asking again would bring the same, so the connection stays and the one operation fails by name. */
  #onOversized({ bytes }: Frame): void {
    if (this.#manager.state !== CONNECTED) throw new Error('not the reply of a ZooKeeper');
    answerInstead(this.#manager, bytes, CODE_REPLY_TOO_LARGE);
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
    this.#inFlight.connectionLost(cause, emptyQueues(this.#manager));
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

  #end(cause: string): void {
    this.drop(new RegistrySessionOverError(cause));
    this.#events.over(cause);
  }
}
