import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleeper, withRig } from './support.js';

test('an app that is put runs, and its task says where', () =>
  withRig(async (rig) => {
    await rig.settle('POST', '/v2/apps', sleeper('/carna/dc1/media', { instances: 2 }), 201);
    const app = await rig.app('/carna/dc1/media');
    assert.equal(app.tasksRunning, 2);
    const [id = ''] = await rig.taskIds('/carna/dc1/media');
    assert.match(id, /^carna_dc1_media\.instance-[0-9a-f-]{36}\._app\.1$/);
    assert.equal(rig.driver.tasks.length, 2);
  }));
