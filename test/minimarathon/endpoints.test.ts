import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Handler } from './router.js';
import { Router } from './router.js';
import { readEndpoints } from './schemas.js';
import type { Json } from './support.js';
import { sleeper, withRig } from './support.js';

const POD: Json = {
  id: '/pod',
  networks: [{ mode: 'host' }],
  containers: [
    { name: 'one', resources: { cpus: 0.1, mem: 32 }, exec: { command: { shell: 'sleep 9' } } },
  ],
};

/** A sensible body for each path that takes one. */
const bodies: Readonly<Record<string, unknown>> = {
  'POST /v2/apps': sleeper('/new'),
  'PUT /v2/apps': [{ id: '/app', instances: 1 }],
  'PUT /v2/apps/{id}': { instances: 2 },
  'PATCH /v2/apps/{id}': { cmd: 'sleep 2000' },
  'POST /v2/tasks/delete': { ids: [] },
  'PUT /v2/groups/{id}': { scaleBy: 1 },
  'POST /v2/pods': { ...POD, id: '/other' },
  'PUT /v2/pods/{id}': POD,
  'DELETE /v2/pods/{id}::instances': [],
};

for (const { method, path, responses } of readEndpoints()) {
  if (path === '/v2/events') continue;
  test(`${method} ${path} answers as its schema says, also for what is not there`, () =>
    withRig(async (rig) => {
      await rig.settle('POST', '/v2/apps', sleeper('/app'), 201);
      await rig.settle('POST', '/v2/pods', POD, 201);
      await rig.settle('PUT', '/v2/groups/group', { apps: [sleeper('in')] });
      const [task = ''] = await rig.taskIds('/app');
      const { version } = await rig.app('/app');
      const status = (await rig.send('GET', '/v2/pods/pod::status')).body;
      const [instance] = status.instances as Json[];
      if (path.startsWith('/v2/queue/')) {
        rig.marathon.faults.refuseOffers('InsufficientCpus');
        await rig.change('PUT', '/v2/apps/app', { instances: 3 });
      }
      const isDeployment = path.startsWith('/v2/deployments');
      const lock = isDeployment ? rig.marathon.faults.lockApp('/app') : '';
      const id = path.includes('/pods') ? 'pod' : path.includes('/groups') ? 'group' : 'app';
      const real = path
        .replace('{id}', isDeployment ? lock : id)
        .replace('{task}', task)
        .replace('{version}', version as string)
        .replace('{instance}', instance?.id as string);
      const body = bodies[`${method} ${path}`];
      const { status: good } = await rig.send(method, real, body);
      assert.ok(good < 400 && String(good) in responses, `${good}`);
      if (!path.includes('{id}')) return;
      const none = path.replace('{id}', 'none').replace(/\{\w+\}/, 'none');
      const { status: bad } = await rig.send(method, none, body);
      const expected = method === 'PUT' && id !== 'pod' && id !== 'group' ? 422 : 404;
      assert.equal(bad, expected);
    }));
}

test('what no path is named for is 404, another method 405', () =>
  withRig(async (rig) => {
    assert.equal((await rig.send('GET', '/v2/nothing')).status, 404);
    assert.equal((await rig.send('POST', '/v2/info', {})).status, 405);
    assert.equal((await rig.send('GET', '/ping')).body.text, 'pong');
  }));

test('an answer that does not fit its schema is a 500, and a problem that is kept', async () => {
  const problems: string[] = [];
  const handlers = new Proxy<Record<string, Handler>>(
    {},
    { get: () => () => ({ status: 200, body: { leader: 7 } }) },
  );
  const router = new Router(handlers, (message) => problems.push(message));
  const url = new URL('http://localhost/v2/leader');
  const { status } = await router.answer('GET', url, '', '127.0.0.1');
  assert.equal(status, 500);
  assert.deepEqual(problems, ['GET /v2/leader 200: /leader must be string']);
});

test('a status that the API does not have is one too', async () => {
  const problems: string[] = [];
  const handlers = new Proxy<Record<string, Handler>>({}, { get: () => () => ({ status: 299 }) });
  const router = new Router(handlers, (message) => problems.push(message));
  await router.answer('GET', new URL('http://localhost/v2/leader'), '', '127.0.0.1');
  assert.deepEqual(problems, ['GET /v2/leader 299: a status that is none']);
});
