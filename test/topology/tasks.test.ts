import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeRecord } from '../../src/topology/node.js';
import { findTaskProblems } from '../../src/topology/task-problems.js';
import { relaunchOf } from '../../src/topology/task-id.js';
import type { AppFact, TaskFact, TasksInput, TasksView } from '../../src/topology/tasks.js';
import { joinTasks, NODE_DUE_MS, STAGING_LIMIT_MS } from '../../src/topology/tasks.js';
import { liveNodes, NOW_MS, record } from './records.js';

const GROUP = '/carna/dc1';
const MEDIA = '/carna/dc1/media';

const id = (name: string, run = 1): string =>
  `carna_dc1_media.instance-00000000-0000-0000-0000-00000000000${name}._app.${run}`;

const task = (taskId: string, part: Partial<TaskFact> = {}): TaskFact => ({
  taskId,
  host: 'h1',
  state: 'TASK_RUNNING',
  sinceMs: NOW_MS - 3_600_000,
  version: 'v1',
  ...part,
});

const app = (tasks: readonly TaskFact[], part: Partial<AppFact> = {}): AppFact => ({
  appId: MEDIA,
  name: 'media',
  wanted: tasks.length,
  running: tasks.length,
  staged: 0,
  unhealthy: 0,
  version: 'v1',
  configVersion: 'v1',
  deploymentIds: [],
  tasks,
  ...part,
});

const node = (taskId: string, appId = MEDIA): NodeRecord =>
  record(taskId, { marathon: { taskId, appId, appVersion: 'v1' } });

function join(
  records: readonly NodeRecord[],
  apps: readonly AppFact[],
  part: Partial<TasksInput> = {},
): TasksView {
  const input = { group: GROUP, apps, deployments: [], waiting: [], ...part };
  return joinTasks(new Map([...liveNodes(...records)].map(withCzxid)), input, NOW_MS);
}

const withCzxid = ([nodeId, live]: [string, { record: NodeRecord }], i: number) =>
  [nodeId, { ...live, czxid: BigInt(i + 1) }] as const;

const kinds = (view: TasksView): string[] =>
  findTaskProblems(view, NOW_MS).map(({ kind, what }) => `${kind} ${what}`);

test('each task with its node: nothing is wrong, the counts are told', () => {
  const view = join([node(id('1')), node(id('2'))], [app([task(id('1')), task(id('2'))])]);
  assert.deepEqual([view.tasksWithoutNode, view.nodesWithoutTask, view.outside], [[], [], []]);
  assert.deepEqual(
    view.apps.map(({ name, running, wanted }) => [name, running, wanted]),
    [['media', 2, 2]],
  );
  assert.deepEqual(findTaskProblems(view, NOW_MS), []);
});

test('a task that runs without a node is told at once, and a problem when it is due', () => {
  const since = (ageMs: number) => ({ sinceMs: NOW_MS - ageMs });
  const young = join([], [app([task(id('1'), since(NODE_DUE_MS - 1))])]);
  assert.deepEqual(
    young.tasksWithoutNode.map(({ taskId, isLate }) => [taskId, isLate]),
    [[id('1'), false]],
  );
  assert.deepEqual(kinds(young), []);
  const late = join([], [app([task(id('1'), { ...since(40_000), host: '10.0.3.9' })])]);
  assert.deepEqual(
    findTaskProblems(late, NOW_MS).map(({ text }) => text),
    [`media: a task runs on 10.0.3.9 for 40 s but no node is published (${id('1')})`],
  );
});

for (const [state, ageMs, isLate] of [
  ['TASK_STAGING', STAGING_LIMIT_MS - 1, false],
  ['TASK_STAGING', STAGING_LIMIT_MS, true],
  ['TASK_KILLING', 86_400_000, false],
  ['TASK_UNREACHABLE', 1_000, true],
  ['TASK_UNKNOWN', 1_000, true],
] as const) {
  test(`${state} for ${ageMs} ms without a node is ${isLate ? '' : 'no '}trouble`, () => {
    const view = join([], [app([task(id('1'), { state, sinceMs: NOW_MS - ageMs })])]);
    assert.equal(view.tasksWithoutNode.length, 1);
    assert.deepEqual(kinds(view), isLate ? [`task-without-node ${id('1')}`] : []);
  });
}

