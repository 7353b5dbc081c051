import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDriver } from './memory-driver.js';
import type { MemoryTask } from './memory-driver.js';
import type { Json } from './support.js';
import { FAST, hosts, sleeper, withRig } from './support.js';

const MEDIA = '/carna/dc1/media';

/** What differs, and whether it restarts. */
const differences: Readonly<Record<string, readonly [Json, boolean]>> = {
  instances: [{ instances: 3 }, false],
  cmd: [{ cmd: 'sleep 2000' }, true],
  args: [{ args: ['sleep', '2000'] }, true],
  env: [{ env: { A: 'b' } }, true],
  labels: [{ labels: { a: 'b' } }, true],
  cpus: [{ cpus: 0.2 }, true],
  constraints: [{ constraints: [['@hostname', 'UNIQUE']] }, true],
  upgradeStrategy: [
    { upgradeStrategy: { minimumHealthCapacity: 0, maximumOverCapacity: 0 } },
    true,
  ],
  taskKillGracePeriodSeconds: [{ taskKillGracePeriodSeconds: 7 }, true],
  killSelection: [{ killSelection: 'OLDEST_FIRST' }, true],
  unreachableStrategy: [{ unreachableStrategy: 'disabled' }, true],
  backoffSeconds: [{ backoffSeconds: 2 }, true],
  dependencies: [{ dependencies: ['/other'] }, true],
  'nothing new': [{ cpus: 0.1 }, false],
  'an unknown member': [{ requirePort: true }, false],
};

for (const [name, [difference, restarts]] of Object.entries(differences)) {
  test(`${name}: ${restarts ? 'restarts every instance' : 'restarts none'}`, () =>
    withRig(async (rig) => {
      await rig.settle('POST', '/v2/apps', sleeper('/other', { instances: 0 }), 201);
      await rig.settle('POST', '/v2/apps', sleeper(MEDIA, { instances: 2 }), 201);
      const before = await rig.taskIds(MEDIA);
      await rig.settle('PUT', `/v2/apps${MEDIA}`, difference);
      const after = await rig.taskIds(MEDIA);
      const kept = before.filter((id) => after.includes(id)).length;
      assert.equal(kept, restarts ? 0 : 2);
      assert.equal((await rig.app(MEDIA)).cpus, name === 'cpus' ? 0.2 : 0.1);
    }));
}

test('a restart replaces all and changes nothing else', () =>
  withRig(async (rig) => {
    await rig.settle('POST', '/v2/apps', sleeper(MEDIA, { instances: 2 }), 201);
    const before = await rig.taskIds(MEDIA);
    await rig.settle('POST', `/v2/apps${MEDIA}/restart`);
    const after = await rig.taskIds(MEDIA);
    assert.equal(after.length, 2);
    assert.ok(after.every((id) => !before.includes(id)));
    const versions = (await rig.send('GET', `/v2/apps${MEDIA}/versions`)).body.versions as string[];
    assert.equal(versions.length, 2);
  }));

test('without a merge what is not said has its default again', () =>
  withRig(async (rig) => {
    const app = sleeper(MEDIA, { labels: { a: 'b' } });
    await rig.settle('POST', '/v2/apps', app, 201);
    await rig.settle('PUT', `/v2/apps${MEDIA}`, { env: { A: 'b' } });
    assert.deepEqual((await rig.app(MEDIA)).labels, { a: 'b' });
    await rig.settle('PUT', `/v2/apps${MEDIA}?partialUpdate=false`, sleeper(MEDIA));
    assert.deepEqual((await rig.app(MEDIA)).labels, {});
    assert.deepEqual((await rig.app(MEDIA)).env, {});
  }));

/** Counts how many run at once, from the first change on. */
class Census {
  readonly driver: MemoryDriver;
  low = Infinity;
  high = 0;

  constructor() {
    this.driver = new MemoryDriver((task) => this.#follow(task));
  }

  #follow(task: MemoryTask): void {
    this.#count();
    void task.ended.then(() => this.#count());
  }

  #count(): void {
    const ended = this.driver.tasks.filter(({ isEnded }) => isEnded).length;
    const alive = this.driver.tasks.length - ended;
    this.low = Math.min(this.low, alive);
    this.high = Math.max(this.high, alive);
  }

  restart(): void {
    this.low = Infinity;
    this.high = 0;
  }
}

