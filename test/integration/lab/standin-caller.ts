import { createSocket, type Socket } from 'node:dgram';
import { waitUntil } from '../../../src/util/wait.js';
import { HOST } from '../../lab/standin/running.js';

/** Where the stand-in listens that these callers speak to. */
export const SIP_PORT = 15080;
export const ESL_PORT = 18031;
export const PATIENCE_MS = 30_000;

const sockets = new Set<Socket>();

/** Closes every caller that a failed test left open. */
export function closeCallers(): void {
  for (const socket of sockets) socket.close();
}

/** One caller on a UDP port of its own. */
export class Caller {
  readonly received: string[] = [];
  readonly #socket: Socket;
  readonly #port: number;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#port = socket.address().port;
    socket.on('message', (bytes) => this.received.push(bytes.toString()));
  }

  static async open(): Promise<Caller> {
    const socket = createSocket('udp4');
    sockets.add(socket);
    await new Promise<void>((resolve) => socket.bind(0, HOST, resolve));
    return new Caller(socket);
  }

  send(method: string, branch: string, cseq: number, toTag: string | null = null): void {
    const lines = [
      `${method} sip:park@${HOST}:${SIP_PORT} SIP/2.0`,
      `Via: SIP/2.0/UDP ${HOST}:${this.#port};branch=z9hG4bK-${branch}`,
      `From: <sip:ann@${HOST}:${this.#port}>;tag=f${this.#port}`,
      `To: <sip:park@${HOST}:${SIP_PORT}>${toTag === null ? '' : `;tag=${toTag}`}`,
      `Call-ID: call-${this.#port}`,
      `CSeq: ${cseq} ${method}`,
      `Contact: <sip:ann@${HOST}:${this.#port}>`,
      'Content-Length: 0',
      '',
      '',
    ];
    this.#socket.send(lines.join('\r\n'), SIP_PORT, HOST);
  }

  /** The first message that begins with `start`. */
  async gets(start: string): Promise<string> {
    const find = (): string | undefined => this.received.find((text) => text.startsWith(start));
    await waitUntil(`caller gets ${start}`, PATIENCE_MS, () => find() !== undefined, 2);
    return find() ?? '';
  }

  async callUp(): Promise<void> {
    this.send('INVITE', 'i', 1);
    const ok = await this.gets('SIP/2.0 200');
    this.send('ACK', 'a', 1, /\r\nTo: .*;tag=(\S+)/.exec(ok)?.[1] ?? '');
  }

  answer(request: string): void {
    const rest = request.slice(request.indexOf('\r\n'));
    this.#socket.send(`SIP/2.0 200 OK${rest}`, SIP_PORT, HOST);
  }

  close(): void {
    sockets.delete(this.#socket);
    this.#socket.close();
  }
}
