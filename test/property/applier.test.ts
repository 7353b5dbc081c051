import fc from 'fast-check';
import assert from 'node:assert/strict';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { liveKey } from '../../src/topology/live-letters.js';
import { planLive } from '../../src/topology/live-plan.js';
import { holds } from './support/check.js';
import { KamailioModel } from './support/kamailio-model.js';
import type { Event } from './support/applier-scene.js';
import { Scene } from './support/applier-scene.js';
import { SETS, tables, events } from './support/applier-stories.js';

/** The real applier over a simulated Kamailio, table, leader and clock, whatever happens to them. */

async function play(rows: readonly DispatcherRow[], story: readonly Event[]): Promise<Scene> {
  const scene = new Scene(rows);
  await scene.time.advance(0);
  for (const event of story) {
    await scene.happen(event);
    // A pass is not cut in two: what happens in its middle is for the tests on real servers.
    await scene.time.advance(0);
  }
  return scene;
}

/** Plays a story, lets `act` look at its end, and then at what went wrong on the way. */
async function tell(
  rows: readonly DispatcherRow[],
  story: readonly Event[],
  act: (scene: Scene) => Promise<void> | void,
): Promise<void> {
  const scene = await play(rows, story);
  try {
    await act(scene);
    assert.deepEqual(scene.wrongs, []);
  } finally {
    await scene.stop();
  }
}

/** All faults are over; the leader has its way. */
async function calm(scene: Scene): Promise<void> {
  scene.kamailio.faults.clear();
  scene.kamailio.isDatabaseUp = true;
  scene.kamailio.isListTooLong = false;
  scene.kamailio.generation += 1;
  scene.tell();
  await scene.time.advance(300_000);
}

holds(
  'whatever happens: reloads keep their distance, no set is emptied unsaid, nothing untrue is acknowledged',
  400,
  () =>
    fc.asyncProperty(tables, events, async (rows, story) => {
      await tell(rows, story, (scene) => {
        const { asked } = scene.kamailio;
        asked.forEach((atMs, i) => {
          if (i > 0)
            assert.ok(atMs - (asked[i - 1] ?? 0) >= 1_000, `reloads at ${asked.join(', ')}`);
        });
      });
    }),
);

holds(
  'when the faults are over the list becomes the table, and then nothing is touched any more',
  250,
  () =>
    fc.asyncProperty(tables, events, async (rows, story) => {
      await tell(rows, story, async (scene) => {
        scene.kamailio.table = scene.kamailio.table.filter(
          (row) => row.destination !== 'sip:bad uri',
        );
        await calm(scene);
        assert.ok(scene.isEqual, 'live list and table differ');
        const told = scene.publication.current;
        assert.deepEqual([told?.drift, told?.generation], [null, scene.kamailio.generation]);
        for (const dest of scene.kamailio.live) {
          if (!scene.silent.has(liveKey(dest))) continue;
          assert.match(dest.letters, /^[ID]/, `${dest.destination} came back to life by a reload`);
        }
        const { asked, setStates } = scene.kamailio;
        const before = [asked.length, setStates, scene.publication.history.length];
        await scene.time.advance(300_000);
        const after = [asked.length, scene.kamailio.setStates, scene.publication.history.length];
        assert.deepEqual(after, before, 'something is touched although nothing changed');
      });
    }),
);

holds(
  'a bad row of somebody else keeps nobody else out, is named, and is not reloaded for ever',
  100,
  () =>
    fc.asyncProperty(tables, events, async (rows, story) => {
      await tell(rows, story, async (scene) => {
        const bad = { setid: 30, destination: 'sip:bad uri', flags: 8, priority: 0, attrs: '' };
        const good = { ...bad, destination: 'sip:good:5060', description: 'carna:x' };
        const others = scene.kamailio.table.filter((row) => row.destination !== 'sip:bad uri');
        scene.kamailio.table = [...others, good, { ...bad, description: 'by hand' }];
        await calm(scene);
        assert.ok(scene.isEqual, 'somebody is kept out');
        assert.match(scene.publication.current?.drift ?? '', /sip:bad uri is missing in set 30/);
        const before = scene.kamailio.asked.length;
        await scene.time.advance(600_000);
        assert.ok(scene.kamailio.asked.length - before <= 12, 'reloaded again and again');
      });
    }),
);

holds('the plan for a list does not depend on the order of the rows', 500, () =>
  fc.property(tables, tables, fc.nat(), (rows, former, by) => {
    const model = new KamailioModel(() => 0);
    model.table = former.filter(
      (row) => new Set(former.map(liveKey)).size === former.length && row,
    );
    model.start();
    const single = rows.filter(
      (row, i) => rows.findIndex((r) => liveKey(r) === liveKey(row)) === i,
    );
    const at = single.length === 0 ? 0 : by % single.length;
    const turned = [...single.slice(at), ...single.slice(0, at)];
    const input = { setids: SETS, live: model.live, previous: former, mayBeEmpty: () => true };
    const [a, b] = [single, turned].map((list) => {
      const plan = planLive({ ...input, rows: list });
      const text = (items: readonly unknown[]): string[] =>
        items.map((i) => JSON.stringify(i)).sort();
      return [text(plan.setStates), text(plan.carryOver), text(plan.reasons), plan.needsReload];
    });
    assert.deepEqual(a, b);
  }),
);
