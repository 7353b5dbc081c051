import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CarnaError,
  DeadlineError,
  ProtocolError,
  ServerUnavailableError,
} from '../../../src/util/errors.js';
import { readBlocks, startReplay } from './replay.js';
import {
  answering,
  GENEROUS_MS,
  leavesNothingBehind,
  open,
  SHORT_MS,
  withSession,
} from './session-rig.js';

leavesNothingBehind();

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
