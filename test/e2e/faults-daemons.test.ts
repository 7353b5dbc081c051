import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { testDir } from '../support/resources.js';
import { Carna } from './carna.js';
import { drillPassed, playDrill } from './drills.js';

/** Daemons that hang, PostgreSQL's faults and a burst of nodes, on a lab of its own; the longer ones: carna lab drill --all. */
const runDir = join(testDir('faults-daemons'), 'lab');
const carna = new Carna(runDir);
const NET = `127.${50 + (process.pid % 50)}`;

before(async () => {
  await carna.run('lab', 'up', '--net', NET);
});

after(async () => {
  await carna.run('lab', 'down');
});

const DRILLS = [
  'agent-frozen',
  'leader-frozen',
  'kamailio-frozen',
  'postgres-restarted',
  'postgres-refusing',
  'burst-200',
  'postgres-full',
];

for (const drill of DRILLS) {
  test(`drill: ${drill}`, async () => {
    const ended = await playDrill(carna, drill);
    if (drill === 'postgres-full' && process.getuid?.() !== 0) {
      assert.equal(ended.code, 3, ended.stdout + ended.stderr);
      assert.match(ended.stderr, /needs root/);
    } else await drillPassed(carna, ended);
  });
}
