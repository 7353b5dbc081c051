import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import pino from 'pino';
import { FrameCutter } from '../../../src/protocols/esl/frames.js';
import type { EslEventName, EslSession } from '../../../src/protocols/esl/session.js';
import { openEslSession } from '../../../src/protocols/esl/session.js';
import { EslAuthError, EslReplyError, ServerUnavailableError } from '../../../src/util/errors.js';
import { withDeadline } from '../../../src/util/wait.js';
import type { RecordedConnection, RecordedMessage, Turn } from './recorded.js';
import { joined, recordedConnections, transcriptNames, turnsOf } from './recorded.js';
import type { ScriptedServer } from './replay.js';
import { reply, response, startServer } from './replay.js';

/**
 * Every recorded transcript is replayed: to the cutter split in two at every byte, and to a whole
 * session over a real socket, in one piece and byte by byte.
 */

/** How a session that meets a recorded connection must end up. */
type Outcome =
  | { readonly kind: 'open' }
  /** It was open, then ended for this reason. */
  | { readonly kind: 'closed'; readonly reason: RegExp }
  /** It never opened. */
  | {
      readonly kind: 'refused';
      readonly error: typeof EslAuthError | typeof ServerUnavailableError;
      readonly message: RegExp;
    };

const OPEN: Outcome = { kind: 'open' };
const closed = (reason: RegExp): Outcome => ({ kind: 'closed', reason });
const GOODBYE = closed(/said goodbye: Disconnected, goodbye\.$/);
const SHUT_DOWN = closed(/said goodbye: The system is being shut down\.$/);
const XML = closed(/content type text\/event-xml$/);
const notAuthorised = (message: RegExp): Outcome => ({
  kind: 'refused',
  error: EslAuthError,
  message,
});
const goneBeforeOpen = (message: RegExp): Outcome => ({
  kind: 'refused',
  error: ServerUnavailableError,
  message,
});

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  '01-auth-ok': OPEN,
  '02-auth-wrong-password': notAuthorised(/refused the password: .*\(-ERR invalid\)$/),
  '03-command-before-auth': notAuthorised(/\(-ERR command not found\)$/),
  '04-exit-before-auth': goneBeforeOpen(/said goodbye: Disconnected, goodbye\.$/),
  '05-exit': GOODBYE,
  '06-auth-crlf': OPEN,
  '07-pipelined': OPEN,
  '08-userauth': OPEN,
  '09-userauth-wrong': notAuthorised(/refused the password: .*\(-ERR invalid\)$/),
  '10-api-status': OPEN,
  '11-api-json-status': OPEN,
  '12-api-sofia-status': OPEN,
  '13-api-show-0-calls': OPEN,
  '14-api-global-getvar': OPEN,
  '15-api-version-uptime': OPEN,
  '16-api-fsctl-queries': OPEN,
  '17-api-fsctl-set': OPEN,
  '18-api-errors': OPEN,
  '20-api-show-2-calls': OPEN,
  '21-api-show-bridged': OPEN,
  '22-after-calls': OPEN,
  '23-fsctl-pause': OPEN,
  '24-bgapi': OPEN,
  '25-bgapi-parallel': OPEN,
  '26-status-paused-inbound': OPEN,
  '27-sofia-profile-stop-start': OPEN,
  '28-sip-port-taken': OPEN,
  '29-heartbeat-paused': SHUT_DOWN,
  '30-heartbeat-json': OPEN,
  '30-heartbeat-plain': OPEN,
  '30-heartbeat-xml': XML,
  '31-call-lifecycle-json': OPEN,
  '32-call-lifecycle-plain': OPEN,
  '33-event-plain-all': OPEN,
  '34-rejected-calls': OPEN,
  '40-filter': OPEN,
  '41-nixevent-noevents': OPEN,
  '42-sendevent-encoding': XML,
  '43-log': OPEN,
  '44-array-header': OPEN,
  '45-myevents': GOODBYE,
  '46-half-close': GOODBYE,
  '47-partial-command': OPEN,
  '48-long-reply-truncated': OPEN,
  '49-preauth-timeout': goneBeforeOpen(/said goodbye: Disconnected, goodbye\.$/),
  '50-preauth-garbage-no-timeout': notAuthorised(/\(-ERR command not found\)$/),
  '51-rude-rejection': notAuthorised(/refused our address: apply-inbound-acl/),
  '52-kill-9': closed(/closed by the server$/),
  '53-kill-9-with-unread-input': closed(/ECONNRESET/),
  '54-hung-process': OPEN,
  '60-shutdown-elegant-no-calls': SHUT_DOWN,
  '61-shutdown-elegant-2-calls': SHUT_DOWN,
  '62-shutdown-asap-cancel-asap': SHUT_DOWN,
  '63-fsctl-shutdown-with-call': SHUT_DOWN,
  '64-fsctl-shutdown-now-with-call': closed(/closed by the server$/),
  '65-shutdown-api-with-call': SHUT_DOWN,
  '66-sigterm-with-call': SHUT_DOWN,
  '67-sigint-with-call': SHUT_DOWN,
  '68-drain-recipe': SHUT_DOWN,
  // Outbound sockets are not ours: no greeting comes, the notice that it lingers is passed over, the last one ends it.
  '70-outbound-socket-linger': goneBeforeOpen(/said goodbye: Disconnected, goodbye\.$/),
  '71-outbound-socket-no-linger': goneBeforeOpen(/said goodbye: Disconnected, goodbye\.$/),
};

