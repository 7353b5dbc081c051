import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IntentRecord } from '../../../src/topology/node.js';
import { RegistryNotSentError } from '../../../src/util/errors.js';
import * as p from '../support.js';
import { assertDown, withStage } from './scale-stage.js';
import { mediaTask } from './small-marathon.js';

test('somebody raises the number meanwhile: nothing is killed, told why', () =>
  withStage([5, 20, 5], async (stage) => {
    let done = false;
    const { code, out } = await stage.carna('scale media 2 --yes', () => {
      if (done || stage.platform.intents.size === 0) return;
      done = true;
      stage.marathon.scaleTo(4);
    });
    assert.equal(code, 1);
    assert.match(
      out,
      /has 4 instances now, it had 3: somebody else changed it meanwhile: nothing was killed/,
    );
    assert.deepEqual([stage.platform.killed, stage.platform.intents.size], [[], 0]);
    assert.equal(stage.marathon.instances, 4);
  }));

test('who gives up and cannot take its drain back says so by its exit code, too', () =>
  withStage([5, 20, 5], async (stage) => {
    const changeIntent = p.changing(stage.platform.intents, undefined, async () => {
      throw new RegistryNotSentError('ZooKeeper is away');
    });
    const { code, out } = await stage.carna(
      'scale media 2 --yes',
      () => {
        if (stage.platform.intents.size > 0) stage.marathon.scaleTo(4);
      },
      { data: { changeIntent } },
    );
    assert.match(
      out,
      /nothing was killed\.\nStill draining, because it could not be taken back \(ZooKeeper is away\): \S+\.\nUndo: carna undrain \S+\n$/,
    );
    assert.deepEqual([code, stage.platform.intents.size], [3, 1]);
  }));

test('somebody else kills the chosen node meanwhile: done, and killed once', () =>
  withStage([5, 0, 5], async (stage) => {
    let done = false;
    const { code, out } = await stage.carna('scale media 2 --yes', () => {
      const node = stage.platform.nodes.get(mediaTask(2));
      if (done || node?.state !== 'draining') return;
      done = true;
      stage.marathon.kill([mediaTask(2)]);
    });
    assert.equal(code, 0, out);
    assertDown(stage, [mediaTask(2)], 2);
    assert.deepEqual(stage.marathon.changes, []);
  }));

test('a drain that somebody takes back ends it', () =>
  withStage([5, 50, 60], async (stage) => {
    let ticks = 0;
    const { code, out } = await stage.carna('scale media 1 --yes', () => {
      if (stage.platform.intents.size === 2 && ++ticks === 5) {
        stage.platform.intents.delete(mediaTask(2));
      }
    });
    assert.equal(code, 1);
    assert.match(out, /the drain of \S+02\._app\.1 was taken back by somebody: nothing was killed/);
    assert.deepEqual([stage.platform.killed, stage.platform.intents.size], [[], 0]);
  }));

test('calls that outlive the deadline are told, with exit code 1', () =>
  withStage([500, 500], async (stage) => {
    const { code, out } = await stage.carna(
      'scale media 1 --yes --force --deadline 30s',
      (count) => {
        if (count === 3) stage.platform.isPastDeadline = true;
      },
    );
    assert.equal(code, 1);
    assert.match(out, /may go on for 30 s; what is left then is LOST/);
    assert.match(out, /490 calls outlived the deadline and went with them/);
    assert.equal(stage.marathon.instances, 1);
  }));

test('a row that stays is an error that names it', () =>
  withStage([5, 0, 5], async (stage) => {
    stage.platform.rowLingers = Number.POSITIVE_INFINITY;
    const { code, out } = await stage.carna('scale media 2 --yes --timeout 1m');
    assert.equal(code, 1);
    assert.match(
      out,
      /Killed, but 60 s later there is still:\n.*02\._app\.1: its row stands in set 30/,
    );
    assert.deepEqual([...stage.platform.intents.keys()], [mediaTask(2)]);
  }));

test('a draining node whose znode vanishes is not taken for drained while its row stands', () =>
  withStage([500, 500, 40], async (stage) => {
    let ticks = 0;
    const { code, out } = await stage.carna('scale media 2 --yes', () => {
      const node = stage.platform.nodes.get(mediaTask(3));
      if (node?.state === 'draining' && ++ticks === 2) {
        Object.assign(node, { hasZnode: false, age: Number.NEGATIVE_INFINITY });
      }
    });
    assert.equal(code, 1);
    assert.match(
      out,
      /it has no znode for 60 s, nobody can tell when it is empty: nothing was killed/,
    );
    assert.deepEqual([stage.platform.killed, stage.platform.intents.size], [[], 0]);
  }));

const CHANGED: readonly [string, Partial<IntentRecord>][] = [
  ['who and why', { by: 'ann', why: 'disk' }],
  ['--now', { now: true }],
  ['a deadline', { deadline: p.NOW + 30 * 60_000 }],
  ['that it is maintenance', { want: 'maintenance' }],
];

for (const [what, change] of CHANGED) {
  test(`a drain of which somebody else says ${what} meanwhile is not taken back`, () =>
    withStage([5, 50, 60], async (stage) => {
      const { intents } = stage.platform;
      let changed: IntentRecord | null = null;
      const { code, out } = await stage.carna('scale media 2 --yes', () => {
        const present = intents.get(mediaTask(1));
        if (changed !== null || present === undefined) return;
        changed = { ...present, ...change };
        intents.set(mediaTask(1), changed);
        stage.marathon.scaleTo(4);
      });
      assert.equal(code, 1);
      assert.match(out, /Still draining, as somebody else asked meanwhile: \S+01/);
      assert.deepEqual(intents.get(mediaTask(1)), changed);
    }));
}
