import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { DrillName } from '../../src/lab/drills/names.js';
import type { DrillReport } from '../../src/lab/drills/report.js';
import { testDir } from '../support/resources.js';
import type { Ended } from './carna.js';
import { Carna } from './carna.js';
import { listsEqualTable } from './lists.js';

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

const QUICK: readonly DrillName[] = [
  'agent-frozen',
  'leader-frozen',
  'kamailio-frozen',
  'postgres-restarted',
  'postgres-refusing',
  'burst-200',
];

async function drill(name: DrillName): Promise<Ended> {
  return carna.try(['lab', 'drill', name, '--json']);
}

async function passes({ code, stdout, stderr }: Ended): Promise<void> {
  assert.equal(code, 0, stdout + stderr);
  assert.equal((JSON.parse(stdout) as DrillReport).hasPassed, true);
  await listsEqualTable(await carna.status());
}

for (const name of QUICK) {
  test(`drill: ${name}`, async () => passes(await drill(name)));
}

test('drill: postgres-full, which says so when it is not started by root', async () => {
  const ended = await drill('postgres-full');
  if (process.getuid?.() === 0) return passes(ended);
  assert.notEqual(ended.code, 0);
  assert.match(ended.stderr, /only root can mount the small disk/);
});
