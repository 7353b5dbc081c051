import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EslReplyError } from '../../src/util/errors.js';
import { answers, check, freeswitch, noteOf } from './support/evidence-bench.js';
import { FakeEsl } from './support/fake-esl.js';
import { flush } from './support/fake-time.js';

test('FreeSWITCH: full is load, also one below the limit, and then 503 is the right answer', async () => {
  const esl = new FakeEsl();
  const control = freeswitch(esl, answers(503));
  esl.facts = { ready: true, active: 98, limit: 100 };
  const almost = await control.probe(800);
  assert.equal(
    almost.kind === 'fail' && almost.reason,
    'event socket says yes, SIP says no: SIP OPTIONS answered with 503',
  );
  for (const active of [99, 100, 101]) {
    esl.facts = { ready: true, active, limit: 100 };
    const result = await control.probe(800);
    assert.equal(noteOf(result), null);
    assert.equal(check(result, 'sessions')?.text, `full: ${active} of 100 sessions`);
    assert.equal(check(result, 'sip')?.text, '503 in 0.9 ms');
    assert.ok(result.kind === 'ok' && result.load?.sessions === active);
    assert.equal(result.load.limit, 100);
  }
});

test('FreeSWITCH: a 503 waits for what the same round says of the sessions', async () => {
  const esl = new FakeEsl();
  let answer: (facts: typeof esl.facts) => void = () => undefined;
  esl.status = () => new Promise((resolve) => (answer = resolve));
  const result = freeswitch(esl, answers(503)).probe(800);
  await flush();
  answer({ ready: true, active: 99, limit: 100 });
  assert.equal((await result).kind, 'ok');
});

test('FreeSWITCH: a session limit that fell within one life is noted, until the next life', async () => {
  const esl = new FakeEsl();
  const control = freeswitch(esl);
  esl.facts = { ready: true, active: 1, limit: 1000 };
  assert.equal(noteOf(await control.probe(800)), null);
  esl.facts = { ready: true, active: 1, limit: 110 };
  const lowered = await control.probe(800);
  assert.equal(noteOf(lowered), 'FreeSWITCH lowered its session limit from 1000 to 110');
  assert.equal(lowered.kind === 'ok' && lowered.load?.limit, 110);
  esl.uuid = 'u2';
  assert.equal(noteOf(await control.probe(800)), null);
});

test('FreeSWITCH: HEARTBEAT adds rate and idle CPU to the load; a garbled one is counted and noted', async () => {
  const esl = new FakeEsl();
  const control = freeswitch(esl);
  const loadOf = async () => {
    const result = await control.probe(800);
    return result.kind === 'ok' ? result.load : null;
  };
  const before = { sessions: 1, limit: 100, memoryUsedShare: null };
  assert.deepEqual(await loadOf(), { ...before, ratePerSecond: null, idleCpuPercent: null });
  esl.beat({ kind: 'beat', ratePerSecond: 7, idleCpuPercent: 84.5 });
  assert.deepEqual(await loadOf(), { ...before, ratePerSecond: 7, idleCpuPercent: 84.5 });
  esl.beat({ kind: 'refused', why: 'HEARTBEAT: Idle-CPU: expected a percentage' });
  esl.beat({ kind: 'refused', why: 'HEARTBEAT: Idle-CPU: expected a percentage' });
  assert.equal(
    noteOf(await control.probe(800)),
    '2 HEARTBEAT event(s) refused, the last: HEARTBEAT: Idle-CPU: expected a percentage',
  );
  assert.equal((await loadOf())?.ratePerSecond, 7, 'the last good one counts');
});

test('FreeSWITCH: without HEARTBEAT it is healthy, with a note; a new connection begins anew', async () => {
  const esl = new FakeEsl();
  esl.onHeartbeat = () => Promise.reject(new EslReplyError('event', '-ERR permission denied'));
  const control = freeswitch(esl);
  await control.probe(800);
  assert.match(
    noteOf(await control.probe(800)) ?? '',
    /^no HEARTBEAT events: .*permission denied$/,
  );
  esl.onHeartbeat = () => Promise.resolve();
  esl.end('restart');
  await flush();
  assert.equal(noteOf(await control.probe(800)), null);
});
