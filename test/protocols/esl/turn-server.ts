import type { Socket } from 'node:net';
import type { RecordedConnection, Turn } from './recorded.js';
import { joined, turnsOf } from './recorded.js';
import type { ScriptedServer } from './replay.js';
import { reply, response, startServer } from './replay.js';

/** Longer answers go out in pieces of a few bytes: many thousand writes each take their time. */
const LONG_BYTES = 8_000;
const LONG_STEP_BYTES = 7;

/** How the bytes of one answer go out. */
export type Write = (socket: Socket, bytes: Buffer) => Promise<void>;

export const writeWhole: Write = async (socket, bytes) => {
  if (!socket.destroyed) socket.write(bytes);
};

/** Each byte (of a long answer: each few) is on its way before the next one is written. */
export const writeBytes: Write = async (socket, bytes) => {
  socket.setNoDelay(true);
  const step = bytes.length > LONG_BYTES ? LONG_STEP_BYTES : 1;
  for (let at = 0; at < bytes.length && !socket.destroyed; at += step) {
    socket.write(bytes.subarray(at, at + step));
    await new Promise((resolve) => setImmediate(resolve));
  }
};

/** Plays the greeting at connect, the first reply to `auth`, and the rest turn by turn. */
export class TurnServer {
  readonly turns: readonly Turn[];
  readonly #connection: RecordedConnection;
  readonly #write: Write;
  readonly #isRefused: boolean;
  #socket: Socket | undefined;
  /** Before the first turn the session asks for the core's uuid. */
  #answer: Buffer = Buffer.from(response('uuid-of-the-replay'));
  /** Bytes of one answer never mix with those of another. */
  #written: Promise<void> = Promise.resolve();

  constructor(connection: RecordedConnection, isRefused: boolean, write: Write) {
    this.#connection = connection;
    this.#isRefused = isRefused;
    this.#write = write;
    this.turns = turnsOf(connection);
  }

  async start(): Promise<ScriptedServer> {
    return startServer({
      onConnect: (socket) => {
        this.#socket = socket;
        this.#greet();
      },
      onCommand: (_, command) => this.#onCommand(command),
    });
  }

  /** What came by itself after the reply to `auth`. */
  playOn(): void {
    const first = this.turns[0];
    if (first !== undefined) this.#say(first.bytes.subarray(first.reply.bytes.length));
  }

  /** What the next command gets. */
  prepare(bytes: Buffer): void {
    this.#answer = bytes;
  }

  /** Ends the connection as it was recorded. */
  async end(): Promise<void> {
    await this.#written;
    if (this.#connection.end === 'closed') this.#socket?.end();
    if (this.#connection.end === 'reset') this.#socket?.resetAndDestroy();
  }

  #greet(): void {
    const { greetingCount, messages } = this.#connection;
    // An outbound socket has no greeting; what its client asked for then is nothing that we would ask.
    const isAll = greetingCount === 0 || greetingCount === messages.length;
    this.#say(joined(isAll ? messages : messages.slice(0, greetingCount)));
    if (isAll) void this.end();
  }

  #onCommand(command: string): void {
    if (command.startsWith('auth')) {
      const first = this.turns[0];
      this.#say((this.#isRefused ? first?.bytes : first?.reply.bytes) ?? Buffer.alloc(0));
      if (this.#isRefused) void this.end();
    } else if (command.startsWith('event json')) {
      this.#say(Buffer.from(reply('+OK event listener enabled json')));
    } else {
      this.#say(this.#answer);
    }
  }

  #say(bytes: Buffer): void {
    const socket = this.#socket;
    if (socket !== undefined) this.#written = this.#written.then(() => this.#write(socket, bytes));
  }
}
