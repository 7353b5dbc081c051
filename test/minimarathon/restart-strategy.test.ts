import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RestartFacts } from './restart-strategy.js';
import { restartStrategy } from './restart-strategy.js';

/** instances, minimumHealthCapacity, maximumOverCapacity, healthy, current -> killed at once, most at a time. */
const table: Readonly<Record<string, readonly number[]>> = {
  'one instance gets a second one for the time of the restart': [1, 0.5, 0, 1, 1, 0, 2],
  'nothing runs: nothing to kill': [1, 0.5, 0, 0, 0, 0, 1],
  'two at a half: one goes at once': [2, 0.5, 0, 2, 2, 1, 2],
  'fewer run than may: none goes': [10, 0.1, 0, 1, 1, 0, 10],
  'nine of ten go at a tenth': [10, 0.1, 1, 10, 10, 9, 20],
  'all stay at 1 and 1': [10, 1, 1, 10, 10, 0, 20],
  'what an earlier deployment left over goes': [2, 1, 0, 4, 4, 2, 3],
  'unhealthy ones do not count': [3, 0.66, 0, 1, 3, 0, 3],
};

for (const [name, row] of Object.entries(table)) {
  test(name, () => {
    const [instances = 0, minimumHealthCapacity = 0, maximumOverCapacity = 0] = row;
    const [healthy = 0, current = 0, toKillAtOnce, maxCapacity] = row.slice(3);
    const facts: RestartFacts = {
      instances,
      minimumHealthCapacity,
      maximumOverCapacity,
      healthy,
      current,
    };
    assert.deepEqual(restartStrategy(facts), { toKillAtOnce, maxCapacity });
  });
}
