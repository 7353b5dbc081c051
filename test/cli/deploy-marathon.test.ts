import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Definition } from '../../src/marathon/deploy/group-apps.js';
import { goodApp } from '../marathon/lint/good.js';
import { withCarna } from './marathon-rig.js';

const MEDIA = '/prod/dc1/media';

const appOf = (more: Definition = {}): Definition => ({ ...goodApp(), id: MEDIA, ...more });
const group = (...apps: readonly Definition[]): Definition => ({ id: '/prod/dc1', apps });

test('a group is deployed, and once more it is nothing to do, though Marathon added its defaults', () =>
  withCarna(async ({ rig, run, upCount }) => {
    const first = await run('deploy FILE', group(appOf()));
    assert.match(first.out, /✔ \/prod\/dc1\/media {2}3 of 3 running, 3 up, 3 listed\n/);
    assert.deepEqual([first.code, upCount()], [0, 3]);
    const { version } = await rig.app(MEDIA);
    const again = await run('deploy FILE', group(appOf()));
    assert.equal(again.out, '/prod/dc1: nothing to do, Marathon holds it already.\n');
    assert.equal((await rig.app(MEDIA))['version'], version);
  }));

test('with silent events and a leader that changes the end is found all the same', () =>
  withCarna(async ({ rig, run }) => {
    rig.marathon.faults.silenceEvents(true);
    const { code, out } = await run('deploy FILE', group(appOf()), {
      onOutput: (text) => {
        if (text.startsWith('Deployment')) rig.marathon.faults.changeLeader();
      },
    });
    assert.match(out, /is deployed/);
    assert.equal(code, 0);
  }));

test('a lock is waited for; nothing is forced', () =>
  withCarna(async ({ rig, run }) => {
    await run('deploy FILE', group(appOf({ instances: 1 })));
    const id = rig.marathon.faults.lockApp(MEDIA);
    const { code, out } = await run('deploy FILE --instances --yes', group(appOf()), {
      onOutput: (text) => {
        if (text.startsWith('Waiting')) rig.marathon.faults.unlockApp(MEDIA);
      },
    });
    assert.match(out, new RegExp(`^Waiting for ${id} to end\\.\\n`));
    assert.equal(code, 0);
    assert.equal((await rig.taskIds(MEDIA)).length, 3);
  }));

test('when no offer fits Marathon says why; later the same command goes on', () =>
  withCarna(async ({ rig, run }) => {
    rig.marathon.faults.refuseOffers('InsufficientCpus');
    const late = await run('deploy FILE --deadline 1m', group(appOf()));
    assert.match(
      late.out,
      /3 without a place: no offer fits: InsufficientCpus \(\d+ of \d+ offers\)/,
    );
    assert.match(late.out, /goes on in Marathon/);
    assert.equal(late.code, 1);
    rig.marathon.faults.refuseOffers(null);
    const { code, out } = await run('deploy FILE', group(appOf()));
    assert.match(out, /is deployed|nothing to do/);
    assert.equal(code, 0);
  }));
