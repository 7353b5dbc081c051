import { readdirSync, readFileSync } from 'node:fs';

const DIR = 'test/fixtures/esl';

/** One whole message of the recorded server, cut by the announced length alone. */
export interface RecordedMessage {
  readonly type: string;
  readonly headers: string;
  readonly body: Buffer;
  readonly bytes: Buffer;
}

/** One recorded connection: what either side said, and how it ended. */
export interface RecordedConnection {
  /** Empty, or the letter of one of two. */
  readonly tag: string;
  readonly messages: readonly RecordedMessage[];
  /** Messages that came before the client had said anything. */
  readonly greetingCount: number;
  /** Whole commands in order; a body that a command announces belongs to it. */
  readonly commands: readonly string[];
  readonly end: 'open' | 'closed' | 'reset';
}

/** Names of all transcripts, without `.txt`. */
export function transcriptNames(): string[] {
  return readdirSync(DIR)
    .filter((file) => file.endsWith('.txt'))
    .map((file) => file.slice(0, -'.txt'.length))
    .sort();
}

/** A recorded reply with the command that it answers, and all that came until the next reply. */
export interface Turn {
  readonly command: string;
  readonly reply: RecordedMessage;
  readonly bytes: Buffer;
}

const isReply = ({ type }: RecordedMessage): boolean =>
  type === 'api/response' || type === 'command/reply';

/** The bytes of these messages. */
export function joined(messages: readonly RecordedMessage[]): Buffer {
  return Buffer.concat(messages.map((message) => message.bytes));
}

/** All turns of a connection: FreeSWITCH answers in order. */
export function turnsOf({ messages, greetingCount, commands }: RecordedConnection): Turn[] {
  const turns: Turn[] = [];
  messages.slice(greetingCount).forEach((message, index, said) => {
    if (!isReply(message)) return;
    const next = said.findIndex((other, at) => at > index && isReply(other));
    const bytes = joined(said.slice(index, next < 0 ? said.length : next));
    turns.push({ command: commands[turns.length] ?? '', reply: message, bytes });
  });
  return turns;
}

interface Draft {
  readonly server: Buffer[];
  readonly client: Buffer[];
  greetingBytes: number;
  end: RecordedConnection['end'];
}

/** The connections of one transcript; its format is described in the first lines of each file. */
export function recordedConnections(name: string): RecordedConnection[] {
  const file = readFileSync(`${DIR}/${name}.txt`);
  const drafts = new Map<string, Draft>();
  const draftOf = (tag: string): Draft => {
    const draft = drafts.get(tag) ?? { server: [], client: [], greetingBytes: 0, end: 'open' };
    drafts.set(tag, draft);
    return draft;
  };
  for (let at = 0; at < file.length;) {
    const lineEnd = file.indexOf('\n', at);
    const line = file.toString('utf8', at, lineEnd < 0 ? file.length : lineEnd);
    at = lineEnd < 0 ? file.length : lineEnd + 1;
    const [, direction, tag = '', size] =
      /^--- (C->S|S->C) (?:\[(.)\] )?\+\S+ (\d+)$/.exec(line) ?? [];
    const [, how, ended = ''] = /^\*\*\* S (closes|resets) (?:\[(.)\] )?/.exec(line) ?? [];
    if (how !== undefined) draftOf(ended).end = how === 'closes' ? 'closed' : 'reset';
    if (size === undefined) continue;
    const bytes = file.subarray(at, at + Number(size));
    at += bytes.length + 1;
    const draft = draftOf(tag);
    if (direction === 'C->S') draft.client.push(bytes);
    else {
      draft.server.push(bytes);
      if (draft.client.length === 0) draft.greetingBytes += bytes.length;
    }
  }
  return [...drafts].map(([tag, draft]) => finished(tag, draft));
}

function finished(tag: string, draft: Draft): RecordedConnection {
  const messages = cut(Buffer.concat(draft.server));
  let greetingCount = 0;
  for (let bytes = 0; bytes < draft.greetingBytes; greetingCount++) {
    bytes += messages[greetingCount]?.bytes.length ?? Infinity;
  }
  const commands = commandsIn(Buffer.concat(draft.client).toString('utf8'));
  return { tag, messages, greetingCount, commands, end: draft.end };
}

/** Deliberately not the cutter under test. Throws when a rest remains. */
function cut(stream: Buffer): RecordedMessage[] {
  const messages: RecordedMessage[] = [];
  for (let at = 0; at < stream.length;) {
    const blank = stream.indexOf('\n\n', at);
    const headers = stream.toString('utf8', at, blank);
    const bodyAt = blank + 2;
    const end = bodyAt + Number(/^Content-Length: (\d+)$/m.exec(headers)?.[1] ?? 0);
    if (blank < 0 || end > stream.length) throw new Error('a transcript with a rest');
    const type = /^Content-Type: (.*)$/m.exec(headers)?.[1] ?? '';
    const body = stream.subarray(bodyAt, end);
    messages.push({ type, headers, body, bytes: stream.subarray(at, end) });
    at = end;
  }
  return messages;
}

function commandsIn(text: string): string[] {
  const commands: string[] = [];
  let rest = text.replaceAll('\r', '');
  for (;;) {
    rest = rest.replace(/^\n+/, '');
    const blank = rest.indexOf('\n\n');
    if (blank < 0) return commands;
    const command = rest.slice(0, blank);
    const bodyBytes = Number(/^Content-Length: (\d+)$/im.exec(command)?.[1] ?? 0);
    commands.push(command);
    rest = Buffer.from(rest.slice(blank + 2))
      .subarray(bodyBytes)
      .toString('utf8');
  }
}
