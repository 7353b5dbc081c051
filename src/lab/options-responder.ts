import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { LabError } from '../util/errors.js';
import { parseSip } from './standin/sip-message.js';
import { replyAddress, writeResponse } from './standin/sip-response.js';
import type { LabAddress } from './plan.js';

/** Answers every OPTIONS that comes to some addresses with 200, and every other request with 503. */
export class OptionsResponder {
  readonly #sockets: readonly Socket[];
  #others = 0;

  private constructor(sockets: readonly Socket[]) {
    this.#sockets = sockets;
    for (const socket of sockets) {
      socket.on('message', (datagram, from) => this.#answer(socket, datagram, from));
      socket.on('error', () => undefined); // A reply that cannot be sent is a reply that is lost.
    }
  }

  /** Throws LabError when an address is taken. */
  static async open(addresses: readonly LabAddress[]): Promise<OptionsResponder> {
    const sockets: Socket[] = [];
    try {
      for (const address of addresses) sockets.push(await listen(address));
    } catch (err) {
      await Promise.all(sockets.map(close));
      throw new LabError('an address for a synthetic node is taken', { cause: err });
    }
    return new OptionsResponder(sockets);
  }

  /** Requests that were no OPTIONS, for example calls: none should come. */
  get others(): number {
    return this.#others;
  }

  async close(): Promise<void> {
    await Promise.all(this.#sockets.map(close));
  }

  #answer(socket: Socket, datagram: Buffer, from: { address: string; port: number }): void {
    const request = parseSip(datagram);
    if (request.kind !== 'request' || request.method === 'ACK') return;
    const isPing = request.method === 'OPTIONS';
    if (!isPing) this.#others++;
    const source = { host: from.address, port: from.port };
    const { host, port } = replyAddress(request, source);
    const status = isPing
      ? { status: 200, reason: 'OK' }
      : { status: 503, reason: 'No Calls Here' };
    socket.send(writeResponse(request, source, { ...status, toTag: 'synthetic' }), port, host);
  }
}

async function listen({ host, port }: LabAddress): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  return socket;
}

async function close(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => socket.close(() => resolve()));
}
