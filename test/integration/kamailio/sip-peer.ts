import type { Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { waitUntil } from '../../../src/util/wait.js';

/** One datagram as it came. */
export interface Received {
  readonly text: string;
  readonly host: string;
  readonly port: number;
}

/** A SIP speaker that says exactly what a test wants, over UDP. */
export interface SipPeer {
  readonly host: string;
  readonly port: number;
  /** All that came, oldest first; OPTIONS that were answered by themselves are left out. */
  readonly received: readonly Received[];
  send(text: string, host: string, port?: number): void;
  /** Answers a request where it came from, with its Via, From, To, Call-ID, CSeq and Record-Route. */
  reply(request: Received, status: string, headers?: readonly string[]): void;
  /** Waits for the first message whose text matches. */
  until(pattern: RegExp): Promise<Received>;
  /** Closing it again does nothing. */
  close(): Promise<void>;
}

export const SIP_PORT = 5060;
const PATIENCE_MS = 8_000;

/** Opens a peer on `host`; with `isAlive` it answers OPTIONS with 200, as a media node does. */
export async function openPeer(host: string, isAlive = true): Promise<SipPeer> {
  const socket = createSocket('udp4');
  const received: Received[] = [];
  let isClosed = false;
  const reply = (request: Received, status: string, headers: readonly string[] = []): void =>
    transmit(socket, replyText(request.text, status, headers), request.host, request.port);
  socket.on('message', (bytes, from) => {
    const message = { text: bytes.toString('latin1'), host: from.address, port: from.port };
    if (!message.text.startsWith('OPTIONS ')) received.push(message);
    else if (isAlive) reply(message, '200 OK');
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(SIP_PORT, host, resolve);
  });
  return {
    host,
    port: SIP_PORT,
    received,
    send: (text, toHost, toPort = SIP_PORT) => transmit(socket, text, toHost, toPort),
    reply,
    until: async (pattern) => {
      const find = (): Received | undefined => received.find((m) => pattern.test(m.text));
      await waitUntil(`${host} gets ${pattern}`, PATIENCE_MS, () => find() !== undefined, 5);
      return find() ?? { text: '', host: '', port: 0 };
    },
    close: async () => {
      if (isClosed) return;
      isClosed = true;
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}

/** All values of a header, in order. */
export function header(text: string, name: string): string[] {
  const lines = text
    .split('\r\n')
    .filter((l) => l.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  return lines.map((line) => line.slice(name.length + 1).trim());
}

export interface RequestParts {
  readonly from: Pick<SipPeer, 'host' | 'port'>;
  readonly uri: string;
  readonly callId: string;
  readonly toTag?: string;
  readonly cseq?: number;
  /** Requests with the same branch belong to one transaction. */
  readonly branch?: string;
  readonly headers?: readonly string[];
}

/** The text of a request with all that RFC 3261 demands. */
export function request(method: string, parts: RequestParts): string {
  const { from, uri, callId, cseq = 1, branch = `${callId}-${cseq}` } = parts;
  const toTag = parts.toTag === undefined ? '' : `;tag=${parts.toTag}`;
  return [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${from.host}:${from.port};branch=z9hG4bK-${branch}`,
    `From: <sip:tester@${from.host}>;tag=${callId}-from`,
    `To: <sip:somebody@carna.invalid>${toTag}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    `Contact: <sip:tester@${from.host}:${from.port}>`,
    'Max-Forwards: 70',
    ...(parts.headers ?? []),
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}

/** The text of an answer, with what RFC 3261 demands to be copied from the request. */
export function replyText(requestText: string, status: string, headers: readonly string[]): string {
  const copied = requestText
    .split('\r\n')
    .filter((line) => /^(via|from|call-id|cseq|record-route):/i.test(line));
  const to = `To: ${header(requestText, 'To')[0] ?? ''}`;
  const tagged = status.startsWith('100') || to.includes(';tag=') ? to : `${to};tag=peer`;
  const lines = [`SIP/2.0 ${status}`, ...copied, tagged, ...headers, 'Content-Length: 0', '', ''];
  return lines.join('\r\n');
}

function transmit(socket: Socket, text: string, host: string, port: number): void {
  socket.send(Buffer.from(text, 'latin1'), port, host);
}
