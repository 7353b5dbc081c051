import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreUnavailableError } from '../../../src/util/errors.js';
import { withStage } from './scale-stage.js';
import { mediaTask } from './small-marathon.js';

test('up: every new node is followed until all Kamailios list it', () =>
  withStage([1, 1, 1], async (stage) => {
    const { code, out } = await stage.carna('scale media 5');
    assert.equal(code, 0, out);
    assert.match(out, /media 3 → 5: Marathon starts 2 nodes/);
    for (const n of [4, 5]) {
      const node = mediaTask(n).replaceAll('.', '\\.');
      assert.match(out, new RegExp(`${node}: TASK_RUNNING on h`));
      assert.match(out, new RegExp(`${node} on h\\d is starting`));
      assert.match(out, new RegExp(`${node} takes calls: on the list of 2/2 dispatchers`));
    }
    assert.match(
      out,
      /media has 5 instances; 5 of them up and listed wherever they have to be\.\n$/,
    );
    assert.deepEqual(stage.marathon.changes, ['put 5']);
  }));

for (const hasTable of [true, false]) {
  test(`up ${hasTable ? 'with' : 'without'} the table: nodes that are old news hold nothing up`, () =>
    withStage([1, 1], async (stage) => {
      stage.platform.forgotten.add(mediaTask(1));
      const readTable = async () => {
        throw new StoreUnavailableError('no database');
      };
      const more = hasTable ? {} : { data: { readTable } };
      const { code, out } = await stage.carna('scale media 3', undefined, more);
      assert.equal(code, 0, out);
      assert.match(out, /03\._app\.1 takes calls: on the list of 2\/2 dispatchers/);
    }));
}

test('up while Marathon goes away: exit code 3, and how to go on', () =>
  withStage([1, 1], async (stage) => {
    const { code, out } = await stage.carna('scale media 3 --timeout 5s', () => {
      stage.marathon.intercept = (_seen, response) => {
        response.destroy();
        return true;
      };
    });
    assert.equal(code, 3);
    assert.match(out, /Marathon or ZooKeeper does not answer\n.*Go on: carna scale media 3/s);
  }));

test('up: when nothing fits it says why, in words, and what goes on', () =>
  withStage([1, 1, 1], async (stage) => {
    stage.marathon.unplaced = 2;
    const { code, out } = await stage.carna('scale media 6 --timeout 1m');
    assert.equal(code, 1);
    assert.match(
      out,
      /2 instances wait for an offer that fits: 3 of the last 4 offers: a constraint of the app is not met/,
    );
    assert.match(out, /media: not there after 60 s:/);
    assert.match(out, /Marathon goes on with deployment d-1/);
  }));

test('up: a lost answer is looked for, the number is not sent again', () =>
  withStage([1, 1], async (stage) => {
    const loses = (isDone: boolean) => {
      stage.marathon.intercept = (seen, response) => {
        if (seen.method !== 'PUT') return false;
        if (isDone) stage.marathon.scaleTo(3);
        else stage.marathon.changes.push('lost');
        response.destroy();
        return true;
      };
    };
    loses(false);
    const lost = await stage.carna('scale media 3');
    assert.equal(lost.code, 3);
    assert.match(lost.err, /PUT \/v2\/apps/);
    assert.deepEqual(stage.marathon.changes, ['lost']);
    loses(true);
    const { code, out } = await stage.carna('scale media 3');
    assert.equal(code, 0, out);
    assert.deepEqual(stage.marathon.changes, ['lost', 'put 3']);
  }));

test('up waits for the lock of somebody else, then asks', () =>
  withStage([1, 1, 1], async (stage) => {
    stage.marathon.lock(10);
    const { code, out } = await stage.carna('scale media 4');
    assert.equal(code, 0, out);
    assert.match(out, /waiting for deployment other-1, which is under way/);
    assert.deepEqual(stage.marathon.changes, ['put 4']);
  }));

test('up: whom somebody else raised further meanwhile is not lowered by the number of before', () =>
  withStage([1, 1, 1], async (stage) => {
    const { marathon, platform } = stage;
    let asked = 0;
    const real = platform.data();
    const readAgentHealth = async (http: string) => {
      // Three for the headline, then those of the look that the change goes by.
      if (++asked === 4) {
        marathon.scaleTo(6);
        marathon.deployments = [];
      }
      return real.readAgentHealth(http);
    };
    const { code, out } = await stage.carna('scale media 4', undefined, {
      data: { readAgentHealth },
    });
    assert.equal(code, 1);
    assert.match(out, /has 6 instances now: somebody else raised it; nothing more was changed/);
    assert.deepEqual([marathon.changes, marathon.instances], [['put 6'], 6]);
    assert.deepEqual(platform.killed, []);
  }));
