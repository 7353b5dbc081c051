import assert from 'node:assert/strict';
import { test } from 'node:test';
import { app, never, STARTED, task, taskId } from './fake-marathon.js';
import { once } from './one-answer.js';

const MEDIA = '/carna/dc1/media';

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
