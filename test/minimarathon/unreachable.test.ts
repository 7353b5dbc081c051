import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDriver } from './memory-driver.js';
import type { Json, Rig } from './support.js';
import { FAST, hosts, sleeper, withRig } from './support.js';

const MEDIA = '/carna/dc1/media';

/** Two instances on two of three hosts, one each. */
async function putMedia(rig: Rig, unreachableStrategy?: unknown): Promise<readonly Json[]> {
  const app = sleeper(MEDIA, {
    instances: 2,
    constraints: [['@hostname', 'UNIQUE']],
    ...(unreachableStrategy === undefined ? {} : { unreachableStrategy }),
  });
  await rig.settle('POST', '/v2/apps', app, 201);
  return rig.tasks(MEDIA);
}

const running = async (rig: Rig): Promise<readonly Json[]> =>
  (await rig.tasks(MEDIA)).filter(({ state }) => state === 'TASK_RUNNING');

test('by default a task on a lost host is replaced at once, and killed when the host is back', () =>
  withRig(
    async (rig) => {
      const [lost] = await putMedia(rig);
      const { faults } = rig.marathon;
      const task = rig.driver.taskOf(lost?.id as string);
      faults.loseHost(lost?.host as string);
      await rig.until('replaced', async () => {
        const now = await running(rig);
        return now.length === 2 && now.every(({ id }) => id !== lost?.id);
      });
      assert.equal(task.isEnded, false);
      assert.ok((await running(rig)).every(({ host }) => host !== lost?.host));
      faults.returnHost(lost?.host as string);
      await rig.until('killed', async () => task.isEnded);
      assert.equal((await running(rig)).length, 2);
    },
    { hosts: hosts(3) },
  ));

test('with a strategy that waits it is TASK_UNREACHABLE, counted, and runs on when the host is back', () =>
  withRig(
    async (rig) => {
      const [lost] = await putMedia(rig, {
        inactiveAfterSeconds: 100_000,
        expungeAfterSeconds: 200_000,
      });
      rig.marathon.faults.loseHost(lost?.host as string);
      await rig.until('unreachable', async () =>
        (await rig.tasks(MEDIA)).some(
          ({ id, state }) => id === lost?.id && state === 'TASK_UNREACHABLE',
        ),
      );
      assert.equal((await rig.app(MEDIA)).tasksRunning, 1);
      rig.marathon.faults.returnHost(lost?.host as string);
      await rig.until('running', async () => (await running(rig)).length === 2);
      assert.ok((await rig.taskIds(MEDIA)).includes(lost?.id as string));
    },
    { hosts: hosts(3) },
  ));

test('once inactive it is replaced; when it comes back one of the three is killed', () =>
  withRig(
    async (rig) => {
      const strategy = { inactiveAfterSeconds: 1, expungeAfterSeconds: 100_000 };
      const [lost] = await putMedia(rig, strategy);
      rig.marathon.faults.loseHost(lost?.host as string);
      await rig.until('replaced', async () => (await running(rig)).length === 2);
      assert.ok((await rig.taskIds(MEDIA)).includes(lost?.id as string));
      rig.marathon.faults.returnHost(lost?.host as string);
      await rig.until('two again', async () => (await rig.tasks(MEDIA)).length === 2);
      assert.equal((await running(rig)).length, 2);
    },
    { hosts: hosts(3) },
  ));

test('disabled, it is never replaced', () =>
  withRig(
    async (rig) => {
      const [lost] = await putMedia(rig, 'disabled');
      rig.marathon.faults.loseHost(lost?.host as string);
      await rig.until('unreachable', async () =>
        (await rig.tasks(MEDIA)).some(({ state }) => state === 'TASK_UNREACHABLE'),
      );
      assert.equal((await rig.send('GET', '/v2/queue')).body.queue instanceof Array, true);
      assert.deepEqual((await rig.send('GET', '/v2/queue')).body.queue, []);
    },
    { hosts: hosts(3), timing: FAST },
  ));

test('a loss that is shorter than Mesos notices changes nothing', () =>
  withRig(
    async (rig) => {
      const before = await putMedia(rig);
      rig.marathon.faults.loseHost(before[0]?.host as string);
      rig.marathon.faults.returnHost(before[0]?.host as string);
      assert.deepEqual(await rig.tasks(MEDIA), before);
    },
    { hosts: hosts(3), timing: { ...FAST, unreachableAfterMs: 60_000 } },
  ));

test('a task that ended while its host was lost has failed when it is back', () =>
  withRig(
    async (rig) => {
      const [lost] = await putMedia(rig, { inactiveAfterSeconds: 1e6, expungeAfterSeconds: 2e6 });
      rig.marathon.faults.loseHost(lost?.host as string);
      rig.driver.taskOf(lost?.id as string).finish(3);
      await rig.until('unreachable', async () =>
        (await rig.tasks(MEDIA)).some(({ state }) => state === 'TASK_UNREACHABLE'),
      );
      rig.marathon.faults.returnHost(lost?.host as string);
      const again = (lost?.id as string).replace(/1$/, '2');
      await rig.until('relaunched', async () => (await rig.taskIds(MEDIA)).includes(again));
      const failure = (await rig.app(MEDIA)).lastTaskFailure as Json;
      assert.equal(failure.message, 'Container exited with status 3');
    },
    { hosts: hosts(3) },
  ));

test('scaling down takes the unreachable one first and does not wait for its host', () =>
  withRig(
    async (rig) => {
      const [lost, other] = await putMedia(rig, 'disabled');
      rig.marathon.faults.loseHost(lost?.host as string);
      await rig.until('unreachable', async () => (await running(rig)).length === 1);
      await rig.settle('PUT', `/v2/apps${MEDIA}`, { instances: 1 });
      assert.equal((await running(rig))[0]?.id, other?.id);
      rig.marathon.faults.returnHost(lost?.host as string);
      await rig.until('gone', async () => rig.driver.taskOf(lost?.id as string).isEnded);
      await rig.until('one left', async () => (await rig.tasks(MEDIA)).length === 1);
    },
    { hosts: hosts(3) },
  ));

test('a host that is lost while a deployment starts instances: they start elsewhere', async () => {
  const memory = new MemoryDriver((task) => (task.health = null));
  await withRig(
    async (rig) => {
      const check = { protocol: 'MESOS_HTTP', port: 9100, intervalSeconds: 1, delaySeconds: 0 };
      const app = sleeper(MEDIA, {
        instances: 2,
        constraints: [['@hostname', 'UNIQUE']],
        healthChecks: [{ ...check, gracePeriodSeconds: 100_000 }],
      });
      await rig.change('POST', '/v2/apps', app, 201);
      await rig.until('running', async () => (await running(rig)).length === 2);
      const [lost] = await rig.tasks(MEDIA);
      rig.marathon.faults.loseHost(lost?.host as string);
      await rig.until('elsewhere', async () => memory.tasks.length === 3);
      for (const task of memory.tasks) task.health = 200;
      await rig.idle();
      const used = (await running(rig)).map((task) => task.host);
      assert.equal(used.length, 2);
      assert.ok(!used.includes(lost?.host));
    },
    { hosts: hosts(3), memory },
  );
});
