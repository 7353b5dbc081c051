import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, test } from 'node:test';
import type { Logger } from 'pino';
import pino from 'pino';
import { MAX_WAITING_COMMANDS } from '../../../src/protocols/esl/connection.js';
import type { EslOptions, EslSession } from '../../../src/protocols/esl/session.js';
import { openEslSession } from '../../../src/protocols/esl/session.js';
import {
  CarnaError,
  DeadlineError,
  EslAuthError,
  EslReplyError,
  InvalidInputError,
  ProtocolError,
  ServerUnavailableError,
} from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import { freePort } from '../../support/resources.js';
import type { ScriptedServer } from './replay.js';
import {
  jsonEvent,
  play,
  readBlocks,
  recordedAnswers,
  recordedGreeting,
  reply,
  response,
  startReplay,
  startServer,
} from './replay.js';

const GENEROUS_MS = 20_000;
const SHORT_MS = 60;
const uncaught: unknown[] = [];
process.on('unhandledRejection', (err) => uncaught.push(err));
process.on('uncaughtExceptionMonitor', (err) => uncaught.push(err));

after(async () => {
  await waitUntil('no socket or timer is left', 10_000, () => leftovers().length === 0);
  assert.deepEqual(uncaught, []);
});

/** Timers and TCP sockets that keep this process alive. */
function leftovers(): string[] {
  return process.getActiveResourcesInfo().filter((name) => /^TCP|^Timeout/.test(name));
}

const silent: Logger = pino({ enabled: false });

const open = async (
  server: Pick<ScriptedServer, 'host' | 'port'>,
  options: Partial<EslOptions> = {},
): Promise<EslSession> =>
  openEslSession({
    host: server.host,
    port: server.port,
    password: 'ClueCon',
    allowStockPassword: true,
    log: silent,
    timeoutMs: GENEROUS_MS,
    ...options,
  });

async function withSession(
  server: ScriptedServer,
  use: (session: EslSession) => Promise<void>,
): Promise<void> {
  try {
    const session = await open(server);
    await use(session);
    await session.close();
  } finally {
    await server.close();
  }
}

/** Authenticates and gives a core uuid as FreeSWITCH does; other commands go to `onCommand`. */
const answering = async (
  onCommand: (socket: Socket, command: string) => void,
): Promise<ScriptedServer> => {
  const basics = recordedAnswers('01', '14');
  return startServer({
    onConnect: (socket) => void play(socket, recordedGreeting('01')),
    onCommand: (socket, command) => {
      const answer = basics.get(command);
      if (answer === undefined) onCommand(socket, command);
      else void play(socket, answer);
    },
  });
};

test('recorded: authentication, then bodies unchanged in every form and split', async () => {
  await withSession(await startReplay('10', '12', '13', '15', '16'), async (session) => {
    assert.equal(session.coreUuid, 'eb412e69-9130-4ba5-8600-86a533186e41');
    assert.match(await session.api('status'), /^UP 0 years.*8192K\n$/s);
    assert.equal(await session.api('fsctl pause_check'), 'false');
    assert.equal(await session.api('show channels count'), '\n0 total.\n');
    assert.equal(await session.api('show registrations as json'), '{"row_count": 0}\n');
    assert.equal(await session.api('sofia status profile nosuch'), 'Invalid Profile!\n');
    assert.deepEqual(
      await Promise.all([session.api('fsctl ready_check'), session.api('hostname')]),
      ['true', 'media-1'],
    );
  });
});

test('recorded: refusals are errors and leave the session open', async () => {
  await withSession(await startReplay('18', '16'), async (session) => {
    await assert.rejects(session.api('nosuch_command'), (err) => {
      assert.ok(err instanceof EslReplyError);
      assert.equal(err.reply, '-ERR nosuch_command Command not found!');
      return true;
    });
    await assert.rejects(session.api('fsctl'), (err) => {
      assert.ok(err instanceof EslReplyError && err.reply.startsWith('-USAGE'));
      return true;
    });
    assert.equal(await session.api('fsctl pause_check'), 'false');
  });
});

test('a body that merely begins with a minus sign is a body', async () => {
  const server = await answering((socket) => socket.write(response('-5 degrees')));
  await withSession(server, async (session) =>
    assert.equal(await session.api('weather'), '-5 degrees'),
  );
});

