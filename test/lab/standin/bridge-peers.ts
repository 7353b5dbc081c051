import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { headerOf, parseSip, tagOf, topVia } from '../../../src/lab/standin/sip-message.js';
import type { SipRequest, SipResponse } from '../../../src/lab/standin/sip-message.js';
import { writeResponse } from '../../../src/lab/standin/sip-response.js';
import { waitUntil } from '../../../src/util/wait.js';
import { HOST } from './running.js';

/** Where the stand-in listens that these peers speak to. */
export const SIP_PORT = 15_160;
export const PATIENCE_MS = 20_000;

/** Closes every peer that a failed test left open. */
export function closePeers(): void {
  for (const socket of sockets) socket.close();
  sockets.clear();
}

const sockets = new Set<Socket>();

/** A session description that tells who made it. */
export const sdp = (name: string): string =>
  `v=0\r\no=${name} 1 1 IN IP4 ${HOST}\r\ns=-\r\nc=IN IP4 ${HOST}\r\nt=0 0\r\n` +
  'm=audio 40000 RTP/AVP 0\r\n';

type Message = SipRequest | SipResponse;

/** A SIP speaker on a port of its own; it keeps all that came, without repetitions. */
export class Peer {
  readonly port: number;
  readonly received: Message[] = [];
  /** Answers a request as soon as it comes; returns false to leave it to the test. */
  onRequest: (request: SipRequest) => boolean = () => false;
  readonly #socket: Socket;
  readonly #seen = new Set<string>();

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.port = port;
    socket.on('message', (bytes) => this.#take(bytes));
  }

  static async open(): Promise<Peer> {
    const socket = createSocket('udp4');
    sockets.add(socket);
    await new Promise<void>((resolve) => socket.bind(0, HOST, resolve));
    return new Peer(socket, socket.address().port);
  }

  #take(bytes: Buffer): void {
    const message = parseSip(bytes);
    assert.ok(message.kind === 'request' || message.kind === 'response', bytes.toString());
    const name = message.kind === 'request' ? message.method : String(message.status);
    const key = [name, headerOf(message, 'cseq'), topVia(message)?.params.get('branch')].join(' ');
    if (this.#seen.has(key) && name !== '200') return;
    this.#seen.add(key);
    if (message.kind === 'request' && this.onRequest(message)) return;
    this.received.push(message);
  }

  send(lines: readonly string[], body = ''): void {
    const text = [
      ...lines,
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n');
    this.#socket.send(text, SIP_PORT, HOST);
  }

  answer(request: SipRequest, status: number, body = '', tag = `t${this.port}`): void {
    const bytes = writeResponse(
      request,
      { host: HOST, port: SIP_PORT },
      {
        status,
        reason: `S${status}`,
        toTag: status === 100 ? null : tag,
        headers: [['Contact', `<sip:x@${HOST}:${this.port}>`]],
        ...(body === '' ? {} : { body: { type: 'application/sdp', text: body } }),
      },
    );
    this.#socket.send(bytes, SIP_PORT, HOST);
  }

  async request(method: string, callId?: string): Promise<SipRequest> {
    const found = await this.#until(
      method,
      (m) =>
        m.kind === 'request' &&
        m.method === method &&
        (callId === undefined || headerOf(m, 'call-id') === callId),
    );
    assert.ok(found.kind === 'request');
    return found;
  }

  async response(status: number, cseq: string): Promise<SipResponse> {
    const what = `${status} ${cseq}`;
    const found = await this.#until(
      what,
      (m) => m.kind === 'response' && m.status === status && headerOf(m, 'cseq') === cseq,
    );
    assert.ok(found.kind === 'response');
    return found;
  }

  /** The first that fits; it is taken out of what came. */
  async #until(what: string, fits: (message: Message) => boolean): Promise<Message> {
    await waitUntil(`${this.port} gets ${what}`, PATIENCE_MS, () => this.received.some(fits), 5);
    const [found] = this.received.splice(this.received.findIndex(fits), 1);
    assert.ok(found !== undefined);
    return found;
  }

  close(): void {
    if (sockets.delete(this.#socket)) this.#socket.close();
  }
}

/** A caller's dialog: its requests are written from what the first answer told. */
export class Caller {
  readonly peer: Peer;
  readonly callId: string;
  #toTag = '';
  #cseq = 1;

  constructor(peer: Peer, callId: string) {
    this.peer = peer;
    this.callId = callId;
  }

  send(
    method: string,
    parts: { readonly headers?: readonly string[]; readonly body?: string } = {},
  ): string {
    const isSame =
      method === 'ACK' || method === 'CANCEL' || (method === 'INVITE' && this.#toTag === '');
    if (!isSame) this.#cseq += 1;
    const branch = method === 'ACK' ? `ack${this.#cseq}` : String(this.#cseq);
    this.peer.send(
      [
        `${method} sip:bob@carna.test SIP/2.0`,
        `Via: SIP/2.0/UDP ${HOST}:${this.peer.port};branch=z9hG4bK${this.callId}-${branch}`,
        `From: <sip:ann@carna.test>;tag=ann${this.callId}`,
        `To: <sip:bob@carna.test>${this.#toTag === '' ? '' : `;tag=${this.#toTag}`}`,
        `Call-ID: ${this.callId}`,
        `CSeq: ${this.#cseq} ${method}`,
        `Contact: <sip:ann@${HOST}:${this.peer.port}>`,
        'Max-Forwards: 70',
        ...(parts.headers ?? []),
      ],
      parts.body,
    );
    return `${this.#cseq} ${method}`;
  }

  async answered(): Promise<SipResponse> {
    const ok = await this.peer.response(200, '1 INVITE');
    this.#toTag = tagOf(headerOf(ok, 'to')) ?? '';
    this.send('ACK');
    return ok;
  }
}
