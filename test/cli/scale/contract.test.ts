import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wait } from '../../../src/util/wait.js';
import { MemoryDriver } from '../../minimarathon/memory-driver.js';
import type { Faults } from '../../minimarathon/faults.js';
import type { Rig } from '../../minimarathon/support.js';
import { hosts, sleeper, withRig } from '../../minimarathon/support.js';
import * as p from '../support.js';
import { Platform } from './platform.js';

const MEDIA = '/carna/dc1/media';
/** Real time for each second that a command waits: the contract server's own life goes on in it. */
const SECOND_MS = 4;

type OnTick = (count: number, interrupt: () => void) => void | Promise<void>;

interface Stage {
  readonly rig: Rig;
  readonly faults: Faults;
  readonly platform: Platform;
  readonly carna: (line: string, onTick?: OnTick) => Promise<p.Outcome>;
  /** Task ids, the oldest first. */
  readonly ids: () => Promise<readonly string[]>;
}

/** The contract server with a model of the nodes behind its tasks; media nodes carry these calls. */
async function withStage(
  calls: readonly number[],
  use: (stage: Stage) => Promise<void>,
): Promise<void> {
  const platform = new Platform();
  const memory = new MemoryDriver((task) => {
    const { taskId, appId } = task.spec;
    platform.launch(taskId, appId, 0, -1);
    void task.ended.then(() =>
      task.stops.length > 0 ? platform.kill(taskId) : platform.vanish(taskId),
    );
  });
  await withRig(
    async (rig) => {
      const unreachableStrategy = { inactiveAfterSeconds: 0, expungeAfterSeconds: 7_200 };
      const constraints = [['hostname', 'UNIQUE']];
      const more = { instances: calls.length, unreachableStrategy, constraints };
      const app = sleeper(MEDIA, more);
      await rig.settle('POST', '/v2/apps', app, 201);
      for (let i = 0; i < 5; i++) platform.tick();
      [...platform.nodes.values()].forEach((node, i) => (node.calls = calls[i] ?? 0));
      const { url, standbyUrl, faults } = rig.marathon;
      const env = {
        ...{ CARNA_MARATHON: `${url},${standbyUrl}`, CARNA_CLUSTER: 'carna' },
        CARNA_MARATHON_TIMEOUT_MS: '60000',
      };
      const carna: Stage['carna'] = (line, onTick) =>
        p.carna(line, platform.data(), {
          env,
          onWait: async (count, interrupt) => {
            await wait(SECOND_MS);
            platform.tick();
            await onTick?.(count, interrupt);
          },
        });
      await use({ rig, faults, platform, carna, ids: () => rig.taskIds(MEDIA) });
    },
    { memory, hosts: hosts(8) },
  );
}

/** The first node that drains. */
const draining = (platform: Platform): string | undefined =>
  [...platform.nodes.values()].find(({ state }) => state === 'draining')?.nodeId;

async function assertEnd(stage: Stage, instances: number): Promise<void> {
  await stage.rig.idle();
  assert.deepEqual(stage.platform.undrainedKills, []);
  assert.deepEqual([...stage.platform.intents.keys()], []);
  const app = await stage.rig.app(MEDIA);
  assert.deepEqual([app.instances, (app.tasks as unknown[]).length], [instances, instances]);
}

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

test('two operators, 3 → 2 and 3 → 4: who is told no has killed nobody', () =>
  withStage([30, 40, 50], async (stage) => {
    const [down, up] = await Promise.all([
      stage.carna('scale media 2 --yes'),
      stage.carna('scale media 4'),
    ]);
    await assertOperators(stage, [
      { outcome: down, target: 2 },
      { outcome: up, target: 4 },
    ]);
  }));

for (const [first, second] of [
  [2, 3],
  [3, 3],
  [3, 2],
  [1, 3],
] as const) {
  test(`two operators, 4 → ${first} and 4 → ${second}`, () =>
    withStage([30, 20, 50, 40], async (stage) => {
      const outcomes = await Promise.all([
        stage.carna(`scale media ${first} --yes --headroom 0`),
        stage.carna(`scale media ${second} --yes --headroom 0`),
      ]);
      await assertOperators(stage, [
        { outcome: outcomes[0], target: first },
        { outcome: outcomes[1], target: second },
      ]);
    }));
}

