import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { DrainJson } from '../../src/cli/json-shapes.js';
import { testDir } from '../support/resources.js';
import { Carna } from './carna.js';
import { drillPassed, playDrill } from './drills.js';
import { listsEqualTable, rowVersions } from './lists.js';

/** Drains, and what is done to agents and servers meanwhile, on a lab of its own under real calls. */
const runDir = join(testDir('drain'), 'lab');
const carna = new Carna(runDir);
const NET = `127.${100 + (process.pid % 25) * 2}`;

before(async () => {
  // A machine that stands still for a second must not make a proxy try a second way: the caller, sipp, gives a
  // call up that is answered twice.
  const patience = { CARNA_FR_TIMER_MS: '3000' };
  const ended = await carna.try(['lab', 'up', '--net', NET, '--load-balancers', '1'], patience);
  assert.equal(ended.code, 0, ended.stderr);
});

after(async () => {
  await carna.run('lab', 'down');
});

test('a drain that leaves too few nodes is refused with numbers and writes nothing', async () => {
  const status = await carna.status();
  const rows = await rowVersions(status);
  const refused = await carna.try(['drain', 'media-1', '--yes', '--floor', '3', '--json']);
  assert.equal(refused.code, 4);
  assert.match(refused.stderr, /^refused \(exit 4\): set 30 would keep 2 media nodes/);
  const { did, check } = JSON.parse(refused.stdout) as DrainJson;
  assert.equal(did, 'refused');
  assert.deepEqual(
    [check?.remaining, check?.floor, check?.room, check?.roomWithHeadroom, check?.nodesUnread],
    [2, 3, 2_000, 1_600, 0],
  );
  const { roles } = await carna.json<{ roles: { nodes: { intent: unknown }[] }[] }>('topology');
  assert.ok(roles.every((role) => role.nodes.every((node) => node.intent === null)));
  assert.equal(await rowVersions(status), rows);
});

test('the only load-balancer is not drained, although nobody lists it', async () => {
  const { code, stderr } = await carna.try(['drain', 'lb-1', '--yes']);
  assert.equal(code, 4);
  assert.match(stderr, /no load-balancers would stay/);
});

test('--force drains all the same; undrain --wait ends when everybody lists it again', async () => {
  const forced = await carna.run('drain', 'media-1', '--yes', '--floor', '3', '--force', '--wait');
  assert.match(forced, /--force although set 30 would keep 2 media nodes/);
  assert.match(forced, /media-1 is drained after .*: no call was on it\.\n$/);
  const status = await carna.status();
  const key = `30 sip:${NET}.30.1:5060`;
  assert.equal((await listsEqualTable(status)).get(key), 4);
  const undone = await carna.run('undrain', 'media-1', '--wait');
  assert.match(undone, /takes new calls again after .*on the list of 2\/2 dispatchers/);
  assert.equal((await listsEqualTable(status)).get(key), 8);
});

const DRILLS = ['drain', 'drain-deadline', 'sigterm-five', 'frozen-workers', 'agent-killed'];

for (const drill of DRILLS) {
  test(`drill: ${drill}`, async () => {
    await drillPassed(carna, await playDrill(carna, drill, '--rounds', '1'));
  });
}
