import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tasksAtOnce } from '../../../src/marathon/deploy/deploy-plan.js';
import { paceOf } from '../../../src/marathon/rollout/pace.js';
import { restartStrategy } from '../../minimarathon/restart-strategy.js';

/** What Marathon does with the strategy, at the start and then. */
function marathon(
  instances: number,
  healthy: number,
  strategy: { minimumHealthCapacity: number; maximumOverCapacity: number },
): { toKillAtOnce: number; maxCapacity: number } {
  return restartStrategy({ instances, healthy, current: instances, ...strategy });
}

test('however many instances, Marathon takes the batch away at first and never runs more', () => {
  for (let instances = 1; instances <= 300; instances++) {
    for (const batch of [1, 2, 3, 7]) {
      const { strategy, atOnce, isOwn } = paceOf({ instances, healthy: instances }, batch, null);
      assert.equal(isOwn, false);
      const expected = Math.min(batch, instances);
      assert.equal(atOnce, expected);
      assert.deepEqual(marathon(instances, instances, strategy), {
        toKillAtOnce: expected,
        maxCapacity: instances,
      });
    }
  }
});

test('with some that are broken it takes away no more, and those are the first', () => {
  for (let instances = 2; instances <= 100; instances++) {
    for (let healthy = 1; healthy < instances; healthy++) {
      const own = { minimumHealthCapacity: (instances - 1.5) / instances, maximumOverCapacity: 0 };
      const { strategy, isOwn } = paceOf({ instances, healthy }, 1, own);
      assert.equal(isOwn, false);
      assert.equal(marathon(instances, healthy, strategy).toKillAtOnce, 1);
    }
  }
});

test('a strategy of the definition stays when it is slow enough', () => {
  const own = { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 };
  assert.deepEqual(paceOf({ instances: 3, healthy: 3 }, 1, own), {
    isOwn: true,
    atOnce: 1,
    strategy: own,
  });
  assert.equal(paceOf({ instances: 4, healthy: 4 }, 1, own).isOwn, false);
  assert.equal(paceOf({ instances: 4, healthy: 4 }, 2, own).isOwn, true);
});

test('one that needs room for more, or takes none away, does not stay', () => {
  for (const own of [
    undefined,
    { minimumHealthCapacity: 1, maximumOverCapacity: 0 },
    { minimumHealthCapacity: 0.5, maximumOverCapacity: 0.5 },
  ]) {
    assert.equal(paceOf({ instances: 3, healthy: 3 }, 2, own).isOwn, false);
  }
});

test('what a definition takes away at once is what Marathon takes away at once', () => {
  for (let instances = 1; instances <= 50; instances++) {
    for (const minimumHealthCapacity of [0, 0.25, 0.5, 0.66, 0.9]) {
      const strategy = { minimumHealthCapacity, maximumOverCapacity: 0 };
      const { toKillAtOnce } = marathon(instances, instances, strategy);
      assert.equal(tasksAtOnce(instances, strategy), toKillAtOnce);
    }
  }
});
