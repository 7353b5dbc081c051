import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemoryTask } from './memory-driver.js';
import { MemoryDriver } from './memory-driver.js';
import type { Rig } from './support.js';
import { FAST, sleeper, withRig } from './support.js';

const MEDIA = '/carna/dc1/media';
const UNKNOWN = 'carna_dc1_media.instance-00000000-0000-4000-8000-000000000000._app.1';

/** Tasks that only end when the test says so. */
const stubborn = (): MemoryDriver => new MemoryDriver((task) => (task.isObedient = false));

const putMedia = (rig: Rig, instances: number): Promise<void> =>
  rig.settle('POST', '/v2/apps', sleeper(MEDIA, { instances }), 201);

test('kill-and-scale ends exactly the named task, though another is younger', () =>
  withRig(async (rig) => {
    await putMedia(rig, 3);
    const [first = '', ...rest] = await rig.taskIds(MEDIA);
    await rig.settle('DELETE', `/v2/apps${MEDIA}/tasks/${first}?scale=true`);
    assert.deepEqual(await rig.taskIds(MEDIA), rest);
    assert.equal((await rig.app(MEDIA)).instances, 2);
  }));

test('several tasks of several apps go in one deployment', () =>
  withRig(async (rig) => {
    await putMedia(rig, 2);
    await rig.settle('POST', '/v2/apps', sleeper('/carna/dc1/outbound', { instances: 2 }), 201);
    const [one] = await rig.taskIds(MEDIA);
    const [two] = await rig.taskIds('/carna/dc1/outbound');
    await rig.settle('POST', '/v2/tasks/delete?scale=true', { ids: [one, two] });
    assert.equal((await rig.taskIds(MEDIA)).length, 1);
    assert.equal((await rig.taskIds('/carna/dc1/outbound')).length, 1);
    assert.equal((await rig.app('/carna/dc1/outbound')).instances, 1);
  }));

test('an unknown id is 200 with an empty deployment, and nothing dies', () =>
  withRig(async (rig) => {
    await putMedia(rig, 2);
    const before = await rig.taskIds(MEDIA);
    await rig.settle('DELETE', `/v2/apps${MEDIA}/tasks/${UNKNOWN}?scale=true`);
    await rig.settle('POST', '/v2/tasks/delete?scale=true', { ids: [UNKNOWN] });
    await rig.settle('DELETE', `/v2/apps${MEDIA}/tasks/nonsense?scale=true`);
    assert.deepEqual(await rig.taskIds(MEDIA), before);
    assert.equal((await rig.app(MEDIA)).instances, 2);
    await rig.change('POST', '/v2/tasks/delete?scale=true', { ids: ['nonsense'] }, 400);
  }));

test('scale together with wipe is 400, an unknown app 404, an unknown task without scale 404', () =>
  withRig(async (rig) => {
    await putMedia(rig, 1);
    const [id = ''] = await rig.taskIds(MEDIA);
    await rig.change('DELETE', `/v2/apps${MEDIA}/tasks/${id}?scale=true&wipe=true`, undefined, 400);
    await rig.change('DELETE', `/v2/apps/none/tasks/${id}?scale=true`, undefined, 404);
    await rig.change('DELETE', `/v2/apps${MEDIA}/tasks/${UNKNOWN}`, undefined, 404);
    assert.deepEqual(await rig.taskIds(MEDIA), [id]);
  }));

test('a kill without scale: same instance, next incarnation, no backoff', () =>
  withRig(async (rig) => {
    await putMedia(rig, 1);
    const [id = ''] = await rig.taskIds(MEDIA);
    const { body } = await rig.send('DELETE', `/v2/apps${MEDIA}/tasks/${id}`);
    assert.equal((body.task as { id: string }).id, id);
    const again = id.replace(/1$/, '2');
    await rig.until('relaunched', async () => (await rig.taskIds(MEDIA)).includes(again));
  }));

