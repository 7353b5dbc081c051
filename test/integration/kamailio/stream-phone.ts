import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { waitUntil } from '../../../src/util/wait.js';
import type { RequestParts } from './sip-peer.js';
import { replyText, request } from './sip-peer.js';

const PATIENCE_MS = 8_000;

/** A phone that keeps one connection to the edge, as a phone behind a NAT does: it listens nowhere. */
export interface StreamPhone {
  readonly received: readonly string[];
  send(method: string, parts: Omit<RequestParts, 'from'>): void;
  /** Sends a request as it stands, but for the transport in its Via and Contact. */
  write(text: string): void;
  reply(request: string, status: string, headers?: readonly string[]): void;
  /** Waits for the first message that matches. */
  until(pattern: RegExp): Promise<string>;
  close(): Promise<void>;
}

export interface StreamPhoneOptions {
  readonly host: string;
  readonly edge: string;
  readonly port: number;
  readonly transport: 'TCP' | 'TLS';
}

/** What the phone calls itself: an address that only it knows, as behind a NAT. */
export const PRIVATE_HOST = '10.99.0.7';

export async function openStreamPhone(options: StreamPhoneOptions): Promise<StreamPhone> {
  const { host, edge, port, transport } = options;
  const received: string[] = [];
  const raw = connect({ host: edge, port, localAddress: host });
  const socket: Socket =
    transport === 'TLS' ? connectTls({ socket: raw, rejectUnauthorized: false }) : raw;
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once(transport === 'TLS' ? 'secureConnect' : 'connect', () => resolve());
  });
  socket.on('error', () => undefined); // The edge may be killed under it.
  let rest = '';
  socket.on('data', (bytes) => {
    const parts = (rest + bytes.toString('latin1')).split('\r\n\r\n');
    rest = parts.pop() ?? '';
    received.push(...parts.map((part) => `${part}\r\n\r\n`)); // No body in these tests.
  });
  const from = { host: PRIVATE_HOST, port: 5060 };
  const write: StreamPhone['write'] = (text) => {
    socket.write(
      text
        .replace('SIP/2.0/UDP', `SIP/2.0/${transport}`)
        .replace(/(Contact: <[^>]+)>/, `$1;transport=${transport.toLowerCase()}>`),
    );
  };
  const until = async (pattern: RegExp): Promise<string> => {
    const find = (): string | undefined => received.find((text) => pattern.test(text));
    await waitUntil(`the phone at ${host} gets ${pattern}`, PATIENCE_MS, () => !!find(), 5);
    return find() ?? '';
  };
  return {
    received,
    send: (method, parts) => write(request(method, { ...parts, from })),
    write,
    reply: (text, status, headers = []) => void socket.write(replyText(text, status, headers)),
    until,
    close: () =>
      new Promise((resolve) => {
        if (socket.destroyed) return resolve();
        socket.once('close', () => resolve());
        socket.destroy();
      }),
  };
}
