import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { Seen } from './fake-marathon.js';
import { app, client, json, misfits, never, STARTED, taskId, withFake } from './fake-marathon.js';

const MEDIA = '/carna/dc1/media';
const [T1, T2, T3] = [taskId('1'), taskId('2'), taskId('3')];

interface World {
  /** GET of the app before the kill, and after it. */
  readonly before: unknown;
  readonly after: unknown;
  readonly kill?: (response: ServerResponse) => void;
}

async function kill(
  world: World,
  ids: readonly string[],
): Promise<{ result: unknown; posts: Seen[] }> {
  let isKilled = false;
  let result: unknown;
  let posts: Seen[] = [];
  await withFake(
    (seen, response) => {
      if (seen.method === 'GET') {
        const now = isKilled ? world.after : world.before;
        if (now === undefined) json(response, 404, { message: 'no such app' });
        else json(response, 200, { app: now });
      } else {
        isKilled = true;
        (world.kill ?? ((r) => json(r, 200, STARTED)))(response);
      }
    },
    async ({ url, seen }) => {
      result = await client([url]).killAndScale(MEDIA, ids, never);
      posts = seen.filter((one) => one.method !== 'GET');
    },
  );
  return { result, posts };
}

test('exactly the named tasks are killed, in one call that is not forced', async () => {
  const world = { before: app(3, [T1, T2, T3]), after: app(1, [T1, T2, T3], ['d-1']) };
  const { result, posts } = await kill(world, [T1, T3]);
  assert.deepEqual(result, { kind: 'started', ...STARTED });
  assert.deepEqual(
    posts.map(({ method, url, body }) => [method, url, JSON.parse(body) as unknown]),
    [['POST', '/v2/tasks/delete?scale=true', { ids: [T1, T3] }]],
  );
  assert.deepEqual(misfits('tasks-delete.request', JSON.parse(posts[0]?.body ?? '')), []);
});

test('a task that was relaunched under its uuid is not killed', async () => {
  const now = taskId('1', 2);
  const { result, posts } = await kill({ before: app(2, [now, T2]), after: undefined }, [T1, T2]);
  assert.deepEqual(result, { kind: 'stale', missing: [], relaunched: [{ id: T1, now }] });
  assert.equal(posts.length, 0);
});

test('an unknown task or app ends the kill before it is sent', async () => {
  const task = await kill({ before: app(2, [T1, T2]), after: undefined }, [T2, T3]);
  assert.deepEqual(task.result, { kind: 'stale', missing: [T3], relaunched: [] });
  const gone = await kill({ before: undefined, after: undefined }, [T2]);
  assert.deepEqual(gone.result, { kind: 'stale', missing: [T2], relaunched: [] });
  assert.equal(task.posts.length + gone.posts.length, 0);
});

test('a lock seen before is reported without sending anything', async () => {
  const { result, posts } = await kill({ before: app(2, [T1], ['d-9']), after: undefined }, [T1]);
  assert.deepEqual(result, {
    kind: 'locked',
    deploymentIds: ['d-9'],
    message: `${MEDIA} has a deployment under way`,
  });
  assert.equal(posts.length, 0);
});

test('a lock met by the kill itself names its deployments', async () => {
  const refuse = (r: ServerResponse): void =>
    json(r, 409, { message: 'locked', deployments: [{ id: 'd-9' }] });
  const { result } = await kill({ before: app(2, [T1]), after: app(2, [T1]), kill: refuse }, [T1]);
  assert.deepEqual(result, { kind: 'locked', deploymentIds: ['d-9'], message: 'locked' });
});

test('a 200 that did nothing is noticed', async () => {
  const { result } = await kill({ before: app(2, [T1, T2]), after: app(2, [T1, T2]) }, [T1]);
  assert.deepEqual(result, { kind: 'nothing-done', ...STARTED });
});

test('a kill that did less than asked, or cannot be checked, is not taken for success', async () => {
  const less = await kill({ before: app(3, [T1, T2]), after: app(2, [T1], ['d-1']) }, [T1, T2]);
  assert.deepEqual(less.result, {
    kind: 'unverified',
    why: 'instances went from 3 to 2, expected 1',
    ...STARTED,
  });
  const gone = await kill({ before: app(3, [T1]), after: undefined }, [T1]);
  assert.deepEqual(gone.result, { kind: 'unverified', why: 'the app is gone', ...STARTED });
  const broken = await kill({ before: app(3, [T1]), after: 'nonsense' }, [T1]);
  assert.equal((broken.result as { kind: string }).kind, 'unverified');
});

test('an answer as for a kill without scaling is not taken for success', async () => {
  const tasks = (r: ServerResponse): void => json(r, 200, { tasks: [] });
  await assert.rejects(kill({ before: app(2, [T1]), after: app(2, [T1]), kill: tasks }, [T1]), {
    code: 'CARNA_MARATHON_AMBIGUOUS',
  });
});

test('no task, a doubled task and an empty id are refused', async () => {
  for (const ids of [[], [T1, T1], ['']]) {
    await assert.rejects(kill({ before: app(2, [T1]), after: undefined }, ids), {
      code: 'CARNA_INVALID_INPUT',
    });
  }
});