test('a task that failed comes back as the next incarnation, and the old id kills it', () =>
  withRig(async (rig) => {
    await putMedia(rig, 2);
    const [id = '', other = ''] = await rig.taskIds(MEDIA);
    const now = await rig.marathon.faults.relaunch(id);
    assert.equal(now, id.replace(/1$/, '2'));
    const app = await rig.app(MEDIA);
    assert.equal((app.lastTaskFailure as { taskId: string }).taskId, id);
    await rig.settle('DELETE', `/v2/apps${MEDIA}/tasks/${id}?scale=true`);
    assert.deepEqual(await rig.taskIds(MEDIA), [other]);
  }));

test('scaling down waits until the victim is terminal, and the kill is sent again', async () => {
  const timing = { ...FAST, killRetryMs: 3 };
  const memory = stubborn();
  await withRig(
    async (rig) => {
      const grace = { instances: 2, taskKillGracePeriodSeconds: 100 };
      await rig.settle('POST', '/v2/apps', sleeper(MEDIA, grace), 201);
      const id = await rig.change('PUT', `/v2/apps${MEDIA}`, { instances: 1 });
      const signalled = (): MemoryTask[] => memory.tasks.filter(({ stops }) => stops.length >= 3);
      await rig.until('signalled three times', async () => signalled().length > 0);
      const [victim, ...others] = signalled();
      assert.ok(victim !== undefined && others.length === 0);
      assert.deepEqual(new Set(victim.stops), new Set([500]));
      assert.deepEqual((await rig.app(MEDIA)).deployments, [{ id }]);
      assert.equal((await rig.app(MEDIA)).tasksRunning, 2);
      victim.finish(0);
      await rig.idle();
      assert.equal((await rig.taskIds(MEDIA)).length, 1);
    },
    { memory, timing },
  );
});

test('killing a task and then lowering the number ends a second one', async () => {
  const memory = stubborn();
  await withRig(
    async (rig) => {
      await putMedia(rig, 3);
      const [first = ''] = await rig.taskIds(MEDIA);
      await rig.send('DELETE', `/v2/apps${MEDIA}/tasks/${first}`);
      await rig.change('PUT', `/v2/apps${MEDIA}`, { instances: 2 });
      const stopped = (): readonly string[] =>
        memory.tasks.filter(({ stops }) => stops.length > 0).map(({ spec }) => spec.taskId);
      await rig.until('a second victim', async () => stopped().length === 2);
      for (const task of memory.tasks) if (task.stops.length > 0) task.finish(0);
      await rig.idle();
      const left = await rig.taskIds(MEDIA);
      assert.ok(!left.includes(first));
    },
    { memory, taskKilling: true },
  );
});

test('TASK_KILLING shows only where it is switched on', async () => {
  for (const taskKilling of [false, true]) {
    const memory = stubborn();
    await withRig(
      async (rig) => {
        await putMedia(rig, 1);
        const [id = ''] = await rig.taskIds(MEDIA);
        await rig.send('DELETE', `/v2/apps${MEDIA}/tasks/${id}`);
        await rig.until('signalled', async () => memory.taskOf(id).stops.length > 0);
        const [task] = await rig.tasks(MEDIA);
        assert.equal(task?.state, taskKilling ? 'TASK_KILLING' : 'TASK_RUNNING');
      },
      { memory, taskKilling },
    );
  }
});

test('killSelection decides by age', () =>
  withRig(async (rig) => {
    const app = sleeper(MEDIA, { instances: 1, killSelection: 'OLDEST_FIRST' });
    await rig.settle('POST', '/v2/apps', app, 201);
    const [oldest = ''] = await rig.taskIds(MEDIA);
    await rig.until('a later millisecond', async () => {
      const [task] = await rig.tasks(MEDIA);
      return Date.now() > Date.parse(task?.startedAt as string);
    });
    await rig.settle('PUT', `/v2/apps${MEDIA}`, { instances: 2 });
    await rig.settle('PUT', `/v2/apps${MEDIA}`, { instances: 1 });
    assert.ok(!(await rig.taskIds(MEDIA)).includes(oldest));
  }));
