import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reconnectPauseMs, renewalPauseMs } from '../../src/registry/reconnect-pause.js';

const base = { failures: 0, servers: 1, hasSession: true, zkSessionTimeoutMs: 4_000 };

/** As evenly spread as random numbers at best. */
const clients = (count: number): (() => number)[] =>
  Array.from({ length: count }, (_, at) => () => at / count);

/** The most of `times` that fall into one window. */
function fullest(times: readonly number[], windowMs: number): number {
  return Math.max(
    ...times.map((from) => times.filter((ms) => ms >= from && ms < from + windowMs).length),
  );
}

test('the first round over the servers is quick, whoever tries', () => {
  for (const failures of [0, 1, 2]) {
    const attempt = { ...base, servers: 3, failures };
    for (const random of clients(50)) assert.ok(reconnectPauseMs(attempt, random) < 20);
  }
});

test('further rounds are spread from nothing to a bound that doubles', () => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 50].map((failures) =>
    Math.round(reconnectPauseMs({ ...base, failures }, () => 1)),
  );
  assert.deepEqual(longest, [50, 100, 200, 400, 800, 1_000, 1_000, 1_000]);
  assert.equal(
    reconnectPauseMs({ ...base, failures: 9 }, () => 0),
    5,
  );
});

test('two hundred that failed together come back a few at a time', () => {
  const attempt = { ...base, failures: 8 };
  const times = clients(200).map((random) => reconnectPauseMs(attempt, random));
  assert.ok(fullest(times, 50) <= 12, `${fullest(times, 50)} of 200 within 50 ms`);
});

for (const zkSessionTimeoutMs of [500, 1_000, 4_000, 10_000, 40_000]) {
  test(`who has a session of ${zkSessionTimeoutMs} ms tries at least four times within it`, () => {
    const pauseMs = reconnectPauseMs({ ...base, zkSessionTimeoutMs, failures: 99 }, () => 1);
    assert.ok(pauseMs <= zkSessionTimeoutMs / 4);
  });
}

test('without a session there is no hurry', () => {
  const attempt = { ...base, hasSession: false, zkSessionTimeoutMs: 40_000, failures: 99 };
  assert.equal(
    reconnectPauseMs(attempt, () => 1),
    10_000,
  );
});

test('new sessions are spread over a part of their time-out', () => {
  const longest = [500, 4_000, 10_000, 60_000].map((ms) => renewalPauseMs(ms, () => 1));
  assert.deepEqual(longest, [100, 400, 1_000, 1_000]);
});
