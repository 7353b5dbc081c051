import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RawClient } from '../../lab/standin/esl-client.js';
import { HOST, RECORDED, startLab } from '../../lab/standin/running.js';
import { ESL_PORT, SIP_PORT } from './standin-caller.js';

test('silence before auth is ended, one bad command lifts the limit, a half-close says goodbye', async () => {
  const lab = await startLab({ ...RECORDED, sipPort: SIP_PORT, eslPort: ESL_PORT, preauthMs: 150 });
  const spoke = await RawClient.open(HOST, ESL_PORT);
  assert.equal((await spoke.received(1), spoke.messages.length), 1);
  spoke.write('hello\n\n');
  await spoke.received(2);
  const silent = await RawClient.open(HOST, ESL_PORT);
  await silent.closed();
  assert.match(silent.messages[1] ?? '', /Content-Length: 67\n\nDisconnected, goodbye\.\n/);
  spoke.write('auth ClueCon\n\n');
  await spoke.received(3);
  assert.match(spoke.messages[2] ?? '', /\+OK accepted/);
  spoke.socket.end();
  await spoke.closed();
  assert.match(spoke.messages[3] ?? '', /Content-Length: 67\n\nDisconnected, goodbye\.\n/);
  await lab.stop();
});

test('events wait behind a running api, and reach every subscribed connection', async () => {
  const lab = await startLab({ ...RECORDED, sipPort: SIP_PORT, eslPort: ESL_PORT });
  const busy = await RawClient.login(HOST, ESL_PORT);
  const other = await RawClient.login(HOST, ESL_PORT);
  for (const client of [busy, other]) await client.ask('event json BACKGROUND_JOB');
  busy.write('api msleep 300\n\n');
  other.write('bgapi hostname\n\n');
  await other.received(5);
  assert.equal(busy.messages.length, 3, 'blocked');
  await busy.received(5);
  assert.match(busy.messages[3] ?? '', /\+OK$/);
  assert.match(busy.messages[4] ?? '', /"_body":"media-1"/);
  await lab.stop();
});

test('a client that breaks a limit is closed, and the others are served on', async () => {
  const lab = await startLab({ ...RECORDED, sipPort: SIP_PORT, eslPort: ESL_PORT });
  const good = await RawClient.login(HOST, ESL_PORT);
  const endless = await RawClient.login(HOST, ESL_PORT);
  endless.write(Buffer.alloc(80 * 1024, 'x'));
  await endless.closed();
  const huge = await RawClient.login(HOST, ESL_PORT);
  huge.write('sendevent CUSTOM\nContent-Length: 99999999\n\n');
  await huge.closed();
  assert.equal(await good.ask('api hostname'), 'media-1');
  await lab.stop();
});

test('fsctl loglevel without a level silences every log until a level is set', async () => {
  const lab = await startLab({ ...RECORDED, sipPort: SIP_PORT, eslPort: ESL_PORT });
  const esl = await RawClient.login(HOST, ESL_PORT);
  await esl.ask('log debug');
  assert.equal(await esl.ask('api fsctl loglevel'), '+OK log level: DISABLE [-1]\n');
  await esl.ask('api log err lost');
  assert.equal(await esl.ask('api fsctl loglevel debug'), '+OK log level: DEBUG [7]\n');
  const before = esl.messages.length;
  esl.write('api log err kept\n\n');
  await esl.received(before + 2);
  const lines = esl.messages.filter((m) => m.startsWith('Content-Type: log/data'));
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /kept\n$/);
  await lab.stop();
});
