import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findOnHost } from '../../src/topology/host-nodes.js';
import type { NodeRecord } from '../../src/topology/node.js';
import type { AppName, TasksInput } from '../../src/topology/tasks.js';
import { record } from './records.js';

const at = (nodeId: string, host: string, taskId: string | null = null): NodeRecord =>
  record(nodeId, {
    sip: [{ transport: 'udp', host, port: 5060 }],
    marathon: taskId === null ? null : { taskId, appId: '/carna/dc1/media', appVersion: 'v1' },
  });

const NODES = [at('a', '10.0.0.1', 't-a'), at('b', '10.9.9.9', 't-b'), at('c', '[2001:db8::1]')];

/** Tasks of an app as [task, host, state]. */
const tasksOf = (
  name: AppName,
  ...tasks: readonly (readonly [string, string, string?])[]
): TasksInput['apps'][number] => ({
  ...{ appId: `/carna/dc1/${name}`, name, wanted: 1, running: 1, staged: 0, unhealthy: 0 },
  ...{ version: null, configVersion: null, deploymentIds: [] },
  tasks: tasks.map(([taskId, host, state = 'TASK_RUNNING']) => {
    return { taskId, host, state, sinceMs: null, version: null };
  }),
});

function check(
  host: string,
  apps: readonly TasksInput['apps'][number][] | null,
  nodes: readonly string[],
  others: readonly string[] = [],
): void {
  const input = new Map(NODES.map((one, i) => [one.nodeId, { record: one, czxid: BigInt(i) }]));
  const told = apps === null ? null : { group: '/carna/dc1', apps, deployments: [], waiting: [] };
  const found = findOnHost(input, told, host);
  assert.deepEqual(
    [found.nodes.map(({ nodeId }) => nodeId), found.others.map(({ taskId }) => taskId)],
    [nodes, others],
  );
}

test('by its SIP address', () => check('10.0.0.1', null, ['a']));
test('nobody is there', () => check('10.0.0.2', null, []));
test('an IPv6 address with brackets or without, in any case', () => {
  check('2001:DB8::1', null, ['c']);
  check('[2001:db8::1]', null, ['c']);
});
test('by the host of its task', () =>
  check('H1', [tasksOf('media', ['t-a', 'h1'], ['t-b', 'h2'])], ['a']));
test('who shares the host of a node found by its address belongs to it', () =>
  check('10.0.0.1', [tasksOf('media', ['t-a', 'h1'], ['t-b', 'h1'])], ['a', 'b']));
test('a task that ended says nothing of its host', () =>
  check('h1', [tasksOf('media', ['t-a', 'h1', 'TASK_KILLED'])], []));
test('tasks without a node are told: reconcilers, and what has only begun', () =>
  check(
    'h1',
    [tasksOf('reconciler', ['rec', 'h1'], ['rec-2', 'h2']), tasksOf('media', ['t-a', 'h1'])],
    ['a'],
    ['rec'],
  ));
