import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDriver } from './memory-driver.js';
import { sleeper, withRig } from './support.js';

test('an app that is put runs, and its task says where', () =>
  withRig(async (rig) => {
    await rig.settle('POST', '/v2/apps', sleeper('/carna/dc1/media', { instances: 2 }), 201);
    const app = await rig.app('/carna/dc1/media');
    assert.equal(app.tasksRunning, 2);
    const [id = ''] = await rig.taskIds('/carna/dc1/media');
    assert.match(id, /^carna_dc1_media\.instance-[0-9a-f-]{36}\._app\.1$/);
    assert.equal(rig.driver.tasks.length, 2);
    assert.equal(rig.driver.taskOf(id).spec.env.MESOS_TASK_ID, id);
  }));

test('closing ends what runs', async () => {
  const memory = new MemoryDriver();
  await withRig((rig) => rig.settle('POST', '/v2/apps', sleeper('/a', { instances: 3 }), 201), {
    memory,
  });
  assert.equal(memory.tasks.length, 3);
  assert.ok(memory.tasks.every(({ isEnded }) => isEnded));
});

test('closing waits for what is being launched, and ends it', async () => {
  let go: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (go = resolve));
  const memory = new MemoryDriver(() => gate);
  await withRig(
    async (rig) => {
      await rig.change('POST', '/v2/apps', sleeper('/a'), 201);
      await rig.until('launching', async () => memory.tasks.length === 1);
      const [task] = await rig.tasks('/a');
      assert.equal(task?.state, 'TASK_STAGING');
      setImmediate(() => setImmediate(go));
    },
    { memory },
  );
  assert.equal(memory.tasks[0]?.isEnded, true);
});

test('a task that is killed while it is launched is stopped as soon as it runs', async () => {
  let go: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (go = resolve));
  const memory = new MemoryDriver(() => gate);
  await withRig(
    async (rig) => {
      await rig.change('POST', '/v2/apps', sleeper('/a'), 201);
      await rig.until('launching', async () => memory.tasks.length === 1);
      await rig.change('DELETE', '/v2/apps/a');
      go();
      await rig.idle();
      assert.equal(memory.tasks.length, 1);
      assert.equal(memory.tasks[0]?.stops.length, 1);
    },
    { memory },
  );
});
