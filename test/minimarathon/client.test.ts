import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runEventStream, STREAM_TIMING } from '../../src/marathon/client/event-stream.js';
import type { MarathonClient } from '../../src/marathon/client/marathon-client.js';
import { MarathonAmbiguousError } from '../../src/util/errors.js';
import { client, never, testPorts } from '../marathon/client/fake-marathon.js';
import type { Rig } from './support.js';
import { sleeper, withRig } from './support.js';

const MEDIA = '/carna/dc1/media';

const ours = ({ marathon }: Rig): MarathonClient => client([marathon.standbyUrl, marathon.url]);

const put = (rig: Rig): Promise<void> =>
  rig.settle('POST', '/v2/apps', sleeper(MEDIA, { instances: 3 }), 201);

test('our client reads everything', () =>
  withRig(async (rig) => {
    await put(rig);
    const carna = ours(rig);
    const [app] = await carna.readApps(never);
    assert.equal(app?.id, MEDIA);
    assert.equal((await carna.readTasks(never)).length, 3);
    assert.equal((await carna.readInfo(never)).version, '1.11.0');
    assert.equal(await carna.readLeader(never), new URL(rig.marathon.url).host);
    assert.equal(await carna.readApp('/none', never), undefined);
    rig.marathon.faults.refuseOffers('InsufficientPorts');
    const change = await carna.scaleApp(MEDIA, 4, never);
    assert.equal(change.kind, 'started');
    const [deployment] = await carna.readDeployments(never);
    assert.deepEqual(deployment?.affectedApps, [MEDIA]);
    await rig.until('refused', async () => {
      const [item] = await carna.readQueue(never);
      return (item?.rejects ?? []).some(
        ({ reason, declined }) => reason === 'InsufficientPorts' && declined === 4,
      );
    });
    assert.equal((await carna.scaleApp(MEDIA, 5, never)).kind, 'locked');
    const cancelled = await carna.cancelDeployment(deployment?.id ?? '', true, never);
    assert.equal(cancelled.kind, 'stopped');
    assert.equal((await carna.cancelDeployment('none', false, never)).kind, 'unknown');
  }));

test('our client kills exactly those that it means', () =>
  withRig(async (rig) => {
    await put(rig);
    const carna = ours(rig);
    const [one = '', two = '', three = ''] = await rig.taskIds(MEDIA);
    const killed = await carna.killAndScale(MEDIA, [two], never);
    assert.equal(killed.kind, 'started');
    await rig.idle();
    assert.deepEqual(await rig.taskIds(MEDIA), [one, three]);
    const now = await rig.marathon.faults.relaunch(one);
    const stale = await carna.killAndScale(MEDIA, [one], never);
    assert.deepEqual(stale, { kind: 'stale', missing: [], relaunched: [{ id: one, now }] });
    const id = rig.marathon.faults.lockApp(MEDIA);
    const locked = await carna.killAndScale(MEDIA, [three], never);
    assert.deepEqual(locked.kind === 'locked' && locked.deploymentIds, [id]);
    assert.equal((await rig.app(MEDIA)).instances, 2);
  }));

test('an answer that is lost is an outcome that our client does not guess', () =>
  withRig(async (rig) => {
    await put(rig);
    const carna = client([rig.marathon.url]);
    for (const how of ['html', 'empty', 'half', '500'] as const) {
      rig.marathon.faults.answerWith(how, 1);
      await assert.rejects(carna.scaleApp(MEDIA, 2, never), MarathonAmbiguousError, how);
      await rig.idle();
      assert.equal((await rig.app(MEDIA)).instances, 2);
    }
  }));

test('our client plans and puts a group', () =>
  withRig(async (rig) => {
    const carna = ours(rig);
    const group = { apps: [sleeper('media')] };
    const plan = await carna.planGroup('/carna/dc1', group, never);
    assert.equal(plan.kind === 'steps' && plan.steps.length, 2);
    assert.equal((await carna.putGroup('/carna/dc1', group, never)).kind, 'started');
    await rig.idle();
    assert.equal((await carna.readApp(MEDIA, never))?.tasksRunning, 1);
  }));

test('our event stream follows redirects, drops, and a change of the leader', () =>
  withRig(async (rig) => {
    const carna = ours(rig);
    const stop = new AbortController();
    const seen: string[] = [];
    const following = runEventStream(
      {
        ...testPorts,
        open: (signal) => carna.openEvents([], signal),
        readSnapshot: (signal) => carna.readTasks(signal),
      },
      STREAM_TIMING,
      (item) => {
        seen.push(item.kind === 'event' ? item.event.kind : item.kind);
      },
      stop.signal,
    );
    const count = (kind: string): number => seen.filter((one) => one === kind).length;
    await rig.until('attached', async () => count('snapshot') === 1);
    await put(rig);
    await rig.until('told of all', async () => count('deployment') === 1 && count('task') === 6);
    rig.marathon.faults.dropEvents();
    await rig.until('attached again', async () => count('snapshot') === 2);
    rig.marathon.faults.changeLeader();
    await rig.until('attached to the other', async () => count('snapshot') >= 3);
    await rig.settle('PUT', `/v2/apps${MEDIA}`, { instances: 1 });
    await rig.until('told by the other', async () => count('deployment') === 2);
    stop.abort();
    await following;
  }));