for (const [minimum, over, low, high] of [
  [0.5, 0, 2, 4],
  [0.75, 0, 3, 4],
  [1, 0.5, 4, 6],
  [1, 1, 4, 8],
  [1, 0, 4, 5],
] as const) {
  test(`a rolling upgrade at ${minimum}/${over} keeps between ${low} and ${high} of four`, async () => {
    const census = new Census();
    await withRig(
      async (rig) => {
        const upgradeStrategy = { minimumHealthCapacity: minimum, maximumOverCapacity: over };
        const check = { protocol: 'MESOS_HTTP', port: 9100, intervalSeconds: 1, delaySeconds: 0 };
        const app = sleeper(MEDIA, { instances: 4, upgradeStrategy, healthChecks: [check] });
        await rig.settle('POST', '/v2/apps', app, 201);
        census.restart();
        await rig.settle('PUT', `/v2/apps${MEDIA}`, { env: { A: 'b' } });
        assert.ok(census.low >= low, `${census.low} at the lowest`);
        assert.ok(census.high <= high, `${census.high} at the highest`);
        assert.equal((await rig.app(MEDIA)).tasksHealthy, 4);
      },
      { memory: census.driver },
    );
  });
}

test('with fixed ports and full capacity an upgrade never ends, with less it does', () =>
  withRig(
    async (rig) => {
      const app = sleeper(MEDIA, {
        instances: 2,
        requirePorts: true,
        portDefinitions: [{ port: 5060, protocol: 'udp,tcp', name: 'sip' }],
        constraints: [['@hostname', 'UNIQUE']],
      });
      await rig.settle('POST', '/v2/apps', app, 201);
      const before = await rig.taskIds(MEDIA);
      const id = await rig.change('PUT', `/v2/apps${MEDIA}`, { env: { A: 'b' } });
      await rig.until('offers are refused', async () => {
        const { queue } = (await rig.send('GET', '/v2/queue')).body as { queue: Json[] };
        const summary = queue[0]?.processedOffersSummary as { unusedOffersCount: number };
        return (summary?.unusedOffersCount ?? 0) > 10;
      });
      assert.deepEqual(await rig.taskIds(MEDIA), before);
      await rig.change('DELETE', `/v2/deployments/${id}?force=true`, undefined, 202);
      const upgradeStrategy = { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 };
      await rig.settle('PUT', `/v2/apps${MEDIA}`, { upgradeStrategy });
      const after = await rig.taskIds(MEDIA);
      assert.equal(after.length, 2);
      assert.ok(after.every((task) => !before.includes(task)));
    },
    { hosts: hosts(2), timing: FAST },
  ));

test('with a readiness check alone and no over-capacity an upgrade begins and never goes on', () =>
  withRig(async (rig) => {
    const upgradeStrategy = { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 };
    const readinessChecks = [{ portName: 'agent' }];
    const app = sleeper(MEDIA, { instances: 2, upgradeStrategy, readinessChecks });
    const before = await rig.change('POST', '/v2/apps', app, 201);
    await rig.until('both run', async () => (await rig.app(MEDIA)).tasksRunning === 2);
    await rig.change('DELETE', `/v2/deployments/${before}?force=true`, undefined, 202);
    const tasks = await rig.taskIds(MEDIA);
    await rig.change('PUT', `/v2/apps${MEDIA}`, { env: { A: 'b' } });
    await rig.until('begun', async () => {
      const { body } = await rig.send('GET', '/v2/deployments');
      return (body as unknown as { currentStep: number }[])[0]?.currentStep === 1;
    });
    assert.deepEqual(await rig.taskIds(MEDIA), tasks);
    assert.deepEqual((await rig.send('GET', '/v2/queue')).body.queue, []);
    assert.ok(tasks.every((task) => rig.driver.taskOf(task).stops.length === 0));
  }));

test('a new instance that comes back after a failure costs a further old one', async () => {
  const isOld = ({ spec }: MemoryTask): boolean => spec.env.A === undefined;
  const memory = new MemoryDriver((task) => (task.isObedient = !isOld(task)));
  await withRig(
    async (rig) => {
      const upgradeStrategy = { minimumHealthCapacity: 1, maximumOverCapacity: 0.34 };
      await rig.settle('POST', '/v2/apps', sleeper(MEDIA, { instances: 3, upgradeStrategy }), 201);
      await rig.change('PUT', `/v2/apps${MEDIA}`, { env: { A: 'b' } });
      const doomed = (): number => memory.tasks.filter(({ stops }) => stops.length > 0).length;
      await rig.until('the first victim', async () => doomed() === 1);
      const fresh = memory.tasks.find((task) => !isOld(task)) ?? assert.fail('no new task');
      await rig.marathon.faults.relaunch(fresh.spec.taskId);
      await rig.until('the second', async () => doomed() === 2);
      // One old and one new are left of three that shall all be healthy.
      assert.equal(memory.tasks.filter((task) => !isOld(task) && !task.isEnded).length, 1);
    },
    { memory },
  );
});
