import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDriver } from './memory-driver.js';
import type { Rig } from './support.js';
import { sleeper, withRig } from './support.js';

const MEDIA = '/carna/dc1/media';

const put = (rig: Rig, instances = 2): Promise<void> =>
  rig.settle('POST', '/v2/apps', sleeper(MEDIA, { instances }), 201);

test('a second change is 409 with the id of the first, whatever it is', () =>
  withRig(async (rig) => {
    await put(rig);
    rig.marathon.faults.holdDeployments(true);
    const id = await rig.change('PUT', `/v2/apps${MEDIA}`, { instances: 3 });
    const [task = ''] = await rig.taskIds(MEDIA);
    for (const [method, path, body] of [
      ['PUT', `/v2/apps${MEDIA}`, { instances: 4 }],
      ['PATCH', `/v2/apps${MEDIA}`, { cmd: 'true' }],
      ['DELETE', `/v2/apps${MEDIA}?force=false`, undefined],
      ['POST', `/v2/apps${MEDIA}/restart`, undefined],
      ['DELETE', `/v2/apps${MEDIA}/tasks/${task}?scale=true`, undefined],
      ['POST', '/v2/tasks/delete?scale=true', { ids: [task] }],
      ['PUT', '/v2/groups/carna', { scaleBy: 2 }],
    ] as const) {
      const reply = await rig.send(method, path, body);
      assert.equal(reply.status, 409, path);
      assert.match(reply.body.message as string, /locked by one or more deployments/);
      assert.deepEqual(reply.body.deployments, [{ id }]);
    }
    assert.equal((await rig.app(MEDIA)).instances, 3);
    rig.marathon.faults.holdDeployments(false);
    await rig.idle();
    assert.equal((await rig.taskIds(MEDIA)).length, 3);
  }));

test('another app is not locked', () =>
  withRig(async (rig) => {
    await put(rig);
    const id = rig.marathon.faults.lockApp(MEDIA);
    assert.deepEqual((await rig.app(MEDIA)).deployments, [{ id }]);
    await rig.change('POST', '/v2/apps', sleeper('/other'), 201);
    await rig.change('PUT', `/v2/apps${MEDIA}`, { instances: 1 }, 409);
    rig.marathon.faults.unlockApp(MEDIA);
    await rig.settle('PUT', `/v2/apps${MEDIA}`, { instances: 1 });
    assert.equal((await rig.taskIds(MEDIA)).length, 1);
  }));

test('forced, the first deployment is cancelled', () =>
  withRig(async (rig) => {
    await put(rig);
    const id = rig.marathon.faults.lockApp(MEDIA);
    const next = await rig.change('PUT', `/v2/apps${MEDIA}?force=true`, { instances: 1 });
    const { body } = await rig.send('GET', '/v2/deployments');
    assert.ok(!JSON.stringify(body).includes(id));
    assert.notEqual(next, id);
    await rig.idle();
    assert.equal((await rig.taskIds(MEDIA)).length, 1);
  }));

test('a deployment that is deleted is rolled back by a new one', async () => {
  const memory = new MemoryDriver((task) => (task.isObedient = task.spec.env.VERSION !== 'old'));
  await withRig(
    async (rig) => {
      const app = sleeper(MEDIA, { instances: 2, env: { VERSION: 'old' } });
      await rig.settle('POST', '/v2/apps', app, 201);
      const id = await rig.change('PUT', `/v2/apps${MEDIA}`, { env: { VERSION: 'new' } });
      await rig.until('a victim', async () => memory.tasks.some(({ stops }) => stops.length > 0));
      const back = await rig.change('DELETE', `/v2/deployments/${id}`);
      assert.notEqual(back, id);
      for (const task of memory.tasks) task.isObedient = true;
      await rig.until('the old ones are gone', async () => {
        for (const task of memory.tasks) if (task.stops.length > 0) task.finish(0);
        const { body } = await rig.send('GET', '/v2/deployments');
        return (body as unknown as unknown[]).length === 0;
      });
      const after = await rig.app(MEDIA);
      assert.deepEqual(after.env, { VERSION: 'old' });
      assert.equal(after.tasksRunning, 2);
    },
    { memory },
  );
});

test('a deployment that is deleted by force stays where it stands: 202 without a body', () =>
  withRig(async (rig) => {
    await put(rig, 1);
    rig.marathon.faults.refuseOffers('InsufficientCpus');
    const id = await rig.change('PUT', `/v2/apps${MEDIA}`, { instances: 2 });
    const reply = await rig.send('DELETE', `/v2/deployments/${id}?force=true`);
    assert.equal(reply.status, 202);
    assert.equal(reply.body.text, '');
    await rig.idle();
    assert.equal((await rig.app(MEDIA)).instances, 2);
    assert.equal((await rig.taskIds(MEDIA)).length, 1);
    await rig.change('DELETE', `/v2/deployments/${id}`, undefined, 404);
  }));
