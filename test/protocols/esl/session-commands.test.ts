import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_WAITING_COMMANDS } from '../../../src/protocols/esl/connection.js';
import { DeadlineError, EslReplyError, InvalidInputError } from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import { response, startReplay } from './replay.js';
import { answering, leavesNothingBehind, SHORT_MS, withSession } from './session-rig.js';

leavesNothingBehind();

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
