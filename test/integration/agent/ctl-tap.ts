import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/** The ctl socket once more, with a hand on the bytes that Kamailio sends. */
export class CtlTap {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Takes the bytes from Kamailio; null = pass them. */
  onReply: ((bytes: Buffer, client: Socket, server: Socket) => void) | null = null;

  private constructor(target: string) {
    this.#server = createServer((client) => {
      const server = connect(target);
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          this.#sockets.delete(socket);
          client.destroy();
          server.destroy();
        });
      }
      client.on('data', (bytes) => void server.write(bytes));
      server.on('data', (bytes) => {
        if (this.onReply === null) client.write(bytes);
        else this.onReply(bytes, client, server);
      });
    });
  }

  static async open(path: string, target: string): Promise<CtlTap> {
    const tap = new CtlTap(target);
    await new Promise<void>((resolve) => tap.#server.listen(path, resolve));
    return tap;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
