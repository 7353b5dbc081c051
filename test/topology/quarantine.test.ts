import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Quarantine } from '../../src/topology/quarantine.js';
import {
  DEFAULT_QUARANTINE_LIMITS,
  isQuarantined,
  NO_QUARANTINE,
  noteChange,
} from '../../src/topology/quarantine.js';

const MINUTE_MS = 60_000;
const LIMITS = DEFAULT_QUARANTINE_LIMITS;

/** The state after changes at these times. */
const after = (times: readonly number[], state: Quarantine = NO_QUARANTINE): Quarantine =>
  times.reduce((known, at) => noteChange(known, at, LIMITS), state);

/** Five changes, one a second, the last at `lastMs`. */
const flaps = (lastMs: number): number[] => [4, 3, 2, 1, 0].map((n) => lastMs - n * 1_000);

test('four changes are none too many, the fifth within the window begins a quarantine', () => {
  const four = after([0, 1_000, 2_000, 3_000]);
  assert.equal(isQuarantined(four, 3_000), false);
  assert.equal(four.changes.length, 4);
  const five = noteChange(four, 4_000, LIMITS);
  assert.equal(five.untilMs, 4_000 + MINUTE_MS);
  assert.equal(five.times, 1);
  assert.deepEqual(five.changes, [], 'its history is cleared');
});

test('it holds until the very end and not beyond', () => {
  const state = after(flaps(10_000));
  assert.equal(isQuarantined(state, 10_000), true);
  assert.equal(isQuarantined(state, 10_000 + MINUTE_MS - 1), true);
  assert.equal(isQuarantined(state, 10_000 + MINUTE_MS), false);
});

test('five changes over exactly the window count, a millisecond more does not', () => {
  const slow = [0, 75_000, 150_000, 225_000];
  assert.notEqual(after([...slow, LIMITS.windowMs]).untilMs, null);
  assert.equal(after([...slow, LIMITS.windowMs + 1]).untilMs, null);
});

test('each quarantine in a row is twice as long, up to the longest', () => {
  let state = NO_QUARANTINE;
  let nowMs = 0;
  const holds: number[] = [];
  for (let round = 0; round < 8; round++) {
    state = after(flaps(nowMs + 10_000), state);
    const endMs = state.untilMs ?? 0;
    holds.push((endMs - nowMs - 10_000) / MINUTE_MS);
    nowMs = endMs;
  }
  assert.deepEqual(holds, [1, 2, 4, 8, 16, 32, 32, 32]);
});

test('a node that flaps on inside its quarantine gets the next one from then', () => {
  const first = after(flaps(10_000));
  const second = after(flaps(30_000), first);
  assert.equal(second.untilMs, 30_000 + 2 * MINUTE_MS);
  assert.equal(second.times, 2);
});

test('a whole window without change behind the end of a quarantine forgives', () => {
  const state = after(flaps(10_000));
  const endMs = state.untilMs ?? 0;
  assert.equal(noteChange(state, endMs + LIMITS.windowMs - 1, LIMITS).times, 1);
  assert.equal(noteChange(state, endMs + LIMITS.windowMs, LIMITS).times, 0);
});

test('a change in between begins the calm window anew', () => {
  const state = after(flaps(10_000));
  const endMs = state.untilMs ?? 0;
  const later = noteChange(state, endMs + MINUTE_MS, LIMITS);
  assert.equal(noteChange(later, endMs + LIMITS.windowMs, LIMITS).times, 1);
  assert.equal(noteChange(later, endMs + MINUTE_MS + LIMITS.windowMs, LIMITS).times, 0);
});

test('whatever happens: the history is bounded, a hold is within its limits, the input is kept', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 400_000 }), { maxLength: 80 });
  fc.assert(
    fc.property(gaps, (pauses) => {
      let nowMs = 0;
      let state: Quarantine = Object.freeze(NO_QUARANTINE);
      for (const pause of pauses) {
        nowMs += pause;
        const wasUntil = state.untilMs;
        state = Object.freeze(noteChange(state, nowMs, LIMITS));
        assert.ok(state.changes.length < LIMITS.changes);
        assert.ok(state.times <= 80);
        if (state.untilMs === wasUntil) continue;
        const holdMs = (state.untilMs ?? 0) - nowMs;
        assert.ok(holdMs >= LIMITS.holdMs && holdMs <= LIMITS.maxHoldMs, `${holdMs}`);
      }
    }),
  );
});
