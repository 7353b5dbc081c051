import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MarathonApp } from '../../../src/marathon/client/answers.js';
import type { InGoal, InStep } from '../../../src/marathon/scale/in-step.js';
import { deriveInStep } from '../../../src/marathon/scale/in-step.js';
import type { DrainPhase, Member } from '../../../src/marathon/scale/member.js';
import { record } from '../../topology/records.js';
import { taskId } from '../client/fake-marathon.js';

const APP = '/carna/dc1/media';
const [A, B, C] = [taskId('1'), taskId('2'), taskId('3')] as const;

function app(
  instances: number,
  ids: readonly string[],
  deploymentIds: readonly string[] = [],
): MarathonApp {
  return {
    ...{ id: APP, instances, version: null, tasksRunning: ids.length, tasksStaged: 0 },
    ...{ tasksUnhealthy: 0, deploymentIds },
    tasks: ids.map((id) => ({
      ...{ id, appId: APP, host: 'h1', state: 'TASK_RUNNING', ports: [] },
      ...{ startedAt: null, version: null },
    })),
  };
}

interface World {
  readonly app: MarathonApp | undefined;
  readonly phases?: Readonly<Record<string, DrainPhase>>;
  readonly goal?: Partial<InGoal>;
  readonly isFresh?: boolean;
  readonly unsupervised?: readonly string[];
}

/** The step towards two of three, A being the victim unless `goal` says otherwise. */
function stepOf({
  app: found,
  phases = {},
  goal,
  isFresh = true,
  unsupervised = [],
}: World): InStep {
  const members = (found?.tasks ?? []).map(({ id, state }): Member => ({
    ...{ taskId: id, nodeId: id, host: 'h1', taskState: state, record: record(id), intent: null },
    ...{ calls: 0, drain: phases[id] ?? 'serving', isUnsupervised: unsupervised.includes(id) },
  }));
  return deriveInStep(
    { appId: APP, target: 2, victims: [A], mayCancel: [], isForced: false, ...goal },
    { app: found, members, isRegistryFresh: isFresh },
  );
}

const DRAINED = { [A]: 'drained' } as const;

test('from intent to kill, one step after the other', () => {
  const three = app(3, [A, B, C]);
  assert.deepEqual(stepOf({ app: three }), { kind: 'drain', taskIds: [A] });
  assert.deepEqual(stepOf({ app: three, phases: { [A]: 'draining' } }), {
    kind: 'await-drain',
    taskIds: [A],
  });
  assert.deepEqual(stepOf({ app: three, phases: DRAINED }), { kind: 'kill', taskIds: [A] });
  assert.deepEqual(stepOf({ app: app(2, [B, C]) }), { kind: 'gone' });
});

test('while the registry is stale nobody counts as drained', () =>
  assert.deepEqual(stepOf({ app: app(3, [A, B, C]), phases: DRAINED, isFresh: false }), {
    kind: 'await-registry',
  }));

test('a lock is waited for; only a deployment that may be ended is', () => {
  const locked = app(3, [A, B, C], ['d-9']);
  assert.deepEqual(stepOf({ app: locked, phases: DRAINED }), {
    kind: 'await-lock',
    deploymentIds: ['d-9'],
  });
  assert.deepEqual(stepOf({ app: locked, phases: DRAINED, goal: { mayCancel: ['d-9'] } }), {
    kind: 'cancel',
    deploymentIds: ['d-9'],
  });
});

test('while more tasks run than are wanted nothing is killed: Marathon would choose a second one', () =>
  assert.deepEqual(stepOf({ app: app(3, [A, B, C, taskId('4')]), phases: DRAINED }), {
    kind: 'await-settled',
    running: 4,
    wanted: 3,
  }));

test('a later incarnation is never killed, whatever else is drained', () => {
  const relaunched = app(3, [taskId('1', 2), B, C]);
  const step = stepOf({ app: relaunched, phases: { [taskId('1', 2)]: 'drained' } });
  assert.equal(step.kind, 'stop');
});

for (const [what, found] of [
  ['raised', app(4, [A, B, C, taskId('4')])],
  ['lowered to the number asked for, by others than ours', app(2, [A, B])],
  ['lowered below it', app(1, [A])],
  ['as before, though the victim is gone', app(3, [B, C])],
] as const) {
  test(`instances that were ${what} stop it`, () =>
    assert.equal(stepOf({ app: found, phases: DRAINED }).kind, 'stop'));
}

test('the app is gone: stop', () => assert.equal(stepOf({ app: undefined }).kind, 'stop'));

test('somebody who killed one of two leaves the other to be killed', () => {
  const goal = { target: 2, victims: [A, B] };
  const step = stepOf({ app: app(3, [B, C, taskId('4')]), phases: { [B]: 'drained' }, goal });
  assert.deepEqual(step, { kind: 'kill', taskIds: [B] });
});

test('somebody who kills the same ones is waited for', () =>
  assert.deepEqual(stepOf({ app: app(2, [A, B, C], ['d-7']), phases: DRAINED }), {
    kind: 'await-lock',
    deploymentIds: ['d-7'],
  }));

test('named tasks go whatever number is left', () =>
  assert.deepEqual(stepOf({ app: app(9, [A, B, C]), phases: DRAINED, goal: { target: null } }), {
    kind: 'kill',
    taskIds: [A],
  }));

test('what nobody supervises is not killed, but with force', () => {
  const world = { app: app(3, [A, B, C]), phases: { [A]: 'draining' }, unsupervised: [A] } as const;
  assert.equal(stepOf(world).kind, 'await-drain');
  assert.equal(stepOf({ ...world, goal: { isForced: true } }).kind, 'kill');
});
