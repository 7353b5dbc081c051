import type { Logger } from 'pino';
import {
  RegistryNotSentError,
  RegistryRejectedError,
  RegistrySessionOverError,
  messageOf,
} from '../util/errors.js';
import { parseConnectString } from './connect-string.js';
import type { ConnectString } from './connect-string.js';
import { ZkConnection } from './connection.js';
import type { Answer } from './in-flight.js';
import { Listeners } from './listeners.js';
import { failureOf } from './operation-count.js';
import { ZkOperations } from './operations.js';
import { renewalPauseMs } from './reconnect-pause.js';
import { aclFor, closeSession } from './requests.js';
import type { ZkOperation } from './requests.js';
import { connectionOptions, newCounters } from './session-options.js';
import type { ZkSessionCounters, ZkSessionOptions, ZkSessionState } from './session-options.js';
import type { WatchEvent } from './watch-event.js';

const OP_DEADLINE_MS = 5_000;
const CLOSE_DEADLINE_MS = 1_500;
const CHROOT_RETRY_MS = 500;

/**
 * A zkSession that renews itself for as long as the process wants one. It starts at once; a server
 * that is away is no error of `open` but a state with a cause (`lastFault`).
 */
export class ZkSession extends ZkOperations {
  readonly #options: ZkSessionOptions;
  readonly #target: ConnectString;
  readonly #log: Logger;
  readonly #random: () => number;
  readonly #stateListeners: Listeners<ZkSessionState>;
  readonly #watchListeners: Listeners<WatchEvent>;
  readonly #counters = newCounters();
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
    const onFailure = (err: unknown): void =>
      this.#log.error({ err }, 'a listener of the zkSession failed');
    this.#stateListeners = new Listeners(onFailure);
    this.#watchListeners = new Listeners(onFailure);
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
    return this.#stateListeners.add(listener);
  }

  /** Calls `listener` for each watch event of the session, whoever asked for the watch. */
  onWatchEvent(listener: (event: WatchEvent) => void): () => void {
    return this.#watchListeners.add(listener);
  }

  /** Rejects with RegistryNotSentError naming the last fault after `timeoutMs`, with RegistrySessionOverError when closed. */
  async whenConnected(timeoutMs: number): Promise<void> {
    if (this.#state === 'connected') return;
    const isSettled = (state: ZkSessionState): boolean => ['connected', 'closed'].includes(state);
    if (this.#closing === undefined) await this.#stateListeners.when(isSettled, timeoutMs);
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
    const { what } = operation;
    return this.#counted(() => {
      if (this.#closing !== undefined || this.#state === 'lost' || this.#state === 'closed')
        throw new RegistrySessionOverError(`${what}: the session is over`);
      if (this.#state !== 'connected')
        throw new RegistryNotSentError(`${what}: ${this.#lastFault ?? this.#state}`);
      return this.#connection.send(operation, OP_DEADLINE_MS);
    });
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    const { ops } = this.#counters;
    try {
      const answer = await work();
      ops.ok += 1;
      return answer;
    } catch (err) {
      const failure = failureOf(err);
      if (failure !== null) ops[failure] += 1;
      throw err;
    }
  }

  #isConnected(): boolean {
    return this.#state === 'connected';
  }

  #newConnection(failures: number): ZkConnection {
    const isCurrent = (): boolean => this.#connection === connection && this.#closing === undefined;
    const asked = connectionOptions(this.#options, this.#target.servers, this.#counters, failures);
    const connection: ZkConnection = new ZkConnection(asked, {
      up: () => isCurrent() && this.#onUp(),
      down: (cause) => isCurrent() && this.#onDown(cause),
      over: (cause) => isCurrent() && this.#onOver(cause),
      watchEvent: (event) => isCurrent() && this.#onWatch(event),
    });
    return connection;
  }

  #onUp(): void {
    this.#ups += 1;
    if (this.#target.chroot === '' || this.#hasChroot) this.#nowConnected();
    else void this.#makeChroot(this.#ups);
  }

  /** Without its chroot every operation would answer NO_NODE, so it comes first in each session. */
  async #makeChroot(up: number): Promise<void> {
    try {
      await this.ensureReal(this.#target.chroot, (operation) =>
        this.#counted(() => this.#connection.send(operation, OP_DEADLINE_MS)),
      );
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
    this.#watchListeners.tell({ ...event, path: this.relative(event.path) });
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
    this.#stateListeners.tell(to);
  }

  async #close(): Promise<void> {
    clearTimeout(this.#renewal);
    const connection = this.#connection;
    if (this.#state === 'connected') {
      await connection.send(closeSession(), CLOSE_DEADLINE_MS).catch((err: unknown) => {
        if (failureOf(err) === null) throw err;
      });
    }
    connection.drop(new RegistrySessionOverError('the session was closed'));
    this.#setState('closed', 'close');
  }
}
