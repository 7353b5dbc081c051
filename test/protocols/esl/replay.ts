import { readFileSync, readdirSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';

const DIR = 'test/fixtures/esl';

/** One step of a recorded connection: bytes of one `recv()`, or the end of the connection. */
type Block =
  | { readonly kind: 'client' | 'server'; readonly bytes: Buffer }
  | { readonly kind: 'server-closes' };

/** The bytes of one `recv()` each, as FreeSWITCH sent them after a command, and whether it closed then. */
export interface RecordedAnswer {
  readonly pieces: readonly Buffer[];
  readonly closes: boolean;
}

/** A server on loopback; every connection made to it, oldest first. */
export interface ScriptedServer {
  readonly host: string;
  readonly port: number;
  readonly sockets: readonly Socket[];
  /** What the clients have sent, whole commands without their blank line. */
  readonly commands: readonly string[];
  close(): Promise<void>;
}

/** The blocks of a transcript, by the beginning of its file's name; of several connections only the one named. */
export function readBlocks(prefix: string, connection = ''): Block[] {
  const file = readdirSync(DIR).find((name) => name.startsWith(prefix));
  if (file === undefined) throw new Error(`no transcript ${prefix}`);
  const text = readFileSync(`${DIR}/${file}`);
  const tag = connection === '' ? '' : `[${connection}] `;
  const blocks: Block[] = [];
  for (let at = 0; at < text.length;) {
    const lineEnd = text.indexOf('\n', at);
    const line = text.toString('utf8', at, lineEnd < 0 ? text.length : lineEnd);
    at = lineEnd < 0 ? text.length : lineEnd + 1;
    const block = /^--- (C->S|S->C) (\[.\] )?\+\S+ (\d+)$/.exec(line);
    if (block === null) {
      if (line.startsWith('*** S closes')) blocks.push({ kind: 'server-closes' });
      continue;
    }
    const bytes = text.subarray(at, at + Number(block[3]));
    at += bytes.length + 1;
    if ((block[2] ?? '') !== tag) continue;
    blocks.push({ kind: block[1] === 'C->S' ? 'client' : 'server', bytes });
  }
  return blocks;
}

/** What the server sent by itself at the beginning, before any command. */
export function recordedGreeting(prefix: string): RecordedAnswer {
  return answerAfter(readBlocks(prefix), -1);
}

/** Each command of the transcripts with what came after it, the first occurrence of each. */
export function recordedAnswers(...prefixes: readonly string[]): Map<string, RecordedAnswer> {
  const answers = new Map<string, RecordedAnswer>();
  for (const prefix of prefixes) {
    const blocks = readBlocks(prefix);
    blocks.forEach((block, at) => {
      if (block.kind !== 'client') return;
      const command = block.bytes.toString('utf8').trim();
      if (!answers.has(command)) answers.set(command, answerAfter(blocks, at));
    });
  }
  return answers;
}

function answerAfter(blocks: readonly Block[], at: number): RecordedAnswer {
  const pieces: Buffer[] = [];
  for (const block of blocks.slice(at + 1)) {
    if (block.kind === 'client') break;
    if (block.kind === 'server-closes') return { pieces, closes: true };
    pieces.push(block.bytes);
  }
  return { pieces, closes: false };
}

/** Sends the pieces one by one, each flushed to the peer before the next, so that the splits are kept. */
export async function play(socket: Socket, answer: RecordedAnswer): Promise<void> {
  socket.setNoDelay(true);
  for (const piece of answer.pieces) {
    await new Promise<void>((resolve) => socket.write(piece, () => setImmediate(resolve)));
  }
  if (answer.closes) socket.end();
}

/**
 * Listens on loopback. `onConnect` says what each connection gets first, `onCommand` what follows a
 * whole command; both may do anything with the socket.
 */
export async function startServer(script: {
  readonly onConnect: (socket: Socket) => void;
  readonly onCommand: (socket: Socket, command: string) => void;
}): Promise<ScriptedServer> {
  const sockets: Socket[] = [];
  const commands: string[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('utf8');
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const command = text.slice(0, end).trim();
        text = text.slice(end + 2);
        commands.push(command);
        script.onCommand(socket, command);
      }
    });
    script.onConnect(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return {
    host: '127.0.0.1',
    port: address.port,
    sockets,
    commands,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Serves the recorded commands of these transcripts, with the greeting and authentication of 01 and the core's uuid of 14. */
export async function startReplay(...prefixes: readonly string[]): Promise<ScriptedServer> {
  const answers = recordedAnswers(...prefixes, '01', '14', '02');
  return startServer({
    onConnect: (socket) => void play(socket, recordedGreeting('01')),
    onCommand: (socket, command) => {
      const answer = answers.get(command);
      if (answer === undefined) socket.destroy(new Error(`not recorded: ${command}`));
      else void play(socket, answer);
    },
  });
}

/** A command/reply message. */
export function reply(text: string): string {
  return `Content-Type: command/reply\nReply-Text: ${text}\n\n`;
}

/** An api/response message. */
export function response(body: string): string {
  return `Content-Type: api/response\nContent-Length: ${Buffer.byteLength(body)}\n\n${body}`;
}

/** A JSON event message. */
export function jsonEvent(headers: Readonly<Record<string, unknown>>): string {
  const body = JSON.stringify(headers);
  return `Content-Length: ${Buffer.byteLength(body)}\nContent-Type: text/event-json\n\n${body}`;
}
