import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { whyNotDropped } from '../../src/lab/dropped-packets.js';
import { waitUntil } from '../../src/util/wait.js';
import { testDir } from '../support/resources.js';
import { Carna, runProgram } from './carna.js';
import { drillPassed, playDrill } from './drills.js';

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

const DRILLS = [
  'zookeeper-emptied',
  'ensemble-leader-killed',
  'ensemble-quorum-lost',
  'cut-leader',
  'half-open-postgres',
  'half-open',
];
/** Those for which root and iptables may be missing. */
const OF_THE_NETWORK = ['cut-leader', 'half-open-postgres', 'half-open'];

for (const drill of DRILLS) {
  test(`drill: ${drill}, or it says what it needs`, async () => {
    const needs = OF_THE_NETWORK.includes(drill) ? await whyNotDropped() : null;
    const ended = await playDrill(carna, drill, '--for', '2');
    if (needs === null) {
      assert.equal((await drillPassed(carna, ended)).calls?.failed, 0);
    } else {
      assert.equal(ended.code, 3, ended.stdout + ended.stderr);
      assert.ok(ended.stderr.includes(`needs ${needs}`), ended.stderr);
    }
  });
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
