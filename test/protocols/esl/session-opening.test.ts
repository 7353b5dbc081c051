import assert from 'node:assert/strict';
import { test } from 'node:test';
import pino from 'pino';
import {
  DeadlineError,
  EslAuthError,
  InvalidInputError,
  ProtocolError,
  ServerUnavailableError,
} from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import { freePort } from '../../support/resources.js';
import { play, recordedAnswers, recordedGreeting, startReplay, startServer } from './replay.js';
import { GENEROUS_MS, leavesNothingBehind, open, SHORT_MS } from './session-rig.js';

leavesNothingBehind();

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
