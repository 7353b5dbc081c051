import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDriver } from './memory-driver.js';
import type { MemoryTask } from './memory-driver.js';
import type { Rig } from './support.js';
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

/** Gives `use` a rig whose app `/a` is being launched until it calls `go`; its task, after closing. */
async function whileLaunching(
  use: (rig: Rig, memory: MemoryDriver, go: () => void) => Promise<void>,
): Promise<MemoryTask | undefined> {
  let go: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (go = resolve));
  const memory = new MemoryDriver(() => gate);
  await withRig(
    async (rig) => {
      await rig.change('POST', '/v2/apps', sleeper('/a'), 201);
      await rig.until('launching', async () => memory.tasks.length === 1);
      await use(rig, memory, go);
    },
    { memory },
  );
  return memory.tasks[0];
}

test('closing waits for what is being launched, and ends it', async () => {
  const launched = await whileLaunching(async (rig, _, go) => {
    const [task] = await rig.tasks('/a');
    assert.equal(task?.state, 'TASK_STAGING');
    setImmediate(() => setImmediate(go));
  });
  assert.equal(launched?.isEnded, true);
});

test('a task that is killed while it is launched is stopped as soon as it runs', async () => {
  await whileLaunching(async (rig, memory, go) => {
    await rig.change('DELETE', '/v2/apps/a');
    go();
    await rig.idle();
    assert.equal(memory.tasks.length, 1);
    assert.equal(memory.tasks[0]?.stops.length, 1);
  });
});
