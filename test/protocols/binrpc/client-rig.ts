import type { Socket } from 'node:net';
import { BinrpcClient } from '../../../src/protocols/binrpc/client.js';
import type { FakeCtl } from './fake-ctl.js';
import { replyTo, startFakeCtl } from './fake-ctl.js';

/** The body of a reply: the number 7. */
export const SEVEN = '10 07';
export const GENEROUS_MS = 20_000;

/** A client at a ctl socket that answers as `onRequest` says; both are closed after `use`. */
export async function withCtl(
  onRequest: (socket: Socket, request: Buffer) => void,
  use: (client: BinrpcClient, ctl: FakeCtl) => Promise<void>,
): Promise<void> {
  const ctl = await startFakeCtl(onRequest);
  const client = new BinrpcClient({ socketPath: ctl.socketPath, timeoutMs: GENEROUS_MS });
  try {
    await use(client, ctl);
  } finally {
    client.close();
    await ctl.close();
  }
}

/** What `withCtl` is given when any answer will do. */
export const answerSeven = (socket: Socket, request: Buffer): void =>
  void socket.write(replyTo(request, SEVEN));
