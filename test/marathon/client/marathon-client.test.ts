import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MarathonClient } from '../../../src/marathon/client/marathon-client.js';
import {
  app,
  client,
  json,
  misfits,
  never,
  STARTED,
  task,
  taskId,
  withFake,
} from './fake-marathon.js';

const MEDIA = '/carna/dc1/media';
const GROUP = {
  id: '/carna',
  apps: [{ id: '/carna/media', cmd: 'carna agent', cpus: 1, mem: 128, instances: 2 }],
};
const LOCK = {
  message: 'App is locked by one or more deployments.',
  deployments: [{ id: 'd-7' }, { id: 'd-8' }],
};

/** The answer to one request, after it was checked against the API's schema of that name. */
async function once<T>(
  schema: string | undefined,
  status: number,
  body: unknown,
  ask: (marathon: MarathonClient) => Promise<T>,
): Promise<{ result: T; method: string; url: string; sent: unknown }> {
  if (schema !== undefined) assert.deepEqual(misfits(schema, body), []);
  let result: T | undefined;
  let sent: unknown;
  let seenAt = { method: '', url: '' };
  await withFake(
    (_, response) =>
      body === undefined ? response.writeHead(status).end() : json(response, status, body),
    async ({ url, seen }) => {
      result = await ask(client([url]));
      assert.equal(seen.length, 1);
      const [first] = seen;
      seenAt = { method: first?.method ?? '', url: first?.url ?? '' };
      sent = first?.body ? JSON.parse(first.body) : undefined;
    },
  );
  return { result: result as T, ...seenAt, sent };
}

test('an app is read with its tasks and locks', async () => {
  const body = { app: app(3, [taskId('1')], ['d-1']) };
  const { result, url } = await once('app.response', 200, body, (m) => m.readApp(MEDIA, never));
  assert.equal(url, '/v2/apps/carna/dc1/media');
  assert.equal(result?.instances, 3);
  assert.deepEqual(result?.deploymentIds, ['d-1']);
  assert.equal(result?.tasks[0]?.id, taskId('1'));
});

test('apps, tasks and deployments are read', async () => {
  const bare = app(2, []);
  delete bare['tasks'];
  const apps = await once('apps.response', 200, { apps: [bare] }, (m) => m.readApps(never));
  assert.equal(apps.result[0]?.instances, 2);
  const tasks = await once('tasks.response', 200, { tasks: [task(taskId('1'))] }, (m) =>
    m.readTasks(never),
  );
  assert.equal(tasks.result[0]?.host, 'h1');
  const deployment = {
    id: 'd-1',
    version: STARTED.version,
    affectedApps: [MEDIA],
    currentActions: [],
    currentStep: 1,
    totalSteps: 2,
    steps: [],
  };
  const deployments = await once('deployments.response', 200, [deployment], (m) =>
    m.readDeployments(never),
  );
  assert.deepEqual(deployments.result[0]?.affectedApps, [MEDIA]);
});

test('the queue says what is missing and why offers did not do', async () => {
  const rejectSummaryLastOffers = [{ reason: 'InsufficientCpus', declined: 2, processed: 3 }];
  const item = {
    app: { id: MEDIA, cmd: 'carna agent' },
    count: 2,
    delay: { timeLeftSeconds: 0, overdue: true },
    processedOffersSummary: {
      processedOffersCount: 3,
      unusedOffersCount: 3,
      rejectSummaryLastOffers,
    },
  };
  const { result } = await once('queue.response', 200, { queue: [item] }, (m) =>
    m.readQueue(never),
  );
  assert.deepEqual(result, [
    { id: MEDIA, missing: 2, delayS: 0, rejects: rejectSummaryLastOffers },
  ]);
});

test('info and leader are read; no leader is an answer', async () => {
  const info = {
    name: 'marathon',
    version: '1.11.24',
    buildref: 'x',
    elected: true,
    leader: 'm1:8080',
    frameworkId: null,
    marathon_config: {},
    zookeeper_config: {
      zk: 'zk://z:2181/marathon',
      zk_connection_timeout: 1,
      zk_max_versions: 1,
      zk_session_timeout: 1,
      zk_timeout: 1,
    },
    http_config: { http_port: 8080, https_port: 8443 },
  };
  const { result } = await once('info.response', 200, info, (m) => m.readInfo(never));
  assert.equal(result.version, '1.11.24');
  const leader = await once('leader.response', 200, { leader: 'm1:8080' }, (m) =>
    m.readLeader(never),
  );
  assert.equal(leader.result, 'm1:8080');
  const none = await once('error.response', 404, { message: 'There is no leader' }, (m) =>
    m.readLeader(never),
  );
  assert.equal(none.result, undefined);
});

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

test("an app's definition is read with all that Marathon says of it", async () => {
  const body = {
    app: { ...app(3, []), cmd: 'x', upgradeStrategy: { minimumHealthCapacity: 0.5 } },
  };
  const { result } = await once(undefined, 200, body, (m) => m.readDefinition(MEDIA, never));
  assert.deepEqual(result?.['upgradeStrategy'], { minimumHealthCapacity: 0.5 });
  const none = await once(undefined, 404, { message: 'no app' }, (m) =>
    m.readDefinition(MEDIA, never),
  );
  assert.equal(none.result, undefined);
});
