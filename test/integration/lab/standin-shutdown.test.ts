import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import { RawClient } from '../../lab/standin/esl-client.js';
import { HOST, RECORDED, startLab } from '../../lab/standin/running.js';
import { Caller, closeCallers, ESL_PORT, PATIENCE_MS, SIP_PORT } from './standin-caller.js';

after(closeCallers);

test('shutdown elegant blocks its connection until the last call ends, and does not refuse new calls', async () => {
  const lab = await startLab({ ...RECORDED, sipPort: SIP_PORT, eslPort: ESL_PORT });
  const asking = await RawClient.login(HOST, ESL_PORT);
  const watching = await RawClient.login(HOST, ESL_PORT);
  await watching.ask('event plain SHUTDOWN_REQUESTED SHUTDOWN');
  const first = await Caller.open();
  await first.callUp();
  asking.write('api fsctl shutdown elegant\n\napi uptime\n\n');
  await watching.received(4);
  assert.match(
    watching.messages[3] ?? '',
    /Event-Name: SHUTDOWN_REQUESTED\n[^]*Event-Info: elegant\n/,
  );
  assert.equal(await watching.ask('api fsctl shutdown_check'), 'true');
  assert.equal(await watching.ask('api fsctl ready_check'), 'true');
  const second = await Caller.open();
  await second.callUp();
  assert.equal(asking.messages.length, 2, 'both answers wait');
  for (const uuid of lab.standin.switch.callIds)
    lab.standin.profile.hangup(uuid, 'NORMAL_CLEARING');
  first.answer(await first.gets('BYE '));
  second.answer(await second.gets('BYE '));
  await asking.closed();
  assert.match(asking.messages[2] ?? '', /\+OK\n$/);
  assert.match(asking.messages[3] ?? '', /\n\n\d+\n$/);
  assert.match(asking.messages.at(-1) ?? '', /The system is being shut down\.\n$/);
  assert.ok(watching.messages.some((m) => m.includes('Event-Name: SHUTDOWN\n')));
  assert.equal(await lab.code, 0);
  first.close();
  second.close();
});

test('shutdown asap pauses, cancel takes everything back; restart gives a new Core-UUID', async () => {
  const lab = await startLab({ ...RECORDED, sipPort: SIP_PORT, eslPort: ESL_PORT });
  const esl = await RawClient.login(HOST, ESL_PORT);
  const caller = await Caller.open();
  await caller.callUp();
  await esl.ask('event plain BACKGROUND_JOB');
  await esl.ask('bgapi fsctl shutdown asap');
  assert.equal(await esl.ask('api fsctl pause_check'), 'true');
  assert.equal(await esl.ask('api fsctl shutdown_check'), 'true');
  const before = esl.messages.length;
  esl.write('api fsctl shutdown cancel\n\n');
  await esl.received(before + 2);
  assert.ok(esl.messages.some((m) => /Job-Command-Arg: shutdown%20asap[^]*\+OK\n$/.test(m)));
  assert.equal(await esl.ask('api fsctl pause_check'), 'false');
  assert.equal(await esl.ask('api fsctl shutdown_check'), 'false');
  assert.equal(lab.standin.switch.active, 1);

  const uuid = await esl.ask('api global_getvar core_uuid');
  await esl.ask('api fsctl hupall');
  caller.answer(await caller.gets('BYE '));
  esl.write('api fsctl shutdown restart\n\n');
  await esl.closed();
  let again: RawClient | null = null;
  await waitUntil('it is back', PATIENCE_MS, async () => {
    again = await RawClient.login(HOST, ESL_PORT).catch(() => null);
    return again !== null;
  });
  const back = again as RawClient | null;
  assert.notEqual(await back?.ask('api global_getvar core_uuid'), uuid);
  back?.close();
  caller.close();
  assert.equal(await lab.stop(), 0);
});
