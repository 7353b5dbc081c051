import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDriver } from './memory-driver.js';
import type { Json } from './support.js';
import { sleeper, withRig } from './support.js';

const media = (more: Json = {}): Json =>
  sleeper('media', { dependencies: ['dispatcher'], ...more });
const dispatcher = (more: Json = {}): Json => sleeper('dispatcher', more);

test('a nested group is put in one deployment, its ids made absolute', () =>
  withRig(async (rig) => {
    const group = { groups: [{ id: 'dc1', apps: [media(), dispatcher()] }] };
    await rig.settle('PUT', '/v2/groups/carna', group);
    const { body } = await rig.send('GET', '/v2/groups/carna');
    const [dc1] = body.groups as Json[];
    assert.equal(dc1?.id, '/carna/dc1');
    const apps = dc1?.apps as Json[];
    assert.deepEqual(apps.map(({ id }) => id).sort(), [
      '/carna/dc1/dispatcher',
      '/carna/dc1/media',
    ]);
    assert.deepEqual((await rig.app('/carna/dc1/media')).dependencies, ['/carna/dc1/dispatcher']);
    assert.equal((await rig.app('/carna/dc1/media')).tasksRunning, 1);
  }));

test('a dependant is started when what it needs runs', async () => {
  const order: string[] = [];
  const memory = new MemoryDriver((task) => order.push(task.spec.appId));
  await withRig(
    async (rig) => {
      await rig.settle('PUT', '/v2/groups/dc1', { apps: [media(), dispatcher({ instances: 2 })] });
      assert.deepEqual(order, ['/dc1/dispatcher', '/dc1/dispatcher', '/dc1/media']);
    },
    { memory },
  );
});

test('a dry run tells the steps and does nothing', () =>
  withRig(async (rig) => {
    const steps = async (group: Json): Promise<unknown> =>
      (await rig.send('PUT', '/v2/groups/dc1?dryRun=true', group)).body.steps;
    const action = (name: string, app: string): Json => ({ action: name, app: `/dc1/${app}` });
    assert.deepEqual(await steps({ apps: [media(), dispatcher()] }), [
      {
        actions: [action('StartApplication', 'media'), action('StartApplication', 'dispatcher')],
      },
      { actions: [action('ScaleApplication', 'dispatcher')] },
      { actions: [action('ScaleApplication', 'media')] },
    ]);
    assert.equal((await rig.send('GET', '/v2/apps/dc1/media')).status, 404);
    await rig.settle('PUT', '/v2/groups/dc1', { apps: [media(), dispatcher()] });
    assert.deepEqual(await steps({ apps: [media(), dispatcher()] }), []);
    assert.deepEqual(await steps({ apps: [media({ env: { A: 'b' } })] }), [
      { actions: [action('StopApplication', 'dispatcher')] },
      { actions: [action('RestartApplication', 'media')] },
    ]);
    assert.deepEqual(await steps({ apps: [media({ instances: 2 }), dispatcher()] }), [
      { actions: [action('ScaleApplication', 'media')] },
    ]);
    assert.deepEqual(await steps({ apps: [media({ cpus: 0.2, instances: 0 }), dispatcher()] }), [
      { actions: [action('ScaleApplication', 'media')] },
    ]);
    assert.equal(rig.driver.tasks.length, 2);
  }));

test('apps that a group no longer lists are stopped; groups that it does not mention stay', () =>
  withRig(async (rig) => {
    const group = { apps: [media()], groups: [{ id: 'sub', apps: [dispatcher()] }] };
    await rig.settle('PUT', '/v2/groups/dc1', group);
    await rig.settle('PUT', '/v2/groups/dc1', { apps: [] });
    assert.equal((await rig.send('GET', '/v2/apps/dc1/media')).status, 404);
    assert.equal((await rig.app('/dc1/sub/dispatcher')).tasksRunning, 1);
    await rig.settle('DELETE', '/v2/groups/dc1');
    assert.equal((await rig.send('GET', '/v2/groups/dc1')).status, 404);
    assert.ok(rig.driver.tasks.every(({ isEnded }) => isEnded));
  }));

test('scaleBy multiplies every app below', () =>
  withRig(async (rig) => {
    await rig.settle('PUT', '/v2/groups/dc1', { apps: [media({ instances: 2 }), dispatcher()] });
    const before = await rig.taskIds('/dc1/media');
    await rig.settle('PUT', '/v2/groups/dc1', { scaleBy: 2 });
    assert.equal((await rig.app('/dc1/media')).instances, 4);
    assert.equal((await rig.app('/dc1/dispatcher')).tasksRunning, 2);
    const after = await rig.taskIds('/dc1/media');
    assert.ok(before.every((id) => after.includes(id)));
    await rig.change('PUT', '/v2/groups/none', { scaleBy: 2 }, 404);
  }));

test('a group with an invalid app is refused as a whole', () =>
  withRig(async (rig) => {
    const group = { apps: [media(), { id: 'broken' }] };
    await rig.change('PUT', '/v2/groups/dc1', group, 422);
    assert.equal((await rig.send('GET', '/v2/apps/dc1/media')).status, 404);
  }));
