import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import type { DrillReport } from '../../src/lab/drills/report.js';
import { whyNotDropped } from '../../src/lab/dropped-packets.js';
import { waitUntil } from '../../src/util/wait.js';
import { testDir } from '../support/resources.js';
import { Carna, runProgram } from './carna.js';
import { listsEqualTable } from './lists.js';

/** The quick part of the faults of ZooKeeper and of the network, on a lab with an ensemble of its own. */
const runDir = join(testDir('faults-zookeeper'), 'lab');
const carna = new Carna(runDir);
const NET = `127.${150 + (process.pid % 50)}`;
const LIMIT_MS = 60_000;

before(async () => {
  await carna.run('lab', 'up', '--net', NET, '--zookeepers', '3');
});

after(async () => {
  await carna.run('lab', 'down');
});

test('one of three servers leads, and each can be stopped and started by itself', async () => {
  const modes = async (): Promise<readonly (string | null)[]> =>
    (await carna.status()).zookeepers.map(({ mode }) => mode).sort();
  assert.deepEqual(await modes(), ['follower', 'follower', 'leader']);
  const { zookeepers } = await carna.status();
  const name = zookeepers.find(({ mode }) => mode === 'leader')?.name ?? '';
  assert.match(await carna.run('lab', 'status'), new RegExp(`^${name} .* leader$`, 'm'));
  await carna.run('lab', 'stop', name);
  const isLedAgain = async (): Promise<boolean> => {
    const servers = (await carna.status()).zookeepers;
    const stopped = servers.find((server) => server.name === name);
    return stopped?.pid === null && servers.some(({ mode }) => mode === 'leader');
  };
  await waitUntil('another leader', LIMIT_MS, isLedAgain, 100);
  await carna.run('lab', 'start', name);
  const isWhole = async (): Promise<boolean> => (await modes()).every((mode) => mode !== null);
  await waitUntil('three servers', LIMIT_MS, isWhole, 100);
});

for (const drill of [
  ['zookeeper-emptied', '--for', '1'],
  ['ensemble-leader-killed', '--for', '1'],
  ['ensemble-quorum-lost', '--for', '2'],
]) {
  test(`drill: ${drill.join(' ')}`, async () => {
    const { code, stdout, stderr } = await carna.try(['lab', 'drill', ...drill, '--json']);
    assert.equal(code, 0, stdout + stderr);
    await checkPassed(stdout);
  });
}

for (const drill of [
  ['cut-leader', '--for', '1'],
  ['half-open-postgres', '--for', '2'],
  ['half-open', '--for', '1'],
]) {
  test(`drill: ${drill.join(' ')}, or it says what it needs`, async () => {
    const needs = await whyNotDropped();
    const { code, stdout, stderr } = await carna.try(['lab', 'drill', ...drill, '--json']);
    if (needs === null) {
      assert.equal(code, 0, stdout + stderr);
      await checkPassed(stdout);
    } else {
      assert.equal(code, 3, stdout + stderr);
      assert.ok(stderr.includes(`needs ${needs}`), stderr);
    }
  });
}

async function checkPassed(stdout: string): Promise<void> {
  const { hasPassed, drills } = JSON.parse(stdout) as DrillReport;
  assert.equal(hasPassed, true);
  assert.equal(drills[0]?.calls?.failed, 0);
  assert.ok((drills[0]?.calls?.sent ?? 0) > 0);
  await listsEqualTable(await carna.status());
}

test('a drill that is killed leaves rules behind, which the end of the lab takes away', async () => {
  if ((await whyNotDropped()) !== null) {
    assert.equal((await carna.try(['lab', 'drill', 'half-open'])).code, 3);
    return;
  }
  const script = resolve('dist/src/bin/carna.js');
  const env = { ...process.env, CARNA_LAB_DIR: runDir };
  const drill = spawn(process.execPath, [script, 'lab', 'drill', 'half-open'], { env });
  const rules = async (): Promise<string> => (await runProgram('iptables', ['-S'])).stdout;
  await waitUntil('the rules', LIMIT_MS, async () => (await rules()).includes(`carna-lab-${NET} `));
  const ended = new Promise((done) => drill.once('close', done));
  drill.kill('SIGKILL');
  await ended;
  assert.ok((await rules()).includes(`carna-lab-${NET} `));
  assert.match(await carna.run('lab', 'down'), /^down: /);
  assert.ok(!(await rules()).includes(`carna-lab-${NET}`));
});
