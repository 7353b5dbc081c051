import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { GuardJson } from '../../src/cli/json-shapes.js';
import { waitUntil } from '../../src/util/wait.js';
import { testDir } from '../support/resources.js';
import { Carna } from './carna.js';
import { drillPassed, playDrill } from './drills.js';
import { listsEqualTable, readTableWithPsql } from './lists.js';

/** Nodes that nobody says goodbye for, on a lab of its own: what the witness and the guards make of them. */
const runDir = join(testDir('losses'), 'lab');
const carna = new Carna(runDir);
const NET = `127.${101 + (process.pid % 25) * 2}`;
const MEDIA = ['media-1', 'media-2', 'media-3'];
const LIMIT_MS = 90_000;

before(async () => {
  // A machine that stands still for a second must not make a proxy try a second way: the caller, sipp, gives a
  // call up that is answered twice.
  const patience = { CARNA_FR_TIMER_MS: '3000' };
  const ended = await carna.try(['lab', 'up', '--net', NET], patience);
  assert.equal(ended.code, 0, ended.stderr);
});

after(async () => {
  await carna.run('lab', 'down');
});

const DRILLS = ['mass-silence', 'node-lost', 'drain-cut'];

for (const drill of DRILLS) {
  test(`drill: ${drill}`, async () => {
    await drillPassed(carna, await playDrill(carna, drill));
  });
}

test('a drill for which the lab is too small is not done, and says what it needs', async () => {
  const { code, stderr } = await carna.try(['lab', 'drill', 'ensemble-quorum-lost']);
  assert.equal(code, 3);
  assert.match(stderr, /needs --zookeepers 3\n.*carna lab up --zookeepers 3/);
});

async function held(): Promise<GuardJson['held']> {
  const { stdout } = await carna.try(['guard', '--json']);
  return (JSON.parse(stdout) as GuardJson).held;
}

/** The flags of the rows of set 30. */
async function flagsOfMedia(): Promise<readonly number[]> {
  const table = [...(await readTableWithPsql(await carna.status()))];
  return table.filter(([key]) => key.startsWith('30 ')).map(([, flags]) => flags);
}

test('all media nodes are lost with their agents: one row may go, the others are held, until they return', async () => {
  for (const name of MEDIA) await carna.run('lab', 'kill', name, '--agent');
  for (const name of MEDIA) await carna.run('lab', 'kill', name);
  // One may go in a minute, unless one went already; every other row that can take calls is held.
  const isHeld = async (): Promise<boolean> => {
    const [hold] = await held();
    const active = (await flagsOfMedia()).filter((flags) => flags === 8).length;
    return hold?.rule === 'budget' && hold.count === active && active >= 2;
  };
  await waitUntil('the hold', LIMIT_MS, isHeld, 200);
  const { code, stdout } = await carna.try(['guard']);
  assert.equal(code, 1);
  assert.match(stdout, /! held for .* set 30: [23] rows \(rule budget\)/);
  for (const name of MEDIA) await carna.run('lab', 'start', name);
  await waitUntil('its end', LIMIT_MS, async () => (await held()).length === 0, 200);
  assert.match(await carna.run('guard'), /^nothing is held back/);
  await listsEqualTable(await carna.status());
});
