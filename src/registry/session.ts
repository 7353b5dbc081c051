import type { Logger } from 'pino';
import {
  RegistryAmbiguousError,
  RegistryNotSentError,
  RegistryRejectedError,
  RegistrySessionOverError,
  messageOf,
} from '../util/errors.js';
import type { CarnaError } from '../util/errors.js';
import { wait } from '../util/wait.js';
import { parseConnectString } from './connect-string.js';
import type { ConnectString } from './connect-string.js';
import { ZkConnection } from './connection.js';
import type { Answer, ConnectionCounters, ZkConnect } from './connection.js';
import { MAX_FRAME_BYTES } from './frames.js';
import { ZkOperations } from './operations.js';
import { renewalPauseMs } from './reconnect-pause.js';
import { aclFor, closeSession } from './requests.js';
import type { ZkOperation } from './requests.js';
import type { WatchEvent } from './watch-event.js';

/**
 * - `connecting`: no session yet.
 * - `connected`: operations are sent.
 * - `suspended`: the connection is lost, the session and its ephemerals may stand: judge nothing.
 * - `lost`: the session is over, its ephemerals must be assumed gone; a new one is on its way.
 * - `closed`: by `close()`, for good.
 */
export type ZkSessionState = 'connecting' | 'connected' | 'suspended' | 'lost' | 'closed';

export interface ZkSessionOptions {
  /** `host:port,host:port/chroot`. */
  readonly connectString: string;
  /** Asked for; the server bounds it to 2..20 of its ticks. */
  readonly zkSessionTimeoutMs: number;
  /** For one server, TCP and session reply together; default: a share of the session time-out. */
  readonly connectTimeoutMs?: number;
  /** Digest user; null = everything is open to everybody. */
  readonly auth: { readonly user: string; readonly password: string } | null;
  readonly log: Logger;
  /** A larger reply rejects its operation with REPLY_TOO_LARGE; default 64 MiB. */
  readonly maxReplyBytes?: number;
  /** [0, 1), for jitter; default Math.random. */
  readonly random?: () => number;
  /** How a TCP connection is begun; default: node:net. */
  readonly connect?: ZkConnect | undefined;
}

export interface ZkSessionCounters extends ConnectionCounters {
  /** Operations by how they ended. */
  readonly ops: {
    ok: number;
    notSent: number;
    rejected: number;
    ambiguous: number;
    sessionOver: number;
  };
}

const OP_DEADLINE_MS = 5_000;
const CLOSE_DEADLINE_MS = 1_500;
const CHROOT_RETRY_MS = 500;
const MIN_CONNECT_TIMEOUT_MS = 250;
const MAX_CONNECT_TIMEOUT_MS = 5_000;

/**
 * A zkSession that renews itself for as long as the process wants one. It starts at once; a server
 * that is away is no error of `open` but a state with a cause (`lastFault`).
 */
export class ZkSession extends ZkOperations {
  readonly #options: ZkSessionOptions;
  readonly #target: ConnectString;
  readonly #log: Logger;
  readonly #random: () => number;
  readonly #stateListeners = new Set<(state: ZkSessionState) => void>();
  readonly #watchListeners = new Set<(event: WatchEvent) => void>();
  readonly #counters: ZkSessionCounters;
  #connection: ZkConnection;
  #state: ZkSessionState = 'connecting';
  #lastFault: string | null = null;
  #renewal: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #hasChroot = false;
  #ups = 0;

  /** Throws InvalidInputError for a connect string that cannot be; never because a server is away. */
  static open(options: ZkSessionOptions): ZkSession {
    return new ZkSession(options);
  }

  private constructor(options: ZkSessionOptions) {
    const target = parseConnectString(options.connectString);
    super(aclFor(options.auth), target.chroot);
    this.#options = options;
    this.#target = target;
    this.#log = options.log.child({ component: 'zk-session' });
    this.#random = options.random ?? Math.random;
    const ops = { ok: 0, notSent: 0, rejected: 0, ambiguous: 0, sessionOver: 0 };
    const faults = { expired: 0, recycled: 0, silentCuts: 0, connectCuts: 0, contained: 0 };
    this.#counters = { ...faults, ops };
    this.#connection = this.#newConnection(0);
  }

