import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Member } from '../../../src/marathon/scale/member.js';
import { chooseVictims } from '../../../src/marathon/scale/choose-victims.js';
import { intentFor, record } from '../../topology/records.js';

/** A serving member with these calls. */
function member(taskId: string, more: Partial<Member> = {}): Member {
  const node = record(taskId);
  return {
    ...{ taskId, nodeId: taskId, host: 'h1', taskState: 'TASK_RUNNING', record: node },
    ...{ intent: null, calls: 10, drain: 'serving', isUnsupervised: false },
    ...more,
  };
}

const draining = (taskId: string, calls: number): Member =>
  member(taskId, { calls, drain: 'draining', intent: intentFor(taskId) });

function check(members: readonly Member[], count: number, victims: readonly string[]): void {
  for (const order of [members, [...members].reverse()]) {
    const found = chooseVictims(order, count).victims.map(({ taskId }) => taskId);
    assert.deepEqual(found, victims);
  }
}

test('the fewest calls go first; equal ones by id', () =>
  check([member('c'), member('a'), member('b', { calls: 3 })], 2, ['b', 'a']));

test('who drains already goes before anybody who serves, the emptiest first', () =>
  check([member('a', { calls: 0 }), draining('b', 40), draining('c', 30)], 2, ['c', 'b']));

test('who is drained goes before who still drains', () =>
  check(
    [draining('a', 0), member('b', { drain: 'drained', calls: 5, intent: intentFor('b') })],
    1,
    ['b'],
  ));

test('nodes that are down, silent or starting go before those with calls', () => {
  const down = member('d', { record: record('d', { state: 'down' }), calls: null });
  const silent = member('s', { record: null, calls: null });
  const starting = member('t', { record: record('t', { state: 'starting' }), calls: null });
  check([member('a', { calls: 0 }), down, silent, starting], 3, ['d', 's', 't']);
});

test('calls that nobody knows count as many; without supervision comes last', () => {
  const lost = member('l', { record: null, calls: null, isUnsupervised: true });
  check([lost, member('a', { calls: null }), member('b', { calls: 99 })], 3, ['b', 'a', 'l']);
});

test('what is being killed is not counted again', () =>
  check([member('a', { taskState: 'TASK_KILLING' }), member('b')], 2, ['b']));
