import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { testDir } from '../../support/resources.js';

/** A ctl socket whose answers the test writes. */
export interface FakeCtl {
  readonly socketPath: string;
  readonly sockets: readonly Socket[];
  /** Closes every connection and the socket itself. */
  close(): Promise<void>;
}

/** Listens on a new unix socket; `onRequest` gets each chunk of bytes as it comes. */
export async function startFakeCtl(
  onRequest: (socket: Socket, request: Buffer) => void,
): Promise<FakeCtl> {
  const socketPath = join(testDir('ctl'), 'ctl');
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (request) => onRequest(socket, request));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    socketPath,
    sockets,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A reply with the cookie of a request of one header form (length and cookie of one byte each). */
export function replyTo(request: Buffer, body: string, type = 1): Buffer {
  const bytes = Buffer.from(body.replaceAll(' ', ''), 'hex');
  return Buffer.concat([Buffer.from([0xa1, type << 4, bytes.length, request[3] ?? 0]), bytes]);
}