  get state(): ZkSessionState {
    return this.#state;
  }

  /** Null when there is no session or it is over; stays while suspended. */
  get zkSessionId(): bigint | null {
    const hasSession = this.#state === 'connected' || this.#state === 'suspended';
    return hasSession ? this.#connection.zkSessionId : null;
  }

  /** As negotiated; before the first connection, as asked for. */
  get zkSessionTimeoutMs(): number {
    return this.#connection.zkSessionTimeoutMs;
  }

  /** Why there is no connection; null while there is one. */
  get lastFault(): string | null {
    return this.#lastFault;
  }

  /** Running totals since `open`, for metrics. */
  get counters(): Readonly<ZkSessionCounters> {
    return this.#counters;
  }

  /** Calls `listener` after each change of state. Returns the function that ends it. */
  onState(listener: (state: ZkSessionState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  /** Calls `listener` for each watch event of the session, whoever asked for the watch. */
  onWatchEvent(listener: (event: WatchEvent) => void): () => void {
    this.#watchListeners.add(listener);
    return () => this.#watchListeners.delete(listener);
  }

  /** Rejects with RegistryNotSentError naming the last fault after `timeoutMs`, with RegistrySessionOverError when closed. */
  async whenConnected(timeoutMs: number): Promise<void> {
    if (this.#state === 'connected') return;
    const settled = new AbortController();
    const off = this.onState((state) => {
      if (state === 'connected' || state === 'closed') settled.abort();
    });
    if (this.#closing === undefined) await wait(timeoutMs, settled.signal);
    off();
    if (this.#closing !== undefined) throw new RegistrySessionOverError('the session was closed');
    if (!this.#isConnected()) {
      const why = this.#lastFault ?? 'no answer yet';
      throw new RegistryNotSentError(`no ZooKeeper within ${timeoutMs} ms: ${why}`);
    }
  }

  /**
   * Ends the session in whatever state it is; when connected its ephemerals are gone at once.
   * Never throws, takes at most 1.5 s, may be called twice.
   */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  protected override async send<T>(operation: ZkOperation<T>): Promise<Answer<T>> {
    if (this.#closing !== undefined || this.#state === 'lost' || this.#state === 'closed') {
      this.#counters.ops.sessionOver += 1;
      throw new RegistrySessionOverError(`${operation.what}: the session is over`);
    }
    if (this.#state !== 'connected') {
      this.#counters.ops.notSent += 1;
      throw new RegistryNotSentError(`${operation.what}: ${this.#lastFault ?? this.#state}`);
    }
    return this.#sendNow(operation);
  }

  async #sendNow<T>(operation: ZkOperation<T>): Promise<Answer<T>> {
    try {
      const answer = await this.#connection.send(operation, OP_DEADLINE_MS);
      this.#counters.ops.ok += 1;
      return answer;
    } catch (err) {
      const ops = this.#counters.ops;
      if (err instanceof RegistryNotSentError) ops.notSent += 1;
      else if (err instanceof RegistryRejectedError) ops.rejected += 1;
      else if (err instanceof RegistryAmbiguousError) ops.ambiguous += 1;
      else if (err instanceof RegistrySessionOverError) ops.sessionOver += 1;
      throw err;
    }
  }

  #isConnected(): boolean {
    return this.#state === 'connected';
  }

  #newConnection(failures: number): ZkConnection {
    const options = this.#options;
    const isCurrent = (): boolean => this.#connection === connection && this.#closing === undefined;
    const connection: ZkConnection = new ZkConnection(
      {
        servers: this.#target.servers,
        connect: options.connect,
        zkSessionTimeoutMs: options.zkSessionTimeoutMs,
        connectTimeoutMs: options.connectTimeoutMs ?? this.#defaultConnectTimeoutMs(),
        auth: options.auth,
        random: this.#random,
        maxReplyBytes: options.maxReplyBytes ?? MAX_FRAME_BYTES,
        counters: this.#counters,
        failures,
      },
      {
        up: () => isCurrent() && this.#onUp(),
        down: (cause) => isCurrent() && this.#onDown(cause),
        over: (cause) => isCurrent() && this.#onOver(cause),
        watchEvent: (event) => isCurrent() && this.#onWatch(event),
      },
    );
    return connection;
  }

  /** Leaves time to try several servers before the session runs out. */
  #defaultConnectTimeoutMs(): number {
    const share = this.#options.zkSessionTimeoutMs / Math.max(2, this.#target.servers.length);
    return Math.min(MAX_CONNECT_TIMEOUT_MS, Math.max(MIN_CONNECT_TIMEOUT_MS, Math.floor(share)));
  }

  #onUp(): void {
    this.#ups += 1;
    if (this.#target.chroot === '' || this.#hasChroot) this.#nowConnected();
    else void this.#makeChroot(this.#ups);
  }

  /** Without its chroot every operation would answer NO_NODE, so it comes first in each session. */
  async #makeChroot(up: number): Promise<void> {
    try {
      await this.ensureReal(this.#target.chroot, (operation) => this.#sendNow(operation));
    } catch (err) {
      if (up !== this.#ups || this.#closing !== undefined) return;
      const isDenied = err instanceof RegistryRejectedError && err.zkCode === 'NO_AUTH';
      if (!isDenied) {
        this.#fault(`chroot ${this.#target.chroot}: ${messageOf(err)}`);
        this.#renewal = setTimeout(() => up === this.#ups && this.#onUp(), CHROOT_RETRY_MS);
        return;
      }
    }
    if (up !== this.#ups || this.#closing !== undefined) return;
    this.#hasChroot = true;
    this.#nowConnected();
  }

  #nowConnected(): void {
    const asked = this.#options.zkSessionTimeoutMs;
    const got = this.zkSessionTimeoutMs;
    if (asked !== got && this.#state !== 'suspended') {
      this.#log.warn(
        { askedMs: asked, negotiatedMs: got },
        'ZooKeeper changed the session time-out',
      );
    }
    this.#lastFault = null;
    this.#setState('connected', 'session reply');
  }

  #onDown(cause: string): void {
    this.#ups += 1;
    this.#fault(cause);
    if (this.#state === 'connected') this.#setState('suspended', cause);
  }

  #onOver(cause: string): void {
    this.#ups += 1;
    this.#fault(cause);
    this.#hasChroot = false;
    this.forgetEphemerals();
    if (this.#state !== 'connecting') this.#setState('lost', cause);
    const { failures } = this.#connection;
    this.#renewal = setTimeout(
      () => {
        this.#connection = this.#newConnection(failures);
      },
      renewalPauseMs(this.zkSessionTimeoutMs, this.#random),
    );
  }

  #onWatch(event: WatchEvent): void {
    if (this.#watchListeners.size === 0) return;
    const own = { ...event, path: this.relative(event.path) };
    this.#tell(this.#watchListeners, own);
  }

  #fault(cause: string): void {
    if (this.#lastFault === null) this.#log.warn({ cause }, 'no connection to ZooKeeper');
    this.#lastFault = cause;
  }

  #setState(to: ZkSessionState, why: string): void {
    const from = this.#state;
    if (from === to) return;
    this.#state = to;
    this.#log.info({ from, to, why }, 'zkSession changed');
    this.#tell(this.#stateListeners, to);
  }

  /** Outside the socket handler and one by one, so that a listener that throws harms nobody else. */
  #tell<T>(listeners: ReadonlySet<(value: T) => void>, value: T): void {
    setImmediate(() => {
      for (const listener of [...listeners]) {
        try {
          listener(value);
        } catch (err) {
          this.#log.error({ err }, 'a listener of the zkSession failed');
        }
      }
    });
  }

  async #close(): Promise<void> {
    clearTimeout(this.#renewal);
    const connection = this.#connection;
    if (this.#state === 'connected') {
      await connection.send(closeSession(), CLOSE_DEADLINE_MS).catch((err: unknown) => {
        if (!isRegistryError(err)) throw err;
      });
    }
    connection.drop(new RegistrySessionOverError('the session was closed'));
    this.#setState('closed', 'close');
  }
}

function isRegistryError(err: unknown): err is CarnaError {
  return (
    err instanceof RegistryNotSentError ||
    err instanceof RegistryRejectedError ||
    err instanceof RegistryAmbiguousError ||
    err instanceof RegistrySessionOverError
  );
}
