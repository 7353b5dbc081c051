import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Definition } from '../../src/marathon/deploy/group-apps.js';
import { goodApp } from '../marathon/lint/good.js';
import type { MemoryTask } from '../minimarathon/memory-driver.js';
import type { CarnaRig } from './marathon-rig.js';
import { withCarna } from './marathon-rig.js';

const MEDIA = '/prod/dc1/media';

/** A media app of 4 whose tasks know their release. */
function appOf(release: string): Definition {
  const app = goodApp();
  const env = { ...(app['env'] as Definition), RELEASE: release };
  return { ...app, id: MEDIA, instances: 4, env };
}

const isNew = ({ spec }: MemoryTask): boolean => spec.env['RELEASE'] === 'new';

async function deployOld(given: CarnaRig): Promise<void> {
  const { code } = await given.run('deploy FILE', { id: '/prod/dc1', apps: [appOf('old')] });
  assert.equal(code, 0);
  given.takeFewestUp();
}

const tasksOf = ({ rig }: CarnaRig): readonly MemoryTask[] =>
  rig.driver.tasks.filter((task) => !task.isEnded);

test('one node at a time goes, drained; all are new in the end, and a second deploy restarts nothing', () =>
  withCarna(async (given) => {
    await deployOld(given);
    const { code, out } = await given.run('rollout media FILE --yes', appOf('new'));
    assert.match(out, /4 of 4 done\n/);
    assert.equal(code, 0);
    assert.deepEqual(tasksOf(given).map(isNew), [true, true, true, true]);
    assert.equal(given.takeFewestUp(), 3);
    const old = given.rig.driver.tasks.filter((task) => !isNew(task));
    assert.ok(old.every(({ stops }) => stops.length === 1));
    const again = await given.run('deploy FILE', { id: '/prod/dc1', apps: [appOf('new')] });
    assert.match(again.out, /nothing to do[^]*its upgradeStrategy differs and stays/);
    assert.equal(again.code, 0);
    assert.equal(given.upCount(), 4);
  }));

test('a restart without a file goes at the same pace, whatever the definition says', () =>
  withCarna(async (given) => {
    await deployOld(given);
    for (const way of ['by its strategy', 'by a restart']) {
      const before = await given.rig.taskIds(MEDIA);
      const { code } = await given.run('rollout media --yes', {});
      assert.equal(code, 0);
      const now = await given.rig.taskIds(MEDIA);
      assert.equal(now.length, 4, way);
      assert.ok(now.every((id) => !before.includes(id)));
      assert.equal(given.takeFewestUp(), 3);
    }
  }));

test('silent events and a change of the leader in the middle end nothing', () =>
  withCarna(async (given) => {
    await deployOld(given);
    given.rig.marathon.faults.silenceEvents(true);
    let changes = 0;
    const { code, out } = await given.run('rollout media FILE --yes', appOf('new'), {
      onOutput: (text) => {
        if (text.includes('draining') && ++changes <= 2) given.rig.marathon.faults.changeLeader();
      },
    });
    assert.match(out, /is rolled out/);
    assert.equal(code, 0);
    assert.ok(changes > 1);
    assert.deepEqual(tasksOf(given).map(isNew), [true, true, true, true]);
    assert.equal(given.takeFewestUp(), 3);
  }));

test('a new version that ends stops it: the other old nodes are untouched', () =>
  withCarna(
    async (given) => {
      await deployOld(given);
      const { code, out } = await given.run('rollout media FILE --yes', appOf('new'));
      assert.match(out, /The new version is worse:\n.*(it is gone|launched again|it ended)/);
      assert.match(out, /is stopped: no further old node is taken away/);
      assert.equal(code, 1);
      const old = given.rig.driver.tasks.filter((task) => !isNew(task));
      assert.equal(old.filter(({ stops }) => stops.length > 0).length, 1);
      assert.equal(given.upCount() >= 3, true);
    },
    undefined,
    (task) => {
      if (isNew(task)) setTimeout(() => task.finish(1), 30);
    },
  ));

test('a new version that never comes up stops it; a better one is rolled out over the mix', () =>
  withCarna(
    async (given) => {
      await deployOld(given);
      const bad = await given.run('rollout media FILE --ready-timeout 30s --yes', appOf('new'));
      assert.match(bad.out, /it is not up in time: down/);
      assert.equal(bad.code, 1);
      assert.equal(given.upCount(), 3);
      given.takeFewestUp();
      const better = await given.run('rollout media FILE --yes', appOf('better'));
      assert.match(better.out, /replaced first: prod_dc1_media.*it is down/);
      assert.match(better.out, /is rolled out/);
      assert.equal(better.code, 0);
      assert.ok(tasksOf(given).every(({ spec }) => spec.env['RELEASE'] === 'better'));
      assert.ok(given.takeFewestUp() >= 3);
    },
    {
      state: (task) => (isNew(task) ? 'down' : task.stops.length > 0 ? 'draining' : 'up'),
    },
    (task) => {
      // Marathon asks /healthz as well: it is no node for calls yet.
      if (isNew(task)) task.health = 503;
    },
  ));

test("somebody else's deployment is waited for; left and taken up again it is the same rollout", () =>
  withCarna(async (given) => {
    await deployOld(given);
    const { faults } = given.rig.marathon;
    faults.lockApp(MEDIA);
    const left = await given.run('rollout media FILE --yes', appOf('new'), {
      onOutput: (text, interrupt) => {
        if (text.startsWith('Waiting')) faults.unlockApp(MEDIA);
        if (text.includes('draining')) interrupt();
      },
    });
    assert.match(left.out, /^Waiting for .* to end\.\n[^]*goes on in Marathon, node by node/);
    assert.equal(left.code, 1);
    const again = await given.run('rollout media FILE --yes', appOf('new'));
    assert.match(again.out, /^Following deployment [^]*is rolled out/);
    assert.equal(again.code, 0);
    assert.deepEqual(tasksOf(given).map(isNew), [true, true, true, true]);
  }));
