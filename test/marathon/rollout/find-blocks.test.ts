import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MarathonApp } from '../../../src/marathon/client/answers.js';
import type { BlockInput, Blocks } from '../../../src/marathon/rollout/find-blocks.js';
import { findBlocks } from '../../../src/marathon/rollout/find-blocks.js';
import type { NodeRecord } from '../../../src/topology/node.js';
import { DEFAULT_WIRING } from '../../../src/topology/wiring.js';
import { byId, DISP1, intent, node } from '../../cli/support.js';

const APP = '/prod/dc1/media';

/** A media app of which each task has the node that is given; null: none. */
function blocks(
  records: readonly (Partial<NodeRecord> | null)[],
  more: Partial<BlockInput> & { readonly healthy?: number; readonly instances?: number } = {},
): Blocks {
  const { healthy = records.length, instances = records.length, ...rest } = more;
  const tasks = records.map((_, k) => ({
    ...{ id: `t${k}`, appId: APP, host: 'h', state: 'TASK_RUNNING', ports: [] },
    ...{ startedAt: null, version: 'v1' },
  }));
  const app: MarathonApp = {
    ...{ id: APP, instances, version: 'v1', tasksRunning: tasks.length, tasksStaged: 0 },
    ...{ tasksUnhealthy: 0, tasksHealthy: healthy, deploymentIds: [], tasks },
  };
  const nodes = records.flatMap((record, k) =>
    record === null ? [] : [node('media', `t${k}`, `10.0.0.${k}`, record)],
  );
  return findBlocks({
    app,
    role: 'media',
    own: new Map(
      nodes.map((record) => [record.nodeId, { record, isListed: true, callsLeft: null }]),
    ),
    nodes: new Map([DISP1, ...nodes].map((record) => [record.nodeId, { record, czxid: 1n }])),
    intents: new Map(),
    wiring: DEFAULT_WIRING,
    calls: new Map(nodes.map(({ nodeId }) => [nodeId, 10])),
    limits: { floor: 1, headroomPercent: 25 },
    atOnce: 1,
    hasChecks: true,
    ...rest,
  });
}

test('a role in service may spare a node', () =>
  assert.deepEqual(blocks([{}, {}]), { blocks: [], broken: [], healthy: 2 }));

test('the last node, the floor and the room for the calls are refused with their numbers', () => {
  assert.match(blocks([{}]).blocks.join(), /no media nodes for new calls, at least 1 is asked for/);
  const limits = { floor: 3, headroomPercent: 25 };
  assert.match(blocks([{}, {}, {}], { limits }).blocks.join(), /2 media nodes .* at least 3/);
  const full = blocks([{ maxSessions: 20 }, { maxSessions: 20 }]);
  assert.match(full.blocks.join(), /for 20 calls, room for 16 with the 25 % headroom/);
});

test('as many as go at a time are taken out of the account together', () => {
  const limits = { floor: 2, headroomPercent: 25 };
  assert.deepEqual(blocks([{}, {}, {}], { limits, atOnce: 1 }).blocks, []);
  assert.match(blocks([{}, {}, {}], { limits, atOnce: 2 }).blocks.join(), /keep 1 media node/);
});

test('a node that is out of service for both is replaced first', () => {
  const found = blocks([{}, {}, { state: 'down', reason: 'no answer' }], { healthy: 2 });
  assert.deepEqual(found, { blocks: [], broken: ['t2: it is down: no answer'], healthy: 2 });
});

test('one that Marathon takes for good, or that is drained by an operator, blocks', () => {
  const unseen = blocks([{}, {}, { state: 'down', reason: 'no answer' }]);
  assert.deepEqual(unseen.blocks, ['t2: it is down: no answer']);
  assert.equal(unseen.healthy, 3);
  const drained = blocks([{}, {}, {}], { intents: byId([intent('t0')]) });
  assert.deepEqual(drained.blocks, ['t0: ann asked for drain']);
  const silent = blocks([{}, {}, null]);
  assert.deepEqual(silent.blocks, ['t2: it is not registered']);
  const without = blocks([{}, { state: 'down' }], { healthy: 1, hasChecks: false });
  assert.equal(without.blocks.length, 1);
});

test('a task that has no place blocks unless Marathon counts it as bad', () => {
  assert.deepEqual(blocks([{}, {}], { instances: 3, healthy: 3 }).blocks, ['2 of 3 tasks run']);
  const looping = blocks([{}, {}], { instances: 3, healthy: 2 });
  assert.deepEqual([looping.blocks, looping.broken], [[], ['2 of 3 tasks run']]);
});

test('of what is no SIP node only the tasks are asked', () => {
  assert.deepEqual(blocks([null], { role: null }).blocks, []);
  assert.deepEqual(blocks([null], { role: null, instances: 2, healthy: 2 }).blocks, [
    '1 of 2 tasks run',
  ]);
});
