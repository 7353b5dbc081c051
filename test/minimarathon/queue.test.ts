import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDriver } from './memory-driver.js';
import type { Json, Rig } from './support.js';
import { FAST, host, hosts, sleeper, withRig } from './support.js';

const MEDIA = '/carna/dc1/media';

async function waiting(rig: Rig): Promise<readonly Json[]> {
  return (await rig.send('GET', '/v2/queue')).body.queue as Json[];
}

async function rejected(rig: Rig): Promise<Readonly<Record<string, number>>> {
  const [item] = await waiting(rig);
  const summary = item?.processedOffersSummary as { rejectSummaryLastOffers: Json[] } | undefined;
  const told = (summary?.rejectSummaryLastOffers ?? []).filter(({ declined }) => declined !== 0);
  return Object.fromEntries(
    told.map(({ reason, declined }) => [reason as string, declined as number] as const),
  );
}

/** What stands in the way of a further instance, and how it is told. */
const table: Readonly<Record<string, Json>> = {
  UnfulfilledConstraint: { constraints: [['@hostname', 'UNIQUE']] },
  InsufficientCpus: { cpus: 5 },
  InsufficientMemory: { mem: 5000 },
  InsufficientPorts: { requirePorts: true, portDefinitions: [{ port: 5060, name: 'sip' }] },
};

for (const [reason, more] of Object.entries(table)) {
  test(`three instances for two hosts: ${reason}`, () =>
    withRig(
      async (rig) => {
        await rig.change('POST', '/v2/apps', sleeper(MEDIA, { ...more, instances: 3 }), 201);
        await rig.until('told', async () => (await rejected(rig))[reason] === 2);
        assert.deepEqual(await rejected(rig), { [reason]: 2 });
        const [item] = await waiting(rig);
        assert.equal(item?.count, 1);
        assert.equal((item?.app as Json).id, MEDIA);
        assert.equal((await rig.tasks(MEDIA)).length, 2);
      },
      { hosts: hosts(2) },
    ));
}

test('a 0 with requirePorts is demanded as a service port, which no host offers', () =>
  withRig(async (rig) => {
    const app = sleeper(MEDIA, { requirePorts: true, portDefinitions: [{ port: 0, name: 'x' }] });
    await rig.change('POST', '/v2/apps', app, 201);
    await rig.until('told', async () => (await rejected(rig)).InsufficientPorts === 4);
  }));

test('offers can be refused for any reason, and fit again after', () =>
  withRig(async (rig) => {
    rig.marathon.faults.refuseOffers('AgentMaintenance');
    await rig.change('POST', '/v2/apps', sleeper(MEDIA), 201);
    await rig.until('told', async () => (await rejected(rig)).AgentMaintenance === 4);
    rig.marathon.faults.refuseOffers(null);
    await rig.idle();
    assert.deepEqual(await waiting(rig), []);
  }));

test('a task that fails backs off, longer each time; one that is killed does not', () =>
  withRig(
    async (rig) => {
      const app = sleeper(MEDIA, { backoffSeconds: 3600, backoffFactor: 2 });
      await rig.change('POST', '/v2/apps', { ...app, maxLaunchDelaySeconds: 36_000 }, 201);
      await rig.idle();
      const left = async (): Promise<number> => {
        const [item] = await waiting(rig);
        return (item?.delay as { timeLeftSeconds: number } | undefined)?.timeLeftSeconds ?? -1;
      };
      rig.driver.tasks.at(-1)?.finish(1);
      await rig.until('an hour', async () => (await left()) > 3000);
      assert.ok((await left()) <= 3600);
      await rig.change('DELETE', `/v2/queue${MEDIA}/delay`);
      await rig.until('relaunched', async () => (await rig.tasks(MEDIA)).length === 1);
      const [id = ''] = await rig.taskIds(MEDIA);
      await rig.send('DELETE', `/v2/apps${MEDIA}/tasks/${id}`);
      await rig.until(
        'again',
        async () => (await rig.taskIds(MEDIA))[0] === id.replace('.2', '.3'),
      );
      await rig.change('DELETE', `/v2/queue${MEDIA}/delay`, undefined, 404);
    },
    { hosts: [host('h1')], timing: FAST },
  ));

test('a task that cannot be started has failed, and says why', async () => {
  let isBroken = true;
  const memory = new MemoryDriver(() => {
    if (isBroken) throw new Error('no such image');
  });
  await withRig(
    async (rig) => {
      await rig.change('POST', '/v2/apps', sleeper(MEDIA), 201);
      await rig.until('told', async () => {
        const failure = (await rig.app(MEDIA)).lastTaskFailure as Json | undefined;
        return failure?.message === 'no such image' && failure.state === 'TASK_FAILED';
      });
      isBroken = false;
      await rig.idle();
      assert.equal((await rig.tasks(MEDIA)).length, 1);
    },
    { memory },
  );
});

test('an exit with 0 is TASK_FINISHED and backs off too', () =>
  withRig(async (rig) => {
    await rig.settle('POST', '/v2/apps', sleeper(MEDIA, { backoffSeconds: 100_000 }), 201);
    rig.driver.tasks[0]?.finish(0);
    await rig.until('waits', async () => {
      const [item] = await waiting(rig);
      return (item?.delay as { overdue: boolean } | undefined)?.overdue === false;
    });
    assert.equal(((await rig.app(MEDIA)).lastTaskFailure as Json).state, 'TASK_FINISHED');
  }));
