import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { RetriedPass } from '../../src/registry/retried-pass.js';
import { RegistryAmbiguousError, RegistryNotSentError } from '../../src/util/errors.js';

/** A pass over steps that the test decides: true, false, or an error each. */
function passOver(outcomes: (boolean | Error)[]) {
  const seen = { steps: 0, ended: 0, failed: [] as string[], canRun: true };
  const passes = new RetriedPass({
    canRun: () => seen.canRun,
    step: () => {
      seen.steps += 1;
      const outcome = outcomes.shift() ?? false;
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
    },
    ended: () => (seen.ended += 1),
    failed: (err) => seen.failed.push(err.message),
    random: () => 0.5,
  });
  return { passes, seen };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};

const withTimers = (t: TestContext): void => t.mock.timers.enable({ apis: ['setTimeout'] });

test('it steps until nothing is due, and a request on the way makes it look once more', async () => {
  const { passes, seen } = passOver([true, true, false, false]);
  passes.request();
  assert.equal(passes.isRunning, true);
  passes.request();
  await settle();
  assert.deepEqual(seen, { steps: 3, ended: 1, failed: [], canRun: true });
  assert.equal(passes.isRunning, false);
});

test('what fails is told once and tried again after a pause, until it succeeds', async (t) => {
  withTimers(t);
  const lost = new RegistryAmbiguousError('setData: lost');
  const { passes, seen } = passOver([lost, lost, false]);
  passes.request();
  await settle();
  assert.match(passes.fault ?? '', /lost/);
  for (let retry = 0; retry < 2; retry++) {
    t.mock.timers.tick(10_000);
    await settle();
  }
  assert.deepEqual([seen.steps, seen.ended, seen.failed.length], [3, 3, 1]);
  assert.equal(passes.fault, null);
  t.mock.timers.tick(10_000);
  await settle();
  assert.equal(seen.steps, 3);
});

test('while ZooKeeper is out of reach nothing is tried; what was asked for is done at the next request', async (t) => {
  withTimers(t);
  const { passes, seen } = passOver([new RegistryNotSentError('not connected')]);
  passes.request();
  seen.canRun = false;
  await settle();
  t.mock.timers.tick(60_000);
  passes.request();
  await settle();
  assert.deepEqual([seen.steps, seen.failed], [1, []]);
  seen.canRun = true;
  passes.request();
  await settle();
  assert.deepEqual([seen.steps, passes.fault], [2, null]);
});

test('after stop no retry is left', async (t) => {
  withTimers(t);
  const { passes, seen } = passOver([new RegistryAmbiguousError('lost')]);
  passes.request();
  await settle();
  passes.stop();
  t.mock.timers.tick(60_000);
  await settle();
  assert.equal(seen.steps, 1);
});
