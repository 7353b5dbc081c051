import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeFailure, simulate } from './run.js';

/** Always the same range: `make sim SEEDS=... FROM=...` covers others. */
const FROM = 1;
const SCHEDULES = 2_000;

test(`${SCHEDULES} schedules from seed ${FROM} on violate nothing`, async (t) => {
  const { schedules, failed, results } = await simulate({ from: FROM, count: SCHEDULES });
  const minutes = results.reduce((sum, { virtualMs }) => sum + virtualMs, 0) / 60_000;
  const faults = results.reduce((sum, { faults: count }) => sum + count, 0);
  t.diagnostic(`${schedules} schedules, ${Math.round(minutes)} minutes, ${faults} faults`);
  const [first] = failed;
  if (first !== undefined) {
    const again = await simulate({ from: first.seed, count: 1, isTraced: true });
    t.diagnostic(again.results.map(describeFailure).join('\n'));
  }
  assert.deepEqual(
    failed.map(({ seed, violations }) => ({ seed, violations })),
    [],
  );
  assert.equal(schedules, SCHEDULES);
  assert.ok(faults >= 5 * SCHEDULES);
});