test('recorded: wrong password, one try', async () => {
  const server = await startReplay();
  await assert.rejects(open(server, { password: 'wrong' }), (err) => {
    assert.ok(err instanceof EslAuthError);
    assert.match(
      err.message,
      /refused the password: CARNA_ESL_PASSWORD is not the one in event_socket\.conf\.xml \(-ERR invalid\)$/,
    );
    assert.ok(!inspectAll(err).includes('auth wrong'));
    return true;
  });
  await waitUntil('closed', 10_000, () => server.sockets.every((socket) => socket.destroyed));
  assert.equal(server.sockets.length, 1);
  await server.close();
});

const inspectAll = (err: Error): string => JSON.stringify([err, err.message, err.stack, err.cause]);

test('recorded: an address that is not allowed', async () => {
  const server = await startServer({
    onConnect: (socket) => void play(socket, recordedGreeting('51')),
    onCommand: () => undefined,
  });
  await assert.rejects(open(server), (err) => {
    assert.ok(err instanceof EslAuthError);
    assert.match(
      err.message,
      /refused our address: apply-inbound-acl .* \(Access Denied, go away\.\)$/,
    );
    return true;
  });
  assert.equal(server.sockets.length, 1);
  await server.close();
});

test('the stock password is refused before anything is sent', async () => {
  const server = await startReplay();
  await assert.rejects(open(server, { allowStockPassword: false }), InvalidInputError);
  assert.equal(server.sockets.length, 0);
  await server.close();
});

test('a port where nobody listens', async () => {
  const port = await freePort();
  await assert.rejects(open({ host: '127.0.0.1', port }), (err) => {
    assert.ok(err instanceof ServerUnavailableError);
    assert.match(err.message, /ECONNREFUSED/);
    return true;
  });
});

const HOSTILE: readonly (readonly [string, string, new (...args: never[]) => Error])[] = [
  ['says nothing', '', DeadlineError],
  ['sends half a header', 'Content-Type: auth/req', DeadlineError],
  ['sends garbage', 'SSH-2.0-OpenSSH_9.2\r\n\n\n', ProtocolError],
  ['sends 60,000 line ends', '\n'.repeat(60_000), ProtocolError],
  ['sends an unknown content type', 'Content-Type: text/unknown\n\n', ProtocolError],
  [
    'sends a length that is no number',
    'Content-Type: auth/request\nContent-Length: x\n\n',
    ProtocolError,
  ],
  [
    'announces more than it sends',
    'Content-Type: auth/request\nContent-Length: 99\n\nabc',
    DeadlineError,
  ],
];

for (const [name, text, kind] of HOSTILE) {
  test(`a server that ${name} at the beginning`, async () => {
    const server = await startServer({
      onConnect: (socket) => void socket.write(text),
      onCommand: () => undefined,
    });
    const timeoutMs = kind === DeadlineError ? SHORT_MS : GENEROUS_MS;
    await assert.rejects(open(server, { timeoutMs }), kind);
    await waitUntil('closed', 10_000, () => server.sockets.every((socket) => socket.destroyed));
    assert.equal(server.sockets.length, 1);
    await server.close();
  });
}

test('authenticated, but no command is ever answered', async () => {
  const auth = recordedAnswers('01');
  const server = await startServer({
    onConnect: (socket) => void play(socket, recordedGreeting('01')),
    onCommand: (socket, command) => {
      const answer = auth.get(command);
      if (answer !== undefined) void play(socket, answer);
    },
  });
  await assert.rejects(open(server, { timeoutMs: SHORT_MS }), DeadlineError);
  await server.close();
});

const REPLIES: readonly (readonly [string, string, new (...args: never[]) => Error])[] = [
  ['nothing', '', DeadlineError],
  ['half a header', 'Content-Type: api/resp', DeadlineError],
  ['less than announced', 'Content-Type: api/response\nContent-Length: 50\n\nabc', DeadlineError],
  ['no length', 'Content-Type: api/response\n\nabc', ProtocolError],
  [
    'an event that is no JSON',
    'Content-Length: 1\nContent-Type: text/event-json\n\n{',
    ProtocolError,
  ],
];

