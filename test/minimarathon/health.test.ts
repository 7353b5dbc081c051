import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { MemoryDriver } from './memory-driver.js';
import type { Json } from './support.js';
import { host, sleeper, withRig } from './support.js';

const MEDIA = '/carna/dc1/media';

const check = (more: Json = {}): Json => ({
  protocol: 'MESOS_HTTP',
  path: '/healthz',
  portIndex: 0,
  gracePeriodSeconds: 0,
  intervalSeconds: 1,
  delaySeconds: 0,
  maxConsecutiveFailures: 3,
  ...more,
});

test('a deployment waits until its instances are healthy', async () => {
  const memory = new MemoryDriver((task) => (task.health = null));
  await withRig(
    async (rig) => {
      const app = sleeper(MEDIA, {
        healthChecks: [check({ gracePeriodSeconds: 100_000, port: 9100 })],
      });
      const id = await rig.change('POST', '/v2/apps', app, 201);
      await rig.until('running', async () => (await rig.app(MEDIA)).tasksRunning === 1);
      assert.deepEqual((await rig.app(MEDIA)).deployments, [{ id }]);
      assert.equal((await rig.app(MEDIA)).tasksUnhealthy, 0);
      for (const task of memory.tasks) task.health = 200;
      await rig.idle();
      const [task] = await rig.tasks(MEDIA);
      assert.equal((task?.healthCheckResults as Json[])[0]?.alive, true);
    },
    { memory },
  );
});

test('an unhealthy task is killed and relaunched without a backoff', () =>
  withRig(async (rig) => {
    const app = sleeper(MEDIA, { backoffSeconds: 100_000, healthChecks: [check({ port: 9100 })] });
    await rig.settle('POST', '/v2/apps', app, 201);
    const [id = ''] = await rig.taskIds(MEDIA);
    rig.driver.taskOf(id).health = 503;
    const again = id.replace(/1$/, '2');
    await rig.until('relaunched', async () => (await rig.taskIds(MEDIA)).includes(again));
    await rig.until('healthy', async () => (await rig.app(MEDIA)).tasksHealthy === 1);
  }));

test('with a limit of 0 the first failure kills', () =>
  withRig(async (rig) => {
    const app = sleeper(MEDIA, {
      healthChecks: [check({ port: 9100, maxConsecutiveFailures: 0 })],
    });
    await rig.settle('POST', '/v2/apps', app, 201);
    const [id = ''] = await rig.taskIds(MEDIA);
    rig.driver.taskOf(id).health = 500;
    await rig.until('gone', async () => rig.driver.taskOf(id).isEnded);
  }));

test('a task that is being killed is not asked for its health any more', async () => {
  const memory = new MemoryDriver((task) => (task.isObedient = false));
  await withRig(
    async (rig) => {
      const app = sleeper(MEDIA, { instances: 2, healthChecks: [check({ port: 9100 })] });
      await rig.settle('POST', '/v2/apps', app, 201);
      await rig.change('PUT', `/v2/apps${MEDIA}`, { instances: 1 });
      const victim = () => memory.tasks.find(({ stops }) => stops.length > 0);
      await rig.until('signalled', async () => victim() !== undefined);
      const [survivor] = memory.tasks.filter((task) => task !== victim());
      for (const task of memory.tasks) task.health = null;
      await rig.until('the other is killed', async () => (survivor?.stops.length ?? 0) > 0);
      assert.equal(victim()?.stops.length, 1);
    },
    { memory },
  );
});

test('readiness is asked at the leased port of the host, and is in the deployment', async () => {
  let status = 503;
  const server = createServer((_request, response) => response.writeHead(status).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const one = { ...host('127.0.0.1'), ports: [[port, port]] as const };
  try {
    await withRig(
      async (rig) => {
        const readiness = { portName: 'agent', path: '/readyz', intervalSeconds: 1 };
        const app = sleeper(MEDIA, {
          requirePorts: true,
          portDefinitions: [{ port, name: 'agent' }],
          readinessChecks: [readiness],
        });
        await rig.change('POST', '/v2/apps', app, 201);
        await rig.until('asked', async () => {
          const { body } = await rig.send('GET', '/v2/deployments');
          return JSON.stringify(body).includes('"ready":false');
        });
        assert.equal((await rig.app(MEDIA)).tasksRunning, 1);
        status = 200;
        await rig.idle();
      },
      { hosts: [one] },
    );
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
