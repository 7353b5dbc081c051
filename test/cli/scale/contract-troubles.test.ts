import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wait } from '../../../src/util/wait.js';
import { Random } from '../../sim/random.js';
import type * as p from '../support.js';
import { assertEnd, draining, MEDIA, SECOND_MS, withStage } from './contract-stage.js';
import type { OnTick, Stage } from './contract-stage.js';

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

test('two operators, each with half of the nodes: never all of them', () =>
  withStage([3, 3, 3, 3], async (stage) => {
    const ids = await stage.ids();
    const all = await Promise.all(
      [ids.slice(0, 2), ids.slice(2)].map((half) =>
        stage.carna(`scale-in ${half.join(' ')} --yes --headroom 0`),
      ),
    );
    await stage.rig.idle();
    const told = all.map(({ out, err }) => out + err).join('\n');
    assert.ok((await stage.ids()).length >= 2, told);
    assert.deepEqual(stage.platform.undrainedKills, [], told);
    assert.deepEqual([...stage.platform.intents.keys()], [], told);
    const codes = all.map(({ code }) => code).sort();
    assert.ok(codes.includes(4) && codes.every((code) => code === 0 || code === 4), told);
  }));

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

const SPOILT = ['html', 'empty', 'half', '500'] as const;

for (let seed = 1; seed <= 20; seed++) {
  test(`whatever happens on the way (seed ${seed}): nobody undrained dies, and a second run gets there`, () =>
    withStage([10, 20, 30, 40], async (stage) => {
      const random = new Random(seed);
      let isLocked = false;
      const trouble: OnTick = async (count, interrupt) => {
        const dice = random.next();
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
      const target = [1, 2, 3, 5, 6][Math.floor(random.next() * 5)] ?? 2;
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
      const random = new Random(1_000 + seed);
      const pick = (): number => 1 + Math.floor(random.next() * 6);
      let ticks = 0;
      const trouble: OnTick = async (_count, interrupt) => {
        const dice = random.next();
        if (++ticks > 80) return;
        if (dice < 0.05) stage.faults.changeLeader();
        else if (dice < 0.1) stage.faults.answerWith(SPOILT[ticks % 4] ?? 'html', 1);
        else if (dice < 0.11) interrupt();
        else if (dice < 0.2) await wait(SECOND_MS * 10 * random.next());
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
