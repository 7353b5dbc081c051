import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { waitUntil } from '../../../src/util/wait.js';
import { cutMessages, normalise, type Entry } from './transcript.js';

const PATIENCE_MS = 20_000;

/** A client of an Event Socket that keeps all it receives, in whole messages. */
export class RawClient {
  readonly socket: Socket;
  isClosed = false;
  #bytes = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => (this.#bytes = Buffer.concat([this.#bytes, chunk])));
    for (const event of ['end', 'close'] as const) socket.on(event, () => (this.isClosed = true));
    socket.on('error', () => (this.isClosed = true));
  }

  static async open(host: string, port: number): Promise<RawClient> {
    const socket = connect({ host, port, allowHalfOpen: true });
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  /** Connects and logs in. */
  static async login(host: string, port: number, password = 'ClueCon'): Promise<RawClient> {
    const client = await RawClient.open(host, port);
    client.write(`auth ${password}\n\n`);
    await client.received(2);
    assert.match(client.messages[1] ?? '', /\+OK accepted/);
    return client;
  }

  get messages(): readonly string[] {
    return cutMessages(this.#bytes);
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** Waits until `count` messages are there, at least. */
  async received(count: number): Promise<void> {
    await waitUntil(`${count} messages`, PATIENCE_MS, () => this.messages.length >= count, 2);
  }

  async closed(): Promise<void> {
    await waitUntil('the server closes', PATIENCE_MS, () => this.isClosed, 2);
  }

  /** Sends a command; resolves to the next message, without its header block if it is an api/response. */
  async ask(command: string): Promise<string> {
    const before = this.messages.length;
    this.write(`${command}\n\n`);
    await this.received(before + 1);
    const message = this.messages[before] ?? '';
    return message.startsWith('Content-Type: api/response')
      ? message.slice(message.indexOf('\n\n') + 2)
      : message;
  }

  close(): void {
    this.socket.destroy();
  }
}

export interface ReplayOptions {
  readonly host: string;
  readonly port: number;
  /** Leaves out the commands that match, with what was answered to them. */
  readonly skip?: RegExp;
  /** Changes expected bytes, for what depends on the address. */
  readonly adapt?: (message: string) => string;
  /** Changes received messages before they are compared. */
  readonly adaptActual?: (message: string) => string;
  /** Called once after the answer to the first `event` command. */
  readonly onSubscribed?: () => void;
  /** Called at each note of the experimenter. */
  readonly onNote?: (text: string) => void | Promise<void>;
}

/** Plays the client's side of a transcript of one connection and compares every message of the server. */
export async function replay(entries: readonly Entry[], options: ReplayOptions): Promise<number> {
  const client = await RawClient.open(options.host, options.port);
  const expected: string[] = [];
  let unread = Buffer.alloc(0);
  let isSkipping = false;
  const settle = async (): Promise<void> => {
    expected.push(...cutMessages(unread).map(options.adapt ?? ((m) => m)));
    unread = Buffer.alloc(0);
    await client.received(expected.length);
    compare(client.messages.map(options.adaptActual ?? ((m) => m)), expected);
  };
  let isSubscribed = false;
  const subscribed = (): void => {
    if (isSubscribed || !client.messages.at(-1)?.includes('event listener enabled')) return;
    isSubscribed = true;
    options.onSubscribed?.();
  };
  try {
    for (const entry of entries) {
      if (entry.kind === 'receive') {
        if (!isSkipping) unread = Buffer.concat([unread, entry.bytes]);
        if (entry.bytes.includes('event listener enabled')) {
          await settle();
          subscribed();
        }
      } else if (entry.kind === 'send') {
        await settle();
        isSkipping = options.skip?.test(entry.bytes.toString()) ?? false;
        if (!isSkipping) client.write(entry.bytes);
      } else {
        await settle();
        await options.onNote?.(entry.text);
      }
    }
    await settle();
    const closes = entries.some((e) => e.kind === 'note' && /S closes/.test(e.text));
    if (closes) await client.closed();
    return expected.length;
  } finally {
    client.close();
  }
}

function compare(actual: readonly string[], expected: readonly string[]): void {
  assert.equal(actual.length, expected.length, `messages: ${JSON.stringify(actual.at(-1))}`);
  for (const [i, message] of expected.entries()) {
    assert.equal(normalise(actual[i] ?? ''), normalise(message));
  }
}
