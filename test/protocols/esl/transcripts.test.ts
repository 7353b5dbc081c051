import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameCutter } from '../../../src/protocols/esl/frames.js';
import type { EslEventName, EslSession } from '../../../src/protocols/esl/session.js';
import { EslReplyError, ServerUnavailableError } from '../../../src/util/errors.js';
import { withDeadline } from '../../../src/util/wait.js';
import type { RecordedConnection, RecordedMessage, Turn } from './recorded.js';
import { joined, recordedConnections, transcriptNames } from './recorded.js';
import { response } from './replay.js';
import { GENEROUS_MS, open } from './session-rig.js';
import type { Outcome } from './transcript-outcomes.js';
import { OUTCOMES } from './transcript-outcomes.js';
import type { Write } from './turn-server.js';
import { TurnServer, writeBytes, writeWhole } from './turn-server.js';

/**
 * Every recorded transcript is replayed: to the cutter split in two at every byte, and to a whole
 * session over a real socket, in one piece and byte by byte.
 */

/** A stream up to this length is fed whole for every split, a longer one from message to message. */
const WHOLE_BYTES = 6_000;
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

async function replay(
  connection: RecordedConnection,
  outcome: Outcome,
  write: Write,
): Promise<void> {
  const played = new TurnServer(connection, outcome.kind === 'refused', write);
  const server = await played.start();
  const opening = open(server);
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
  played: TurnServer,
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
async function take(session: EslSession, played: TurnServer, turn: Turn): Promise<void> {
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
