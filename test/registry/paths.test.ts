import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkNodeId,
  dcPaths,
  incarnationName,
  splitIncarnation,
} from '../../src/registry/paths.js';
import { InvalidInputError } from '../../src/util/errors.js';

test('the layout of a data centre', () =>
  assert.deepEqual(dcPaths('prod', 'fra1'), {
    root: '/carna/prod/fra1',
    nodes: '/carna/prod/fra1/nodes',
    intents: '/carna/prod/fra1/intents',
    overrides: '/carna/prod/fra1/overrides',
    generation: '/carna/prod/fra1/generation',
    applied: '/carna/prod/fra1/applied',
    leader: '/carna/prod/fra1/leader',
  }));

for (const name of ['', 'a/b', '..', 'a b', 'x'.repeat(65), 'ä']) {
  test(`refused as a name: ${JSON.stringify(name.slice(0, 10))}`, () => {
    assert.throws(() => dcPaths(name, 'dc'), InvalidInputError);
    assert.throws(() => dcPaths('cluster', name), InvalidInputError);
  });
}

const TASK_ID = 'sip_media.instance-0d5a9e2c-1c9b-11ee-b2d5-0242ac110002._app.1';

test('a whole MESOS_TASK_ID is a node id', () => assert.equal(checkNodeId(TASK_ID), TASK_ID));

for (const id of ['', '.', '..', 'a/b', 'a~b', 'a b', 'a\nb', 'ä', 'x'.repeat(256)]) {
  test(`refused as a node id: ${JSON.stringify(id.slice(0, 10))}`, () =>
    assert.throws(() => checkNodeId(id), InvalidInputError));
}

test('an incarnation is told from its node id', () => {
  const name = incarnationName(TASK_ID, '10000a-0');
  assert.deepEqual(splitIncarnation(name), { nodeId: TASK_ID, incarnation: '10000a-0' });
});

for (const name of ['media-1', '~1', 'media-1~', 'a/b~1']) {
  test(`no incarnation: ${name}`, () => assert.equal(splitIncarnation(name), null));
}