for (const [name, text, kind] of REPLIES) {
  test(`an api answered with ${name} ends the session`, async () => {
    const server = await answering((socket) => socket.write(text));
    await withSession(server, async (session) => {
      const timeoutMs = kind === DeadlineError ? SHORT_MS : GENEROUS_MS;
      await assert.rejects(session.api('uptime', timeoutMs), kind);
      assert.notEqual(await session.closed, '');
      await assert.rejects(session.api('uptime'), (err) => {
        assert.ok(err instanceof ServerUnavailableError || err instanceof ProtocolError);
        return true;
      });
    });
  });
}

test('a reply without its text ends the session', async () => {
  const server = await answering((socket) => socket.write('Content-Type: command/reply\n\n'));
  await withSession(server, async (session) => {
    await assert.rejects(session.startJob('uptime'), ProtocolError);
    assert.match(await session.closed, /without Reply-Text/);
  });
});

test('a body longer than announced is refused, not cut', async () => {
  const server = await answering((socket) =>
    socket.write('Content-Type: api/response\nContent-Length: 2\n\nabcdef\n\n'),
  );
  await withSession(server, async (session) => {
    await assert.rejects(session.api('uptime'), ProtocolError);
    assert.match(await session.closed, /header without Content-Type: "cdef"/);
  });
});

test('the end of the connection rejects the command in flight and those that wait', async () => {
  const server = await answering((socket) => socket.destroy());
  await withSession(server, async (session) => {
    const ends = await Promise.allSettled(['a', 'b', 'c'].map((name) => session.api(name)));
    for (const end of ends) {
      assert.ok(end.status === 'rejected' && end.reason instanceof ServerUnavailableError);
    }
    assert.match(await session.closed, /closed by the server|ECONNRESET/);
  });
});

test('the end of the connection in the middle of a reply is named', async () => {
  const server = await answering((socket) =>
    socket.end('Content-Type: api/response\nContent-Length: 50\n\nabc'),
  );
  await withSession(server, async (session) => {
    await assert.rejects(session.api('uptime'), ServerUnavailableError);
    assert.match(await session.closed, /closed by the server in the middle of a message/);
  });
});

test('a plain end, as after kill -9, is known without asking', async () => {
  const server = await startReplay();
  await withSession(server, async (session) => {
    server.sockets[0]?.end();
    assert.match(await session.closed, /closed by the server/);
  });
});

test('recorded: a disconnect notice gives its reason', async () => {
  const notice = readBlocks('60', 'B').findLast((block) => block.kind === 'server');
  assert.ok(notice?.kind === 'server');
  const server = await startReplay();
  await withSession(server, async (session) => {
    server.sockets[0]?.end(notice.bytes);
    assert.match(await session.closed, /said goodbye: The system is being shut down\./);
  });
});

test('a command that is late while it waits does not end the session', async () => {
  let release: (() => void) | undefined;
  const server = await answering((socket) => {
    release = () => void socket.write(response('done'));
  });
  await withSession(server, async (session) => {
    const slow = session.api('msleep');
    await assert.rejects(session.api('uptime', SHORT_MS), DeadlineError);
    release?.();
    assert.equal(await slow, 'done');
  });
});

test('the queue is bounded, commands are one line', async () => {
  const server = await answering(() => undefined);
  await withSession(server, async (session) => {
    const calls = Array.from({ length: MAX_WAITING_COMMANDS + 1 }, () => session.api('mute'));
    const settled = Promise.allSettled(calls);
    await assert.rejects(session.api('one more'), /64 calls wait already/);
    await assert.rejects(session.api('uptime\n\nexit'), InvalidInputError);
    await assert.rejects(session.api(' '), InvalidInputError);
    const sent = (): string[] => server.commands.filter((command) => command === 'api mute');
    await waitUntil('the first is sent', 10_000, () => sent().length > 0);
    await session.close();
    assert.equal(sent().length, 1);
    for (const end of await settled) assert.equal(end.status, 'rejected');
  });
});

