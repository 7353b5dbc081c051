import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertEnd, draining, MEDIA, withStage } from './contract-stage.js';

test('up and down: media 3 → 6 → 2, nobody dies who was not drained', () =>
  withStage([9, 8, 7], async (stage) => {
    const up = await stage.carna('scale media 6');
    assert.equal(up.code, 0, up.out);
    await assertEnd(stage, 6);
    const down = await stage.carna('scale media 2 --yes');
    assert.equal(down.code, 0, down.out);
    await assertEnd(stage, 2);
    assert.equal(stage.platform.killed.length, 4);
  }));

test('while the app is locked for a while nothing dies; after it exactly the drained one', () =>
  withStage([9, 20, 7], async (stage) => {
    let victim: string | undefined;
    let ticks = 0;
    const { code, out } = await stage.carna('scale media 2 --yes', () => {
      if (victim === undefined) {
        victim = draining(stage.platform);
        if (victim !== undefined) stage.faults.lockApp(MEDIA);
      } else if (++ticks === 30) stage.faults.unlockApp(MEDIA);
      else if (ticks < 30) assert.deepEqual(stage.platform.killed, []);
    });
    assert.equal(code, 0, out);
    assert.match(out, /waiting for deployment/);
    assert.deepEqual(stage.platform.killed, [victim]);
    await assertEnd(stage, 2);
  }));

test('a task that is relaunched under its uuid while it drains is not killed', () =>
  withStage([90, 80, 70], async (stage) => {
    let now: string | undefined;
    const { code, out } = await stage.carna('scale media 2 --yes', async () => {
      const victim = draining(stage.platform);
      if (now === undefined && victim !== undefined) now = await stage.faults.relaunch(victim);
    });
    assert.equal(code, 1, out);
    assert.match(
      out,
      /relaunched meanwhile as .*\._app\.2, which was not drained: nothing was killed/,
    );
    assert.deepEqual(stage.platform.killed, []);
    await stage.rig.until('three tasks', async () => (await stage.ids()).length === 3);
    await assertEnd(stage, 3);
  }));

test('the leader changes while it drains', () =>
  withStage([9, 20, 7], async (stage) => {
    let isChanged = false;
    const { code, out } = await stage.carna('scale media 2 --yes', () => {
      if (!isChanged && draining(stage.platform) !== undefined) stage.faults.changeLeader();
      isChanged ||= draining(stage.platform) !== undefined;
    });
    assert.equal(code, 0, out);
    assert.ok(isChanged);
    await assertEnd(stage, 2);
  }));

test('the event stream stays silent: up and down work without it', () =>
  withStage([1, 1], async (stage) => {
    stage.faults.silenceEvents(true);
    assert.equal((await stage.carna('scale media 4')).code, 0);
    assert.equal((await stage.carna('scale media 2 --yes')).code, 0);
    await assertEnd(stage, 2);
  }));

test('no offer fits: said in words, and the lock is named to whoever goes down then', () =>
  withStage([1, 1, 1], async (stage) => {
    stage.faults.refuseOffers('InsufficientCpus');
    const up = await stage.carna('scale media 5 --timeout 1m');
    assert.equal(up.code, 1);
    assert.match(up.out, /2 instances wait for an offer that fits: .*too few CPUs are free/);
    const down = await stage.carna('scale media 2 --yes --timeout 10s');
    assert.equal(down.code, 1);
    assert.match(down.out, /of 5 instances 3 run and 2 wait for offers, held by deployment/);
    assert.deepEqual(stage.platform.killed, []);
    const forced = await stage.carna('scale media 4 --yes --cancel-waiting');
    assert.equal(forced.code, 0, forced.out);
    assert.deepEqual([stage.platform.killed.length, stage.platform.undrainedKills], [1, []]);
    stage.faults.refuseOffers(null);
    await stage.rig.until('four tasks', async () => (await stage.ids()).length === 4);
    assert.equal((await stage.carna('scale media 4')).code, 0);
    await assertEnd(stage, 4);
  }));

test('why a deployment that waits is ended, never rolled back: that kills who runs', () =>
  withStage([1, 1, 1], async ({ rig, faults, platform }) => {
    faults.refuseOffers('InsufficientCpus');
    const id = await rig.change('PUT', `/v2/apps${MEDIA}`, { instances: 6 });
    await rig.change('DELETE', `/v2/deployments/${id}`);
    await rig.until('the running ones die', async () => platform.undrainedKills.length === 3);
  }));

test('with a host lost and its node replaced, one that runs goes', () =>
  withStage([9, 8, 7], async (stage) => {
    const [lost] = (await stage.rig.tasks(MEDIA)) as { id: string; host: string }[];
    if (lost === undefined) throw new Error('no task');
    const node = stage.platform.nodes.get(lost.id);
    Object.assign(node ?? {}, { hasZnode: false, hasRow: false, calls: 0, age: -Infinity });
    stage.faults.loseHost(lost.host);
    await stage.rig.until('a replacement', async () => (await stage.ids()).length === 4);
    assert.equal((await stage.carna('scale media 3')).code, 0);
    const { code, out } = await stage.carna('scale media 2 --yes');
    assert.equal(code, 0, out);
    assert.deepEqual([stage.platform.killed.length, stage.platform.undrainedKills], [1, []]);
    assert.ok(!stage.platform.killed.includes(lost.id));
    assert.equal((await stage.rig.app(MEDIA)).instances, 2);
    assert.equal(stage.platform.intents.size, 0);
  }));

test('slow kills are waited for', () =>
  withStage([1, 2, 3], async (stage) => {
    stage.faults.slowKills(60);
    const { code, out } = await stage.carna('scale media 1 --yes');
    assert.equal(code, 0, out);
    await assertEnd(stage, 1);
  }));