test('a task that ended is nobody’s: no node is missed, and its own node has no task', () => {
  const view = join([node(id('1'))], [app([task(id('1'), { state: 'TASK_FAILED' })])]);
  assert.deepEqual(view.tasksWithoutNode, []);
  assert.deepEqual(kinds(view), [`node-without-task ${id('1')}`]);
});

test('a node whose task is not listed is a problem', () => {
  const view = join([node(id('1')), node(id('2'))], [app([task(id('1'))])]);
  assert.deepEqual(view.nodesWithoutTask, [
    { nodeId: id('2'), taskId: id('2'), appId: MEDIA, relaunchedAs: null },
  ]);
  assert.deepEqual(kinds(view), [`node-without-task ${id('2')}`]);
});

test('a task launched again under its instance is another node', () => {
  const view = join([node(id('1', 1))], [app([task(id('1', 2))])]);
  assert.deepEqual(
    view.nodesWithoutTask.map(({ nodeId, relaunchedAs }) => [nodeId, relaunchedAs]),
    [[id('1', 1), id('1', 2)]],
  );
  assert.deepEqual(
    view.tasksWithoutNode.map(({ taskId }) => taskId),
    [id('1', 2)],
  );
  assert.match(findTaskProblems(view, NOW_MS)[0]?.text ?? '', /another node/);
});

test('only a later life of the same instance is one', () => {
  assert.equal(relaunchOf(id('1', 1), [id('1', 1), id('2', 2)]), undefined);
  assert.equal(relaunchOf('by-hand', ['by-hand']), undefined);
  assert.equal(relaunchOf(id('1', 1), [id('2', 1), id('1', 3)]), id('1', 3));
});

test('nodes outside our apps are told, and are no problem', () => {
  const view = join(
    [record('lab-1'), node('x', '/other/media'), node('pod', '/carna/dc1/registrar')],
    [app([])],
  );
  assert.deepEqual(
    view.outside.map(({ nodeId, why }) => [nodeId, why]),
    [
      ['lab-1', 'no-task'],
      ['x', 'other-app'],
      ['pod', 'unknown-app'],
    ],
  );
  assert.deepEqual(kinds(view), []);
});

test('a reconciler publishes no node', () => {
  const reconciler = app([task('rec-1')], { appId: `${GROUP}/reconciler`, name: 'reconciler' });
  const view = join([], [reconciler, app([])]);
  assert.deepEqual(view.tasksWithoutNode, []);
  assert.deepEqual(
    view.apps.map(({ name }) => name),
    ['media', 'reconciler'],
  );
});

test('deployments and waits of other groups are left out', () => {
  const mine = { id: 'd-1', appIds: ['/x', MEDIA], step: 1, steps: 3 };
  const other = { id: 'd-2', appIds: ['/carna/dc10/media'], step: 1, steps: 1 };
  const waits = { missing: 1, delayMs: 0, rejects: [] };
  const view = join([], [app([])], {
    deployments: [mine, other],
    waiting: [
      { appId: MEDIA, ...waits },
      { appId: '/carna/dc10/media', ...waits },
    ],
  });
  assert.deepEqual(view.deployments, [mine]);
  assert.deepEqual(
    view.waiting.map(({ appId }) => appId),
    [MEDIA],
  );
});

test('waiting is a problem with its reasons, the most frequent first; not before there is one', () => {
  const reject = (reason: string, declined: number) => ({ reason, declined, processed: 7 });
  const waiting = (delayMs: number, ...rejects: ReturnType<typeof reject>[]) =>
    findTaskProblems(
      join([], [app([task(id('1'))])], {
        waiting: [{ appId: MEDIA, missing: 2, delayMs, rejects }],
      }),
      NOW_MS,
    )
      .filter(({ kind }) => kind === 'waiting')
      .map(({ text, next }) => `${text} → ${next}`);
  assert.deepEqual(waiting(0), []);
  assert.deepEqual(waiting(0, reject('InsufficientCpus', 2), reject('UnfulfilledConstraint', 5)), [
    'media: 2 instances wait for a host: UnfulfilledConstraint (5 of 7 offers), ' +
      'InsufficientCpus (2 of 7 offers) → give it a host that fits, or take the wish back: carna scale media 1',
  ]);
  assert.match(waiting(300_000)[0] ?? '', /it failed, next try in 5 min → .*stderr/);
});