/** Accepts bgapi and events like FreeSWITCH; `finish` sends the event of a job. */
async function jobServer(): Promise<{
  server: ScriptedServer;
  finish: (id: string, body?: string) => void;
}> {
  const server = await answering((socket, command) => {
    const [line = '', header = ''] = command.split('\n');
    if (line.startsWith('event')) socket.write(reply('+OK event listener enabled json'));
    if (line.startsWith('bgapi')) {
      const id = header.replace('Job-UUID: ', '');
      socket.write(
        `Content-Type: command/reply\nReply-Text: +OK Job-UUID: ${id}\nJob-UUID: ${id}\n\n`,
      );
      if (line.endsWith('status')) finish(id, 'UP');
      if (line.endsWith('nosuch')) finish(id, '-ERR nosuch Command not found!\n');
      if (line.endsWith('echo')) finish(id);
    }
    if (line.startsWith('api')) socket.write(response('true'));
  });
  const finish = (id: string, body?: string): void => {
    const event = { 'Event-Name': 'BACKGROUND_JOB', 'Job-UUID': id };
    server.sockets[0]?.write(jsonEvent(body === undefined ? event : { ...event, _body: body }));
  };
  return { server, finish };
}

test('background jobs: output, failure, no output, and those of others', async () => {
  const { server, finish } = await jobServer();
  await withSession(server, async (session) => {
    assert.equal(await session.bgapi('status'), 'UP');
    for (let i = 0; i < 500; i++) finish(`of-somebody-else-${i}`, 'x'.repeat(100));
    await assert.rejects(session.bgapi('nosuch'), EslReplyError);
    assert.equal(await session.bgapi('echo'), '');
    await session.startJob('msleep 1000');
    assert.equal(await session.api('fsctl ready_check'), 'true');
    await assert.rejects(session.bgapi('msleep 1000', SHORT_MS), DeadlineError);
    assert.match(await session.closed, /bgapi msleep 1000/);
  });
  assert.equal(server.commands.filter((command) => command.startsWith('event')).length, 1);
});

test('recorded: HEARTBEAT as JSON', async () => {
  const server = await startReplay('30');
  await withSession(server, async (session) => {
    const load = await new Promise<string | undefined>((resolve, reject) => {
      session.onEvent('HEARTBEAT', (event) => resolve(event['Session-Count'])).catch(reject);
    });
    assert.equal(load, '0');
  });
});

test('events that nobody knows, or of odd shape, are passed over', async () => {
  const { server } = await jobServer();
  await withSession(server, async (session) => {
    const events: unknown[] = [];
    await session.onEvent('HEARTBEAT', (event) => events.push(event));
    for (const odd of [{ 'Event-Name': 'CERT_RELOAD' }, {}, { 'Event-Name': ['HEARTBEAT', 1] }]) {
      server.sockets[0]?.write(jsonEvent(odd));
    }
    server.sockets[0]?.write(jsonEvent({ 'Event-Name': 'HEARTBEAT', A: { b: 1 }, B: [1], C: 'c' }));
    await session.api('fsctl ready_check');
    assert.deepEqual(events, [{ 'Event-Name': 'HEARTBEAT', C: 'c' }]);
  });
});

test('the password is in no log line, at any level', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) });
  const server = await startReplay('10');
  const session = await open(server, { log });
  await session.api('status');
  await session.close();
  await server.close();
  assert.ok(lines.length > 0);
  assert.deepEqual(
    lines.filter((line) => line.includes('ClueCon')),
    [],
  );
});

test('close may be called again and says so on `closed`', async () => {
  const server = await startReplay();
  const session = await open(server);
  await Promise.all([session.close(), session.close()]);
  assert.match(await session.closed, /the session was closed/);
  await assert.rejects(session.api('status'), ServerUnavailableError);
  await server.close();
});

test('a process that stood still beyond every limit sees an error of ours, whoever notices first', async () => {
  for (let round = 0; round < 5; round++) {
    const server = await answering(() => undefined);
    await withSession(server, async (session) => {
      const asked = ['status', 'uptime', 'version'].map((command) => session.api(command, 200));
      const verdicts = Promise.allSettled(asked);
      await new Promise((resolve) => setTimeout(resolve, 10 * round));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
      for (const verdict of await verdicts) {
        assert.equal(verdict.status, 'rejected');
        assert.ok(verdict.reason instanceof CarnaError, String(verdict.reason));
      }
      assert.notEqual(await session.closed, '');
    });
  }
});
