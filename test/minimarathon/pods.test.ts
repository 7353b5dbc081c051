import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from './support.js';
import { FAST, withRig } from './support.js';

const POD = '/carna/dc1/media';

const pod = (more: Json = {}): Json => ({
  id: POD,
  networks: [{ mode: 'host' }],
  containers: [
    {
      name: 'agent',
      resources: { cpus: 0.1, mem: 32 },
      image: { kind: 'DOCKER', id: 'carna:1' },
      endpoints: [{ name: 'agent-http', hostPort: 9100, protocol: ['tcp'] }],
      environment: { HOST: 'mine' },
    },
    {
      name: 'server',
      resources: { cpus: 0.1, mem: 32 },
      exec: { command: { shell: 'sleep 1000' } },
      endpoints: [{ name: 'sip', hostPort: 5060, protocol: ['udp'] }],
      lifecycle: { killGracePeriodSeconds: 60 },
    },
  ],
  ...more,
});

test('a pod runs all its containers, each of which sees all endpoints', () =>
  withRig(async (rig) => {
    await rig.settle('POST', '/v2/pods', pod(), 201);
    const status = (await rig.send('GET', `/v2/pods${POD}::status`)).body;
    assert.equal(status.status, 'STABLE', JSON.stringify(status));
    const [instance] = status.instances as Json[];
    assert.equal((instance?.containers as Json[]).length, 2);
    const [agent, server] = rig.driver.tasks.map(({ spec }) => spec);
    assert.match(agent?.taskId ?? '', /\.instance-[0-9a-f-]{36}\.agent\.1$/);
    assert.equal(agent?.env.HOST, 'h1');
    assert.equal(server?.env.EP_HOST_AGENT_HTTP, '9100');
    assert.equal(agent?.env.ENDPOINT_SIP, '5060');
    assert.equal(agent?.env.MESOS_EXECUTOR_ID, instance?.id);
    assert.equal(agent?.env.PORT0, undefined);
    assert.deepEqual(server?.command, ['/bin/sh', '-c', 'sleep 1000']);
    assert.equal(((await rig.send('GET', '/v2/pods')).body as unknown as Json[])[0]?.id, POD);
  }));

test('the end of an instance does not scale, and /v2/tasks/delete ignores pods', () =>
  withRig(async (rig) => {
    await rig.settle('POST', '/v2/pods', pod(), 201);
    const [task] = rig.driver.tasks;
    const [instance] = (await rig.send('GET', `/v2/pods${POD}::status`)).body.instances as Json[];
    await rig.settle('POST', '/v2/tasks/delete?scale=true', { ids: [task?.spec.taskId] });
    assert.equal(task?.isEnded, false);
    const path = `/v2/pods${POD}::instances/${instance?.id as string}`;
    assert.equal((await rig.send('DELETE', path)).status, 200);
    await rig.until('relaunched', async () => rig.driver.tasks.length === 4);
    assert.deepEqual(rig.driver.tasks[0]?.stops, [3 * 5]);
    assert.deepEqual(rig.driver.tasks[1]?.stops, [60 * 5]);
    assert.equal(rig.driver.tasks[2]?.spec.taskId, task?.spec.taskId.replace(/1$/, '2'));
  }));

test('when one container fails its siblings have 3 s, whatever their own policy', () =>
  withRig(
    async (rig) => {
      await rig.settle('POST', '/v2/pods', pod(), 201);
      rig.driver.tasks[0]?.finish(1);
      await rig.until('relaunched', async () => rig.driver.tasks.length === 4);
      assert.deepEqual(rig.driver.tasks[1]?.stops, [3 * 5]);
    },
    { timing: FAST },
  ));

test('a pod is put whole, and deleted', () =>
  withRig(async (rig) => {
    await rig.settle('POST', '/v2/pods', pod(), 201);
    await rig.change('POST', '/v2/pods', pod(), 409);
    const [before] = rig.driver.tasks;
    await rig.settle('PUT', `/v2/pods${POD}`, pod({ labels: { a: 'b' } }));
    assert.equal(before?.isEnded, true);
    await rig.settle('DELETE', `/v2/pods${POD}`, undefined, 202);
    assert.equal((await rig.send('GET', `/v2/pods${POD}::status`)).status, 404);
    assert.ok(rig.driver.tasks.every(({ isEnded }) => isEnded));
  }));
