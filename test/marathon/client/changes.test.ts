import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, json, misfits, never, STARTED, withFake } from './fake-marathon.js';
import { once } from './one-answer.js';

const MEDIA = '/carna/dc1/media';
const GROUP = {
  id: '/carna',
  apps: [{ id: '/carna/media', cmd: 'carna agent', cpus: 1, mem: 128, instances: 2 }],
};
const LOCK = {
  message: 'App is locked by one or more deployments.',
  deployments: [{ id: 'd-7' }, { id: 'd-8' }],
};

test('scaling sends the instances and nothing else', async () => {
  const asked = await once('deployment-result.response', 200, STARTED, (m) =>
    m.scaleApp(MEDIA, 4, never),
  );
  assert.equal(`${asked.method} ${asked.url}`, 'PUT /v2/apps/carna/dc1/media');
  assert.deepEqual(misfits('scale.request', asked.sent), []);
  assert.deepEqual(asked.sent, { instances: 4 });
  assert.deepEqual(asked.result, { kind: 'started', ...STARTED });
});

test('scaling that created an app instead is not taken for success', async () => {
  await assert.rejects(
    once(undefined, 201, STARTED, (m) => m.scaleApp(MEDIA, 4, never)),
    { code: 'CARNA_MARATHON_AMBIGUOUS' },
  );
});

test('a lock is a result that names the deployments', async () => {
  const { result } = await once('error.response', 409, LOCK, (m) => m.scaleApp(MEDIA, 4, never));
  assert.deepEqual(result, {
    kind: 'locked',
    deploymentIds: ['d-7', 'd-8'],
    message: LOCK.message,
  });
});

test('an invalid definition is refused with the places of its faults', async () => {
  const body = {
    message: 'Object is not valid',
    details: [{ path: '/apps(0)/id', errors: ['must be lower case'] }],
  };
  await assert.rejects(
    once('error.response', 422, body, (m) => m.putGroup('/carna', GROUP, never)),
    { code: 'CARNA_MARATHON_REFUSED', message: /422.*\/apps\(0\)\/id: must be lower case/ },
  );
});

test('a group is planned by a dry run and put by the same definition', async () => {
  const action = { action: 'ScaleApplication', app: MEDIA };
  const steps = { steps: [{ actions: [action] }] };
  const planned = await once(undefined, 200, steps, (m) => m.planGroup('/carna', GROUP, never));
  assert.equal(planned.url, '/v2/groups/carna?dryRun=true');
  assert.deepEqual(planned.result, { kind: 'steps', steps: [[{ ...action, pod: null }]] });
  const put = await once(undefined, 200, STARTED, (m) => m.putGroup('/carna', GROUP, never));
  assert.equal(`${put.method} ${put.url}`, 'PUT /v2/groups/carna');
  for (const { sent } of [planned, put]) {
    assert.deepEqual(misfits('group', sent), []);
    assert.deepEqual(misfits('group.strict', sent), []);
    assert.deepEqual(sent, GROUP);
  }
});

test('a dry run that was carried out is not taken for a plan', async () => {
  await assert.rejects(
    once(undefined, 200, STARTED, (m) => m.planGroup('/carna', GROUP, never)),
    { code: 'CARNA_MARATHON_AMBIGUOUS' },
  );
});

test('ending a deployment tells taking back from stopping and from being over', async () => {
  const back = await once(undefined, 200, STARTED, (m) => m.cancelDeployment('d-1', false, never));
  assert.equal(`${back.method} ${back.url}`, 'DELETE /v2/deployments/d-1');
  assert.deepEqual(back.result, { kind: 'rolling-back', ...STARTED });
  const stop = await once(undefined, 202, undefined, (m) => m.cancelDeployment('d-1', true, never));
  assert.equal(stop.url, '/v2/deployments/d-1?force=true');
  assert.deepEqual(stop.result, { kind: 'stopped' });
  const over = await once(undefined, 404, { message: 'unknown' }, (m) =>
    m.cancelDeployment('d-1', false, never),
  );
  assert.deepEqual(over.result, { kind: 'unknown' });
});

test('an id that would address something else is refused before anything is sent', () =>
  withFake(
    (_, response) => json(response, 200, {}),
    async ({ url, seen }) => {
      const marathon = client([url]);
      for (const id of ['', '/', '/a/../b', '/a?force=true', '/a::status', '/A', '/a//b']) {
        await assert.rejects(marathon.scaleApp(id, 1, never), { code: 'CARNA_INVALID_INPUT' });
      }
      for (const n of [-1, 1.5, NaN]) {
        await assert.rejects(marathon.scaleApp('/a', n, never), { code: 'CARNA_INVALID_INPUT' });
      }
      await assert.rejects(marathon.cancelDeployment('../apps/a', false, never), {
        code: 'CARNA_INVALID_INPUT',
      });
      assert.equal(seen.length, 0);
    },
  ));

test('a conflict that is no lock is refused, not waited for', async () => {
  const body = { message: 'An app with id [/carna] already exists.' };
  await assert.rejects(
    once('error.response', 409, body, (m) => m.putGroup('/carna', GROUP, never)),
    { code: 'CARNA_MARATHON_REFUSED', message: /409: An app with id/ },
  );
});

test('a whole definition is put as such, with its instances, and never forced', async () => {
  const definition = { id: MEDIA, cmd: 'carna agent', cpus: 1, mem: 128, instances: 2 };
  for (const status of [200, 201]) {
    const put = await once(undefined, status, STARTED, (m) => m.putApp(MEDIA, definition, never));
    assert.deepEqual(
      [put.method, put.url, put.sent],
      ['PUT', '/v2/apps/carna/dc1/media?partialUpdate=false', definition],
    );
    assert.deepEqual(put.result, { kind: 'started', ...STARTED });
    assert.deepEqual(misfits('app.strict', put.sent), []);
  }
});

test('a definition without its instances is not put: Marathon would make it one', async () => {
  await withFake(
    (_, response) => json(response, 200, STARTED),
    async ({ url, seen }) => {
      const put = client([url]).putApp(MEDIA, { id: MEDIA, cmd: 'carna agent' }, never);
      await assert.rejects(put, /expected its number of instances/);
      assert.equal(seen.length, 0);
    },
  );
});

test('an update and a restart begin a deployment, or name the lock', async () => {
  const update = { upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 } };
  const updated = await once(undefined, 200, STARTED, (m) => m.updateApp(MEDIA, update, never));
  assert.deepEqual(
    [updated.method, updated.url, updated.sent],
    ['PUT', '/v2/apps/carna/dc1/media', update],
  );
  const restarted = await once(undefined, 200, STARTED, (m) => m.restartApp(MEDIA, never));
  assert.deepEqual(
    [restarted.method, restarted.url, restarted.sent],
    ['POST', '/v2/apps/carna/dc1/media/restart', undefined],
  );
  const { result } = await once('error.response', 409, LOCK, (m) => m.restartApp(MEDIA, never));
  assert.equal(result.kind, 'locked');
});
