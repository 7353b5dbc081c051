import assert from 'node:assert/strict';
import { test } from 'node:test';
import { app, client, json, never, STARTED, taskId, withFake } from './fake-marathon.js';

const MEDIA = '/carna/dc1/media';
const TASKS = [taskId('1'), taskId('2'), taskId('3')];
const LOCKED = {
  kind: 'locked',
  deploymentIds: ['d-9'],
  message: `${MEDIA} has a deployment under way`,
};

for (const [what, before, sent, result] of [
  ['fewer instances are raised', app(3, TASKS), ['{"instances":5}'], 'started'],
  ['as many are left as they are', app(5, TASKS), [], { kind: 'stale' }],
  ['more are not lowered', app(8, TASKS), [], { kind: 'stale' }],
  ['an app that is gone is not made again', undefined, [], { kind: 'stale' }],
  ['a lock is a result, not tried', app(3, TASKS, ['d-9']), [], LOCKED],
] as const) {
  test(`to raise: ${what}`, () =>
    withFake(
      (seen, response) => {
        if (seen.method !== 'GET') json(response, 200, STARTED);
        else if (before === undefined) json(response, 404, { message: 'no such app' });
        else json(response, 200, { app: before });
      },
      async ({ url, seen }) => {
        const raised = await client([url]).raiseApp(MEDIA, 5, never);
        assert.deepEqual(raised, result === 'started' ? { kind: result, ...STARTED } : result);
        const puts = seen.filter(({ method }) => method !== 'GET');
        assert.deepEqual(
          puts.map(({ body }) => body),
          sent,
        );
      },
    ));
}
