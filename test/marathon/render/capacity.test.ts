import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderApp } from '../../../src/marathon/render/app.js';
import { minimumHealthCapacity } from '../../../src/marathon/render/spread.js';
import { LEAST, valuesOf } from './sample.js';

/** As Marathon's RestartStrategy counts. */
const mayGo = (instances: number, capacity: number): number =>
  instances - Math.ceil(instances * capacity);

test('one instance at least may go, from the least count on, and at most two below twice that', () => {
  assert.equal(minimumHealthCapacity(1), 0);
  for (let least = 1; least <= 100; least++) {
    const capacity = minimumHealthCapacity(least);
    assert.ok(capacity < 1);
    assert.equal(mayGo(least, capacity), 1, `${least}`);
    for (let count = least; count <= 300; count++) assert.ok(mayGo(count, capacity) >= 1);
    for (let count = least; count < 2 * least; count++) {
      assert.ok(mayGo(count, capacity) <= 2 + Math.floor(count / 100), `${count} of ${least}`);
    }
  }
});

test('a group that is scaled in to half can still be upgraded', () => {
  for (let instances = 1; instances <= 60; instances++) {
    const app = renderApp(valuesOf({ ...LEAST, apps: { media: { instances } } }), 'media');
    const upgradeStrategy = app['upgradeStrategy'] as Readonly<Record<string, number>>;
    assert.equal(upgradeStrategy['maximumOverCapacity'], 0);
    const capacity = upgradeStrategy['minimumHealthCapacity'] ?? 1;
    const least = instances === 1 ? 1 : Math.max(2, Math.ceil(instances / 2));
    for (let count = least; count <= instances; count++) {
      assert.ok(mayGo(count, capacity) >= 1, `${count} of ${instances}`);
    }
  }
});
