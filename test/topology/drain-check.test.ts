import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DrainCheck, DrainCheckInput } from '../../src/topology/drain-check.js';
import { checkDrain, checkJointDrain, describeRest } from '../../src/topology/drain-check.js';
import type { NodeRecord } from '../../src/topology/node.js';
import { DEFAULT_WIRING } from '../../src/topology/wiring.js';
import { intentFor, record } from './records.js';

const DISPATCHER = record('dispatcher-1', { role: 'dispatcher', kind: 'kamailio' });

/** So many media nodes that each admit `maxSessions` calls, with a dispatcher that lists them. */
function fleet(count: number, maxSessions = 100): NodeRecord[] {
  const media = Array.from({ length: count }, (_, i) => record(`media-${i + 1}`, { maxSessions }));
  return [...media, DISPATCHER];
}

function drain(
  records: readonly NodeRecord[],
  calls: Readonly<Record<string, number>>,
  more: Partial<DrainCheckInput> = {},
): DrainCheck {
  return checkDrain({
    nodes: new Map(records.map((r) => [r.nodeId, { record: r, czxid: 1n }])),
    intents: new Map(),
    wiring: DEFAULT_WIRING,
    calls: new Map(Object.entries(calls)),
    nodeId: 'media-1',
    limits: { floor: 1, headroomPercent: 25 },
    ...more,
  });
}

function refusal(check: DrainCheck): string {
  return check.kind === 'refused' ? check.lines.join('\n') : 'allowed';
}

const CALLS = { 'media-1': 100, 'media-2': 80, 'media-3': 80, 'media-4': 70, 'media-5': 68 };

test('too little room is refused with nodes, calls and what there is room for', () => {
  assert.equal(
    refusal(drain(fleet(5), CALLS)),
    'set 30 would keep 4 media nodes for 398 calls, room for 320 with the 25 % headroom asked for.',
  );
});

test('the calls of the node to drain count: they come back as new ones', () => {
  assert.equal(refusal(drain(fleet(2), { 'media-1': 80, 'media-2': 0 })), 'allowed');
  assert.match(refusal(drain(fleet(2), { 'media-1': 81, 'media-2': 0 })), /1 media node for 81/);
});

test('calls on a node that drains already count as well, its room does not', () => {
  const records = fleet(3);
  const intents = new Map([['media-3', intentFor('media-3')]]);
  const check = drain(records, { 'media-1': 1, 'media-2': 1, 'media-3': 79 }, { intents });
  assert.match(refusal(check), /1 media node for 81 calls, room for 80/);
  assert.equal(check.numbers.remaining, 1);
});

test('headroom is asked for, not fixed', () => {
  const limits = { floor: 1, headroomPercent: 0 };
  assert.equal(refusal(drain(fleet(5), CALLS, { limits })), 'allowed');
});

test('fewer nodes than the floor are refused', () => {
  const zeros = { 'media-1': 0, 'media-2': 0, 'media-3': 0 };
  const limits = { floor: 3, headroomPercent: 25 };
  assert.equal(
    refusal(drain(fleet(3), zeros, { limits })),
    'set 30 would keep 2 media nodes for new calls, at least 3 are asked for.',
  );
  assert.equal(
    refusal(drain(fleet(1), zeros)),
    'set 30 would keep no media nodes for new calls, at least 1 is asked for.',
  );
});

for (const state of ['down', 'starting', 'draining'] as const) {
  test(`a node that is ${state} does not count for the floor`, () => {
    const [one, two, dispatcher] = fleet(2);
    assert.ok(one && two && dispatcher);
    assert.match(refusal(drain([one, { ...two, state }, dispatcher], {})), /no media nodes/);
  });

  test(`a node that is ${state} may be drained: it takes no new call anyway`, () => {
    const [one, dispatcher] = fleet(1);
    assert.ok(one && dispatcher);
    assert.equal(refusal(drain([{ ...one, state }, dispatcher], {})), 'allowed');
  });
}

test('a node that was asked to drain before is not refused', () => {
  const intents = new Map([['media-1', intentFor('media-1')]]);
  assert.equal(refusal(drain(fleet(1), {}, { intents })), 'allowed');
});

test('floor 0 lets the last node go, whatever it carries', () => {
  const limits = { floor: 0, headroomPercent: 25 };
  const check = drain(fleet(1), { 'media-1': 61 }, { limits });
  assert.deepEqual([check.kind, check.numbers.room, check.numbers.calls], ['allowed', null, 61]);
});

test('room is not compared when one remaining node does not say what it admits', () => {
  const [one, two, three, dispatcher] = fleet(3);
  assert.ok(one && two && three && dispatcher);
  const check = drain([one, two, { ...three, maxSessions: 0 }, dispatcher], CALLS);
  assert.equal(check.kind, 'allowed');
  assert.deepEqual(check.notes, [
    'room was not compared: not every media node says how many calls it admits',
  ]);
});

test('nodes whose calls are unknown are told, those that are down are not asked for theirs', () => {
  const [one, two, three, dispatcher] = fleet(3);
  assert.ok(one && two && three && dispatcher);
  const check = drain([one, two, { ...three, state: 'down' }, dispatcher], { 'media-2': 5 });
  assert.deepEqual(check.notes, ['calls of 1 node are unknown']);
  assert.deepEqual([check.numbers.calls, check.numbers.nodesUnread], [5, 1]);
});

test('a role that nobody lists has a floor by its number of nodes', () => {
  const lb = record('lb-1', { role: 'load-balancer', kind: 'kamailio' });
  const check = drain([lb, DISPATCHER], {}, { nodeId: 'lb-1' });
  assert.equal(
    refusal(check),
    'no load-balancers would stay for new calls, at least 1 is asked for.',
  );
  assert.deepEqual(check.numbers.setids, []);
});

test('an allowed drain tells what stays', () => {
  const { numbers } = drain(fleet(3, 1_000), CALLS);
  assert.equal(
    describeRest(numbers),
    'set 30 keeps 2 media nodes for 260 calls, room for 1,600 with 25 % headroom.',
  );
});

test('a node that is not there is a bug of the caller', () =>
  assert.throws(() => drain(fleet(1), {}, { nodeId: 'media-9' }), RangeError));

function drainAll(count: number, nodeIds: readonly string[], floor: number): string {
  return refusal(
    checkJointDrain({
      nodes: new Map(fleet(count).map((r) => [r.nodeId, { record: r, czxid: 1n }])),
      intents: new Map(),
      wiring: DEFAULT_WIRING,
      calls: new Map([['media-1', 150]]),
      nodeIds,
      limits: { floor, headroomPercent: 25 },
    }),
  );
}

test('nodes that could go alone may not go together', () => {
  assert.equal(drainAll(3, ['media-1'], 1), 'allowed');
  assert.equal(drainAll(3, ['media-2'], 1), 'allowed');
  assert.match(drainAll(3, ['media-1', 'media-2'], 1), /1 media node for 150 calls, room for 80/);
  assert.match(drainAll(4, ['media-1', 'media-2'], 3), /would keep 2 media nodes .* at least 3/);
});

test('nodes of several roles, or none, are no set to check', () => {
  assert.throws(() => drainAll(2, ['media-1', 'dispatcher-1'], 1), RangeError);
  assert.throws(() => drainAll(2, [], 1), RangeError);
});
