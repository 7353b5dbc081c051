import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeswitchControl } from '../../src/agent/servers/freeswitch.js';
import { DeadlineError, EslReplyError, ServerUnavailableError } from '../../src/util/errors.js';
import { freeswitch, LIFE, lines, OPTIONS, silent } from './support/evidence-bench.js';
import { FakeEsl } from './support/fake-esl.js';

test('FreeSWITCH: one line of evidence per question', async () => {
  assert.deepEqual(lines(await freeswitch(new FakeEsl()).probe(800)), [
    'esl ok: connected',
    'core ok: ready',
    'profile ok: internal runs',
    'inbound ok: not paused',
    'shutdown ok: none under way',
    'sessions ok: 1 of 100 sessions',
    'sip ok: 200 in 0.9 ms',
  ]);
});

test('FreeSWITCH: each fault fails its own question, and all of them are named', async () => {
  const esl = new FakeEsl();
  esl.facts = { ...esl.facts, ready: false };
  esl.isRunning = false;
  esl.isPaused = true;
  esl.isEnding = true;
  const result = await freeswitch(esl, silent).probe(800);
  assert.ok(result.kind === 'fail');
  assert.deepEqual(lines(result), [
    'esl ok: connected',
    'core fail: FreeSWITCH says that it is not ready',
    'profile fail: the SIP profile internal does not run',
    'inbound fail: inbound calls are paused, not by us',
    'shutdown fail: FreeSWITCH is shutting down',
    'sessions ok: 1 of 100 sessions',
    'sip fail: no answer within 800 ms',
  ]);
  assert.equal(
    result.reason,
    'FreeSWITCH says that it is not ready; the SIP profile internal does not run; inbound calls are paused, ' +
      'not by us; FreeSWITCH is shutting down; no answer to SIP OPTIONS: no answer within 800 ms',
  );
  assert.equal(result.isEnding, true);
  assert.equal(result.load?.sessions, 1);
});

test('FreeSWITCH: what could not be asked is not listed', async () => {
  const open = () => Promise.reject(new ServerUnavailableError('connect ECONNREFUSED'));
  const result = await freeswitchControl(open, silent, OPTIONS, () => 0)(LIFE).probe(800);
  assert.deepEqual(lines(result), [
    'esl fail: connect ECONNREFUSED',
    'sip fail: no answer within 800 ms',
  ]);
  assert.equal(
    result.kind === 'fail' && result.reason,
    'no event socket: connect ECONNREFUSED; no answer to SIP OPTIONS: no answer within 800 ms',
  );
});

test('FreeSWITCH: one question without an answer in time spoils the connection, the others stand', async () => {
  const esl = new FakeEsl();
  esl.isShuttingDown = () => Promise.reject(new DeadlineError('shutdown_check', 800));
  esl.isInboundPaused = () =>
    Promise.reject(
      new ServerUnavailableError('the session has ended', { cause: new DeadlineError('x', 800) }),
    );
  let closes = 0;
  esl.close = () => Promise.resolve(void (closes += 1));
  const result = await freeswitch(esl).probe(800);
  assert.deepEqual(
    lines(result).filter((line) => line.includes('fail')),
    ['inbound fail: no answer within 800 ms', 'shutdown fail: no answer within 800 ms'],
  );
  assert.equal(
    result.kind === 'fail' && result.reason,
    'event socket: no answer within 800 ms',
    'silence is named once',
  );
  assert.equal(closes, 1);
});

test('FreeSWITCH: an odd answer is named and spoils the connection', async () => {
  const esl = new FakeEsl();
  esl.coreUuid = () => Promise.reject(new EslReplyError('core_uuid', '-ERR no reply'));
  let closes = 0;
  esl.close = () => Promise.resolve(void (closes += 1));
  const result = await freeswitch(esl).probe(800);
  assert.match(result.kind === 'fail' ? result.reason : '', /-ERR no reply/);
  assert.equal(closes, 1);
});
