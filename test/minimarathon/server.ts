import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EventHub } from './event-hub.js';
import type { Spoilt } from './faults.js';
import type { Answer, Router } from './router.js';
import type { Timers } from './timers.js';

/** A body larger than that is refused (bytes). */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** The next answers that are spoilt. */
export interface Spoiling {
  how: Spoilt;
  left: number;
}

export interface NodePorts {
  readonly router: Router;
  readonly hub: EventHub;
  readonly timers: Timers;
  readonly spoiling: Spoiling;
  readonly slowMs: number;
  /** The URL of who leads. */
  readonly leaderUrl: () => string;
}

/** One Marathon: leads, or passes on to the one that does. */
export class MarathonNode {
  readonly #ports: NodePorts;
  readonly #server: Server;

  private constructor(ports: NodePorts) {
    this.#ports = ports;
    this.#server = createServer((request, response) => {
      response.on('error', () => undefined);
      void this.#take(request, response);
    });
  }

  /** Throws when it cannot listen. */
  static async open(
    listen: { readonly host: string; readonly port: number },
    ports: NodePorts,
  ): Promise<MarathonNode> {
    const node = new MarathonNode(ports);
    node.#server.listen(listen.port, listen.host);
    await once(node.#server, 'listening');
    return node;
  }

  get url(): string {
    const { address, port, family } = this.#server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const leaderUrl = this.#ports.leaderUrl();
    response.setHeader('X-Marathon-Leader', leaderUrl);
    const url = new URL(request.url ?? '/', this.url);
    const isLeader = leaderUrl === this.url;
    if (url.pathname === '/v2/events') return this.#events(url, isLeader, request, response);
    if (!isLeader && url.pathname !== '/ping') return this.#proxy(request, response);
    const text = await readText(request);
    if (text === undefined) return;
    const { router, timers, spoiling } = this.#ports;
    const address = request.socket.remoteAddress ?? '';
    const answer = await router.answer(request.method ?? 'GET', url, text, address);
    if (spoiling.left <= 0) return write(response, answer);
    spoiling.left -= 1;
    if (spoiling.how !== 'slow') return spoil(response, spoiling.how, answer);
    timers.after(this.#ports.slowMs, () => write(response, answer));
  }

  /** The one path that is redirected and not passed on. */
  #events(url: URL, isLeader: boolean, request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    if (!isLeader) {
      const location = `${this.#ports.leaderUrl()}${url.pathname}${url.search}`;
      response.writeHead(302, { location }).end();
      return;
    }
    if (!(request.headers.accept ?? '').includes('text/event-stream')) {
      return write(response, { status: 406, body: { message: 'expected text/event-stream' } });
    }
    const { remoteAddress, remotePort } = request.socket;
    const types = url.searchParams.getAll('event_type');
    this.#ports.hub.attach(response, types, `${remoteAddress}:${remotePort}`);
  }

  #proxy(request: IncomingMessage, response: ServerResponse): void {
    const target = new URL(request.url ?? '/', this.#ports.leaderUrl());
    const headers = { ...request.headers, host: target.host };
    const onward = sendRequest(
      target,
      { method: request.method, headers, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.on('error', () => response.destroy());
        answer.pipe(response);
      },
    );
    onward.on('error', () => {
      if (response.headersSent) response.destroy();
      else write(response, { status: 502, body: { message: 'the leader does not answer' } });
    });
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  }
}

async function readText(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request) {
      size += (chunk as Buffer).length;
      if (size > MAX_BODY_BYTES) return undefined;
      chunks.push(chunk as Buffer);
    }
  } catch {
    return undefined; // Whoever asked has gone.
  }
  return Buffer.concat(chunks).toString();
}

function write(response: ServerResponse, { status, body, headers }: Answer): void {
  const isText = typeof body === 'string';
  const type = isText ? 'text/plain' : 'application/json;charset=utf-8';
  const text = body === undefined ? '' : isText ? body : JSON.stringify(body);
  response.writeHead(status, {
    ...(body === undefined ? {} : { 'content-type': type }),
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

function spoil(response: ServerResponse, how: Exclude<Spoilt, 'slow'>, answer: Answer): void {
  switch (how) {
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<html><body>Please log in</body></html>');
      return;
    case 'empty':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 0 }).end();
      return;
    case '500':
      return write(response, { status: 500, body: { message: 'Internal Server Error' } });
    case 'half': {
      const text = JSON.stringify(answer.body ?? {});
      response.writeHead(answer.status, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
      });
      response.write(text.slice(0, Math.floor(text.length / 2)), () => response.destroy());
      return;
    }
  }
}
