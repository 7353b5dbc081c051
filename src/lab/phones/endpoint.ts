import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { LabError } from '../../util/errors.js';
import type { SipRequest, SipResponse } from '../standin/sip-message.js';
import { cseqOf, headerOf, parseSip, topVia } from '../standin/sip-message.js';
import type { ResponseParts, SipAddress } from '../standin/sip-response.js';
import type { ClientTransaction } from './client-transaction.js';
import { startTransaction } from './client-transaction.js';
import type { OutRequest } from './request.js';
import { writeRequest } from './request.js';
import { ServerTransaction } from './server-transaction.js';

/** A request as it came, with the way to answer it. */
export interface Incoming {
  readonly message: SipRequest;
  readonly source: SipAddress;
  /** Sends a response; a later one replaces it for retransmissions. A 2xx to an INVITE is repeated until its ACK. */
  reply(parts: ResponseParts): void;
}

export interface RequestOptions {
  /** Until a final answer; then the transaction ends with null. */
  readonly timeoutMs: number;
  /** Until any answer; without it `timeoutMs` counts alone. */
  readonly silenceMs?: number;
  readonly onProvisional?: (response: SipResponse) => void;
}

/** One UDP address on which phones or a trunk speak SIP. */
export interface SipEndpoint {
  readonly address: SipAddress;
  /** Sends a request with retransmissions. A refused INVITE is acknowledged; a 2xx is the caller's to acknowledge. */
  request(out: OutRequest, to: SipAddress, options: RequestOptions): ClientTransaction;
  /** Sends an ACK, which nobody answers. */
  sendAck(out: OutRequest, to: SipAddress): void;
  /** Gets every request but retransmissions and ACKs; and each 2xx to an INVITE that comes again. */
  handle(handlers: EndpointHandlers): void;
  close(): Promise<void>;
}

export interface EndpointHandlers {
  readonly onRequest: (incoming: Incoming) => void;
  readonly onRepeatedAnswer: (response: SipResponse) => void;
}

/** A transaction is forgotten this long after its start: 64 × T1, as RFC 3261 17.1.2.2 has it. */
const TRANSACTION_LIFE_MS = 32_000;
/** Room for a burst of answers while the process is busy. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

/** A word that is used once: branches, tags, Call-IDs. */
export function newToken(): string {
  return randomBytes(9).toString('hex');
}

/** Opens an endpoint. Throws LabError when the address is taken. */
export async function openEndpoint(address: SipAddress): Promise<SipEndpoint> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (err) =>
      reject(
        new LabError(
          `cannot speak SIP at ${address.host}:${address.port}; another carna lab call may hold it`,
          { cause: err },
        ),
      ),
    );
    socket.bind(address.port, address.host, resolve);
  });
  socket.on('error', () => undefined); // An unreachable peer shows as silence, as on any network.
  return new UdpEndpoint(socket, address);
}

class UdpEndpoint implements SipEndpoint {
  readonly address: SipAddress;
  readonly #socket: Socket;
  readonly #client = new Map<string, ClientTransaction>();
  readonly #server = new Map<string, ServerTransaction>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #handlers: EndpointHandlers = { onRequest: () => undefined, onRepeatedAnswer: () => undefined };
  #isClosed = false;

  constructor(socket: Socket, address: SipAddress) {
    this.#socket = socket;
    this.address = address;
    socket.on('message', (bytes, from) =>
      this.#receive(bytes, { host: from.address, port: from.port }),
    );
  }

  handle(handlers: EndpointHandlers): void {
    this.#handlers = handlers;
  }

  request(out: OutRequest, to: SipAddress, options: RequestOptions): ClientTransaction {
    const branch = `z9hG4bK${newToken()}`;
    const transaction = startTransaction({
      out,
      ...options,
      send: (sent) => this.#send(writeRequest(sent, this.address, branch), to),
      cancelled: (cancel) => this.#open(cancel, branch, to, options.timeoutMs),
    });
    return this.#keep(transaction, out.method, branch);
  }

  sendAck(out: OutRequest, to: SipAddress): void {
    this.#send(writeRequest(out, this.address, `z9hG4bK${newToken()}`), to);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const transaction of this.#client.values()) transaction.stop();
    for (const transaction of this.#server.values()) transaction.stop();
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  /** A CANCEL has the branch of its INVITE. */
  #open(out: OutRequest, branch: string, to: SipAddress, timeoutMs: number): void {
    const send = (sent: OutRequest): void =>
      this.#send(writeRequest(sent, this.address, branch), to);
    this.#keep(startTransaction({ out, timeoutMs, send }), out.method, branch);
  }

  #keep(transaction: ClientTransaction, method: string, branch: string): ClientTransaction {
    const key = `${method} ${branch}`;
    this.#client.set(key, transaction);
    this.#later(TRANSACTION_LIFE_MS, () => this.#client.delete(key));
    return transaction;
  }

  #receive(bytes: Buffer, source: SipAddress): void {
    const message = parseSip(bytes);
    if (message.kind === 'response') this.#response(message);
    else if (message.kind === 'request') this.#request(message, source);
  }

  #response(message: SipResponse): void {
    const method = cseqOf(message)?.method ?? '';
    const transaction = this.#client.get(
      `${method} ${topVia(message)?.params.get('branch') ?? ''}`,
    );
    const isNew = transaction?.receive(message) ?? false;
    if (!isNew && method === 'INVITE' && message.status >= 200 && message.status < 300) {
      this.#handlers.onRepeatedAnswer(message);
    }
  }

  #request(message: SipRequest, source: SipAddress): void {
    if (message.method === 'ACK') {
      for (const transaction of this.#server.values()) transaction.acknowledge(message);
      return;
    }
    const key = `${message.method} ${topVia(message)?.text ?? ''} ${headerOf(message, 'call-id')}`;
    const known = this.#server.get(key);
    if (known !== undefined) {
      known.repeat();
      return;
    }
    const send = (bytes: Buffer, to: SipAddress): void => this.#send(bytes, to);
    const transaction = new ServerTransaction(message, source, send);
    this.#server.set(key, transaction);
    this.#later(TRANSACTION_LIFE_MS, () => this.#server.delete(key));
    const reply = (parts: ResponseParts): void => transaction.reply(parts);
    this.#handlers.onRequest({ message, source, reply });
  }

  #send(bytes: Buffer, to: SipAddress): void {
    if (!this.#isClosed) this.#socket.send(bytes, to.port, to.host);
  }

  #later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    timer.unref();
    this.#timers.add(timer);
  }
}