/** Each has what was asked for in the end, or was told why not; and no undrained node died. */
async function assertOperators(
  stage: Stage,
  all: readonly { readonly outcome: p.Outcome; readonly target: number }[],
): Promise<void> {
  await stage.rig.idle();
  const told = all.map(({ outcome }) => outcome.out + outcome.err).join('\n');
  assert.deepEqual(stage.platform.undrainedKills, [], told);
  assert.deepEqual([...stage.platform.intents.keys()], [], told);
  const { instances } = await stage.rig.app(MEDIA);
  const happy = all.filter(({ outcome }) => outcome.code === 0).map(({ target }) => target);
  assert.ok(happy.length > 0, told);
  assert.ok(happy.includes(instances as number), `${String(instances)}\n${told}`);
  for (const { outcome } of all) {
    if (outcome.code !== 0) assert.match(outcome.out, /somebody else|instead of/, told);
  }
}

/** Numbers from a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const SPOILT = ['html', 'empty', 'half', '500'] as const;

for (let seed = 1; seed <= 20; seed++) {
  test(`whatever happens on the way (seed ${seed}): nobody undrained dies, and a second run gets there`, () =>
    withStage([10, 20, 30, 40], async (stage) => {
      const random = randomOf(seed);
      let isLocked = false;
      const trouble: OnTick = async (count, interrupt) => {
        const dice = random();
        const victim = draining(stage.platform);
        if (count > 60) {
          if (isLocked) stage.faults.unlockApp(MEDIA);
          isLocked = false;
        } else if (dice < 0.06) stage.faults.changeLeader();
        else if (dice < 0.16) stage.faults.answerWith(SPOILT[count % 4] ?? 'html', 1 + (count % 3));
        else if (dice < 0.2 && !isLocked) {
          stage.faults.lockApp(MEDIA);
          isLocked = true;
        } else if (dice < 0.3 && isLocked) {
          stage.faults.unlockApp(MEDIA);
          isLocked = false;
        } else if (dice < 0.31 && victim !== undefined) await stage.faults.relaunch(victim);
        else if (dice < 0.34) interrupt();
        // As kill -9: nothing is put in order.
        else if (dice < 0.37) throw new Error('killed');
      };
      const target = [1, 2, 3, 5, 6][Math.floor(random() * 5)] ?? 2;
      const first = await stage.carna(`scale media ${target} --yes --headroom 0`, trouble);
      assert.deepEqual(stage.platform.undrainedKills, [], first.out);
      if (isLocked) stage.faults.unlockApp(MEDIA);
      stage.faults.answerWith('500', 0);
      const again = await stage.carna(`scale media ${target} --yes --headroom 0`);
      assert.equal(again.code, 0, `${first.out}${first.err}\n---\n${again.out}${again.err}`);
      await assertEnd(stage, target);
    }));
}

for (let seed = 1; seed <= 12; seed++) {
  test(`two operators with troubles (seed ${seed}): nobody undrained dies, nobody is left draining untold`, () =>
    withStage([10, 20, 30, 40], async (stage) => {
      const random = randomOf(1_000 + seed);
      const pick = (): number => 1 + Math.floor(random() * 6);
      let ticks = 0;
      const trouble: OnTick = async (_count, interrupt) => {
        const dice = random();
        if (++ticks > 80) return;
        if (dice < 0.05) stage.faults.changeLeader();
        else if (dice < 0.1) stage.faults.answerWith(SPOILT[ticks % 4] ?? 'html', 1);
        else if (dice < 0.11) interrupt();
        else if (dice < 0.2) await wait(SECOND_MS * 10 * random());
      };
      const targets = [pick(), pick()] as const;
      const [first, second] = await Promise.all([
        stage.carna(`scale media ${targets[0]} --yes --force`, trouble),
        stage.carna(`scale media ${targets[1]} --yes --force`, trouble),
      ]);
      const told = `${targets.join(' and ')}\n${first.out}${first.err}\n${second.out}${second.err}`;
      assert.deepEqual(stage.platform.undrainedKills, [], told);
      for (const nodeId of stage.platform.intents.keys()) {
        assert.match(told, new RegExp(`draining.*${nodeId}`), told);
      }
      await stage.rig.idle();
      const again = await stage.carna(`scale media ${targets[0]} --yes --force`);
      assert.equal(again.code, 0, `${told}\n---\n${again.out}${again.err}`);
      assert.deepEqual(stage.platform.undrainedKills, [], again.out);
      assert.equal((await stage.rig.app(MEDIA)).instances, targets[0]);
    }));
}