const GENEROUS_MS = 20_000;
/** A stream up to this length is fed whole for every split, a longer one from message to message. */
const WHOLE_BYTES = 6_000;
/** Longer answers go out in pieces of a few bytes: many thousand writes each take their time. */
const LONG_BYTES = 8_000;
const LONG_STEP_BYTES = 7;
const EVENTS: readonly EslEventName[] = [
  'HEARTBEAT',
  'SHUTDOWN_REQUESTED',
  'SHUTDOWN',
  'CHANNEL_HANGUP_COMPLETE',
];

test('each transcript has its outcome in the table, and each outcome its transcript', () =>
  assert.deepEqual(transcriptNames(), Object.keys(OUTCOMES).sort()));

for (const name of transcriptNames()) {
  for (const connection of recordedConnections(name)) {
    const title = connection.tag === '' ? name : `${name} [${connection.tag}]`;
    test(`${title}: cut rightly wherever it is split in two`, () => splitEverywhere(connection));
    const outcome = OUTCOMES[name];
    if (outcome === undefined) continue; // Told by the test of the table.
    test(`${title}: a session over a socket, in one piece`, async () =>
      replay(connection, outcome, writeWhole));
    test(`${title}: a session over a socket, byte by byte`, async () =>
      replay(connection, outcome, writeBytes));
  }
}

function splitEverywhere({ messages }: RecordedConnection): void {
  const all = messages.reduce((sum, message) => sum + message.bytes.length, 0);
  if (all <= WHOLE_BYTES) splitIn(messages);
  // At the end of a message the cutter holds nothing, so that two neighbours show as much as the whole.
  else messages.forEach((_, at) => splitIn(messages.slice(at, at + 2)));
}

function splitIn(messages: readonly RecordedMessage[]): void {
  const stream = Buffer.concat(messages.map((message) => message.bytes));
  for (let at = 0; at <= stream.length; at++) {
    const cutter = new FrameCutter();
    const cut = [...cutter.push(stream.subarray(0, at)), ...cutter.push(stream.subarray(at))];
    const isRight =
      cut.length === messages.length &&
      cut.every((bytes, index) => messages[index]?.bytes.equals(bytes) === true);
    assert.ok(isRight && !cutter.isInsideMessage, `split at ${at} of ${stream.length}`);
  }
}

type Write = (socket: Socket, bytes: Buffer) => Promise<void>;

const writeWhole: Write = async (socket, bytes) => {
  if (!socket.destroyed) socket.write(bytes);
};

