import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LifecycleEvent, LifecycleState } from '../../src/topology/lifecycle.js';
import { LIFECYCLE, nextState } from '../../src/topology/lifecycle.js';

const EVENTS: readonly LifecycleEvent[] = [
  'healthy',
  'failed',
  'exited',
  'drain',
  'undrain',
  'undrainUnfit',
  'drained',
  'withdraw',
];
const STATES = Object.keys(LIFECYCLE) as LifecycleState[];

function check(name: string, events: readonly LifecycleEvent[], end: LifecycleState): void {
  test(name, () =>
    assert.equal(
      events.reduce<LifecycleState>((state, event) => nextState(state, event), 'starting'),
      end,
    ),
  );
}

check('a crash and its healing', ['healthy', 'exited', 'healthy'], 'up');
check('a crash loop stays down', ['exited', 'exited', 'exited'], 'down');
check('a drain taken back', ['healthy', 'drain', 'undrain'], 'up');
check('a drain taken back from an unfit node', ['healthy', 'drain', 'undrainUnfit'], 'down');
check('a crash does not end a drain', ['healthy', 'drain', 'exited'], 'draining');
check('goodbye', ['healthy', 'drain', 'drained', 'withdraw'], 'gone');

test('an event without entry is an error, for every state', () => {
  let refused = 0;
  for (const state of STATES) {
    for (const event of EVENTS) {
      if (LIFECYCLE[state][event] !== undefined) continue;
      assert.throws(() => nextState(state, event), RangeError);
      refused += 1;
    }
  }
  assert.ok(refused > 10);
});

test('every state but gone can be left for good, and nothing follows gone', () => {
  for (const state of STATES) {
    if (state !== 'gone') assert.equal(nextState(state, 'withdraw'), 'gone');
  }
  assert.deepEqual(LIFECYCLE.gone, {});
});

test('a draining node is never published as up or down by its checks', () => {
  assert.equal(LIFECYCLE.draining.healthy, undefined);
  assert.equal(LIFECYCLE.draining.failed, undefined);
});
