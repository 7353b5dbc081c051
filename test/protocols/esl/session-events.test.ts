import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeadlineError, EslReplyError } from '../../../src/util/errors.js';
import type { ScriptedServer } from './replay.js';
import { jsonEvent, reply, response, startReplay } from './replay.js';
import { answering, leavesNothingBehind, SHORT_MS, withSession } from './session-rig.js';

leavesNothingBehind();

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