/** Each byte (of a long answer: each few) is on its way before the next one is written. */
const writeBytes: Write = async (socket, bytes) => {
  socket.setNoDelay(true);
  const step = bytes.length > LONG_BYTES ? LONG_STEP_BYTES : 1;
  for (let at = 0; at < bytes.length && !socket.destroyed; at += step) {
    socket.write(bytes.subarray(at, at + step));
    await new Promise((resolve) => setImmediate(resolve));
  }
};

/** Plays the greeting at connect, the first reply to `auth`, and the rest turn by turn. */
class Replay {
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

async function replay(
  connection: RecordedConnection,
  outcome: Outcome,
  write: Write,
): Promise<void> {
  const played = new Replay(connection, outcome.kind === 'refused', write);
  const server = await played.start();
  const opening = openEslSession({
    host: server.host,
    port: server.port,
    password: 'ClueCon',
    allowStockPassword: true,
    log: pino({ enabled: false }),
    timeoutMs: GENEROUS_MS,
  });
  try {
    if (outcome.kind === 'refused') {
      await assert.rejects(opening, (err) => {
        assert.ok(err instanceof outcome.error, String(err));
        assert.match(err.message, outcome.message);
        return true;
      });
      return;
    }
    const session = await opening;
    await converse(session, played, connection);
    if (outcome.kind === 'closed') {
      const reason = await withDeadline('the end', GENEROUS_MS, session.closed);
      assert.match(reason, outcome.reason);
    } else assert.equal(await session.api('still there'), 'yes', 'in step to the end');
    await session.close();
  } finally {
    await opening.then(
      (session) => session.close(),
      () => undefined,
    );
    await server.close();
  }
}

async function converse(
  session: EslSession,
  played: Replay,
  connection: RecordedConnection,
): Promise<void> {
  let isOver = false;
  void session.closed.then(() => (isOver = true));
  const events: string[] = [];
  for (const name of EVENTS) await session.onEvent(name, () => events.push(name));
  played.playOn();
  for (const turn of played.turns.slice(1)) {
    if (!isOver) await take(session, played, turn);
  }
  played.prepare(Buffer.alloc(0));
  const unanswered = connection.commands.slice(played.turns.length).map(async (command) => {
    const asked = session.api(withoutApi(command));
    await assert.rejects(asked, ServerUnavailableError, `${command} was never answered`);
  });
  if (connection.end === 'open') {
    played.prepare(Buffer.from(response('yes')));
    if (!isOver) await session.api('still there').catch(() => undefined);
  } else {
    await played.end();
    await withDeadline('the end', GENEROUS_MS, session.closed);
  }
  await Promise.all(unanswered);
  assert.deepEqual(events, eventsIn(joined(connection.messages).toString('utf8')));
}

const withoutApi = (command: string): string =>
  (command.split('\n')[0] ?? '').replace(/^api\s*/, '') || 'nothing';

/** One command is given and gets the recorded answer to the recorded one: byte by byte the same. */
async function take(session: EslSession, played: Replay, turn: Turn): Promise<void> {
  const { command, reply: message } = turn;
  played.prepare(turn.bytes);
  const isApi = message.type === 'api/response';
  const text = isApi ? message.body.toString('utf8') : replyText(message);
  const asked = isApi ? session.api(withoutApi(command)) : session.startJob(command.slice(0, 9));
  if (!/^-(ERR|USAGE)/.test(text)) {
    assert.equal(await asked, isApi ? text : undefined);
    return;
  }
  await assert.rejects(asked, (err) => {
    assert.ok(err instanceof EslReplyError, String(err));
    assert.equal(err.reply, text.trim());
    return true;
  });
}

const replyText = (message: RecordedMessage): string =>
  /^Reply-Text: (.*)$/m.exec(message.headers)?.[1] ?? '';

/** Names of the events that a session subscribes to, in order, up to the XML that ends it. */
function eventsIn(stream: string): string[] {
  const [heard = ''] = stream.split('Content-Type: text/event-xml');
  const names = [...heard.matchAll(/^(?:\{"Event-Name":"|Event-Name: )([A-Z_]+)/gm)];
  return names
    .map(([, name]) => name ?? '')
    .filter((name) => EVENTS.some((known) => known === name));
}
