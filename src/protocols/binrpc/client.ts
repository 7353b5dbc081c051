import type { Socket } from 'node:net';
import { createConnection } from 'node:net';
import type { CarnaError } from '../../util/errors.js';
import {
  BinrpcFaultError,
  messageOf,
  ProtocolError,
  ServerUnavailableError,
} from '../../util/errors.js';
import { CallQueue } from '../call-queue.js';
import type { BinrpcParam } from './body-codec.js';
import type { BinrpcMessage } from './codec.js';
import { BinrpcDecoder, encodeRequest, MAX_REPLY_BYTES } from './codec.js';
import type { BinrpcValue } from './value.js';

/** Calls that may wait behind the one in flight; one more is refused at once. */
export const MAX_WAITING_CALLS = 64;

export interface BinrpcClientOptions {
  /** Kamailio's ctl socket (`unixs:`). */
  readonly socketPath: string;
  /** Deadline of a call that names none: waiting, connecting and answer together. */
  readonly timeoutMs: number;
  /** A longer reply ends the connection with a ProtocolError. */
  readonly maxReplyBytes?: number;
}

interface Connection {
  readonly socket: Socket;
  readonly decoder: BinrpcDecoder;
  isOpen: boolean;
}

interface Flight {
  readonly method: string;
  readonly cookie: number;
  readonly request: Buffer;
  readonly resolve: (values: readonly BinrpcValue[]) => void;
  readonly reject: (err: Error) => void;
}

/**
 * Calls to one Kamailio over its ctl socket: one persistent connection, made by the first call and
 * again by the first call after a failure; one call in flight, the others wait in order.
 *
 * Every doubt closes the connection (a late, foreign or malformed answer), because Kamailio truncates
 * a reply that is read too slowly and goes on with the next one in the middle.
 */
export class BinrpcClient {
  readonly #options: BinrpcClientOptions;
  readonly #queue = new CallQueue(MAX_WAITING_CALLS);
  readonly #listeners = new Set<(reason: CarnaError) => void>();
  #connection: Connection | undefined;
  #flight: Flight | undefined;
  #lastCookie = 0;
  #isClosed = false;

  constructor(options: BinrpcClientOptions) {
    this.#options = options;
  }

  /**
   * The top-level values of the reply. Rejects with BinrpcFaultError when Kamailio answers a fault,
   * DeadlineError after `timeoutMs`, ServerUnavailableError when the socket is missing, refuses or
   * closes, ProtocolError for malformed bytes, RangeError for a request that BINRPC cannot carry.
   */
  async call(
    method: string,
    params: readonly BinrpcParam[] = [],
    timeoutMs: number = this.#options.timeoutMs,
  ): Promise<readonly BinrpcValue[]> {
    if (this.#isClosed) throw this.#unavailable('the client is closed');
    this.#lastCookie = (this.#lastCookie + 1) >>> 0;
    const cookie = this.#lastCookie;
    const request = encodeRequest(cookie, method, params);
    return this.#queue.run(
      `${method} on ${this.#options.socketPath}`,
      timeoutMs,
      () => this.#exchange({ method, cookie, request }),
      (err) => this.#drop(err),
    );
  }

  /**
   * Tells `listener` when the server ends an open connection (its death, mostly), not when we do.
   * Returns the function that takes the listener away.
   */
  onClose(listener: (reason: CarnaError) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Closes the connection for good; calls under way and later ones reject with ServerUnavailableError. */
  close(): void {
    this.#isClosed = true;
    const err = this.#unavailable('the client was closed');
    this.#queue.failWaiting(err);
    this.#drop(err);
    this.#listeners.clear();
  }

  async #exchange(
    call: Pick<Flight, 'method' | 'cookie' | 'request'>,
  ): Promise<readonly BinrpcValue[]> {
    return new Promise((resolve, reject) => {
      this.#flight = { ...call, resolve, reject };
      this.#connection ??= this.#connect();
      // Before the connection stands, the socket keeps the request and sends it then.
      this.#connection.socket.write(call.request);
    });
  }

  #connect(): Connection {
    const decoder = new BinrpcDecoder(this.#options.maxReplyBytes ?? MAX_REPLY_BYTES);
    const socket = createConnection({ path: this.#options.socketPath });
    const connection: Connection = { socket, decoder, isOpen: false };
    let cause: Error | undefined;
    const ended = (): void => this.#serverEnded(connection, cause);
    socket.on('connect', () => (connection.isOpen = true));
    socket.on('data', (chunk) => this.#read(connection, chunk));
    socket.on('error', (err) => (cause = err));
    socket.on('end', ended);
    socket.on('close', ended);
    return connection;
  }

  #read(connection: Connection, chunk: Buffer): void {
    if (connection !== this.#connection) return;
    try {
      for (const message of connection.decoder.push(chunk)) this.#settle(message);
    } catch (err) {
      if (!(err instanceof ProtocolError)) throw err;
      this.#drop(err);
    }
  }

  #settle(message: BinrpcMessage): void {
    const flight = this.#flight;
    if (flight === undefined || message.cookie !== flight.cookie) {
      const expected = flight === undefined ? 'none' : String(flight.cookie);
      throw new ProtocolError(
        `${this.#options.socketPath}: answer with cookie ${message.cookie}, expected ${expected}`,
      );
    }
    this.#flight = undefined;
    if (message.kind === 'reply') flight.resolve(message.values);
    else flight.reject(new BinrpcFaultError(flight.method, message.code, message.text));
  }

  #serverEnded(connection: Connection, cause: Error | undefined): void {
    if (connection !== this.#connection) return;
    const where = connection.decoder.isInsideMessage ? ' in the middle of a reply' : '';
    const why = cause === undefined ? `closed by the server${where}` : whyOf(cause);
    const err = this.#unavailable(why, cause);
    this.#drop(err);
    if (connection.isOpen) for (const listener of [...this.#listeners]) listener(err);
  }

  /** Forgets the connection and fails the call on it; the next call connects again. */
  #drop(err: Error): void {
    const connection = this.#connection;
    const flight = this.#flight;
    this.#connection = undefined;
    this.#flight = undefined;
    connection?.socket.destroy();
    flight?.reject(err);
  }

  #unavailable(why: string, cause?: Error): ServerUnavailableError {
    const message = `Kamailio at ${this.#options.socketPath}: ${why}`;
    return new ServerUnavailableError(message, cause === undefined ? undefined : { cause });
  }
}

/** What is to be done about a ctl socket that cannot be opened, by the code of the system's error. */
const REMEDIES: Readonly<Record<string, string>> = {
  EACCES:
    "no permission: run the agent as Kamailio's user, or set both user and group of the ctl module (group alone is ignored)",
  ENOENT:
    'no such socket: Kamailio does not run, or CARNA_CTL_SOCKET is not the one in its modparam("ctl", "binrpc", ...)',
  ECONNREFUSED:
    'nobody listens there: the socket was left behind by a Kamailio that was killed; its next start replaces it',
};

function whyOf(cause: Error): string {
  const remedy = 'code' in cause ? REMEDIES[String(cause.code)] : undefined;
  return remedy === undefined ? messageOf(cause) : `${remedy} (${messageOf(cause)})`;
}
