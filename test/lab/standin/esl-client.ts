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

/** One connection of a replay: what the server should have said so far. */
interface Line {
  readonly client: RawClient;
  readonly expected: string[];
  unread: Buffer;
  isSkipping: boolean;
}

/** Plays the client's side of a transcript and compares every message of the server; gives how many. */
export async function replay(entries: readonly Entry[], options: ReplayOptions): Promise<number> {
  const lines = new Map<string, Line>();
  const keep = (message: string): string => message;
  const settle = async (line: Line): Promise<void> => {
    line.expected.push(...cutMessages(line.unread).map(options.adapt ?? keep));
    line.unread = Buffer.alloc(0);
    await line.client.received(line.expected.length);
    const actual = line.client.messages.map(options.adaptActual ?? keep);
    // On another connection the server may be ahead; at the end nothing may be left over.
    const { length } = isOver || lines.size === 1 ? actual : line.expected;
    compare(actual.slice(0, length), line.expected);
  };
  const settleAll = async (): Promise<void> => {
    for (const line of lines.values()) await settle(line);
  };
  let isSubscribed = false;
  let isOver = false;
  try {
    for (const entry of entries) {
      if (entry.kind === 'note') {
        await settleAll();
        await options.onNote?.(entry.text);
        continue;
      }
      const line = lines.get(entry.connection) ?? (await openLine(options));
      lines.set(entry.connection, line);
      if (entry.kind === 'send') {
        await settleAll();
        line.isSkipping = options.skip?.test(entry.bytes.toString()) ?? false;
        if (!line.isSkipping) line.client.write(entry.bytes);
      } else if (!line.isSkipping) {
        line.unread = Buffer.concat([line.unread, entry.bytes]);
        if (!isSubscribed && entry.bytes.includes('event listener enabled')) {
          isSubscribed = true;
          await settle(line);
          options.onSubscribed?.();
        }
      }
    }
    isOver = true;
    await settleAll();
    const closes = entries.some((e) => e.kind === 'note' && e.text.includes('S closes'));
    if (closes) for (const line of lines.values()) await line.client.closed();
    return [...lines.values()].reduce((sum, line) => sum + line.expected.length, 0);
  } finally {
    for (const line of lines.values()) line.client.close();
  }
}

async function openLine(options: ReplayOptions): Promise<Line> {
  const client = await RawClient.open(options.host, options.port);
  return { client, expected: [], unread: Buffer.alloc(0), isSkipping: false };
}

function compare(actual: readonly string[], expected: readonly string[]): void {
  assert.equal(actual.length, expected.length, `messages: ${JSON.stringify(actual.at(-1))}`);
  for (const [i, message] of expected.entries()) {
    assert.equal(normalise(actual[i] ?? ''), normalise(message));
  }
}
