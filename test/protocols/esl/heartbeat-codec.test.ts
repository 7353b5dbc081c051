import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseHeartbeat } from '../../../src/protocols/esl/heartbeat-codec.js';
import type { EslEvent } from '../../../src/protocols/esl/session.js';
import { InvalidInputError } from '../../../src/util/errors.js';
import { recordedConnections } from './recorded.js';

/** The event of the transcript, with some headers changed. */
function recorded(change: EslEvent = {}): EslEvent {
  const messages = recordedConnections('30-heartbeat-json')[0]?.messages ?? [];
  const event = messages.find((message) => message.type === 'text/event-json');
  return { ...(JSON.parse(event?.body.toString('utf8') ?? '{}') as EslEvent), ...change };
}

test('recorded: sessions, limit, the rate of the last second, and idle CPU', () => {
  assert.deepEqual(parseHeartbeat(recorded()), {
    sessions: 0,
    sessionLimit: 1000,
    sessionsPerSecond: 0,
    idleCpuPercent: 84.666667,
  });
});

test('the allowance that is left of this second is not the rate', () => {
  const event = recorded({ 'Session-Per-Sec': '3', 'Session-Per-Sec-Last': '27' });
  assert.equal(parseHeartbeat(event).sessionsPerSecond, 27);
});

for (const [name, change, expected] of [
  ['no count', { 'Session-Count': undefined }, /Session-Count/],
  ['a count that is none', { 'Max-Sessions': '1e3' }, /Max-Sessions: expected a whole number/],
  ['a negative count', { 'Session-Count': '-1' }, /Session-Count: expected a whole number/],
  ['a count beyond reason', { 'Session-Count': '9'.repeat(10) }, /Session-Count/],
  ['an idle CPU above all', { 'Idle-CPU': '100.000001' }, /Idle-CPU: expected at most 100/],
  ['an idle CPU that is none', { 'Idle-CPU': 'nan' }, /Idle-CPU: expected a percentage/],
  ['two faults', { 'Idle-CPU': '', 'Session-Per-Sec-Last': 'x' }, /Session-Per-Sec-Last.*Idle-CPU/],
] as const) {
  test(`refused by name: ${name}`, () =>
    assert.throws(
      () => parseHeartbeat(recorded(change)),
      (err) => err instanceof InvalidInputError && expected.test(err.message),
    ));
}

test('any headers give numbers or an InvalidInputError', () => {
  const text = fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String));
  fc.assert(
    fc.property(text, text, text, text, (a, b, c, d) => {
      const change = {
        'Session-Count': a,
        'Max-Sessions': b,
        'Session-Per-Sec-Last': c,
        'Idle-CPU': d,
      };
      try {
        for (const value of Object.values(parseHeartbeat(change))) assert.ok(value >= 0);
      } catch (err) {
        if (!(err instanceof InvalidInputError)) throw err;
      }
    }),
  );
});
