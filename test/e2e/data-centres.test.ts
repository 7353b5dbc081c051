import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TopologyJson } from '../../src/cli/json-shapes.js';
import { testDir } from '../support/resources.js';
import { Carna } from './carna.js';
import { drillPassed, playDrill } from './drills.js';

/** Two data centres on one machine: each is the other's fallback, and each goes on alone. */
const runDir = join(testDir('data-centres'), 'lab');
const carna = new Carna(runDir);
const NET = `127.${160 + (process.pid % 10) * 2}`;
const SIZE = ['--media', '2', '--load-balancers', '1', '--registrars', '1', '--outbounds', '1'];

before(async () => {
  await carna.run('lab', 'up', '--net', NET, '--dc', '2', ...SIZE);
});

after(async () => {
  await carna.run('lab', 'down');
});

async function topologyOf(dc: string): Promise<TopologyJson> {
  const { code, stdout, stderr } = await carna.try(['topology', '--json'], { CARNA_DC: dc });
  assert.equal(code, 0, stdout + stderr);
  return JSON.parse(stdout) as TopologyJson;
}

test('each data centre knows its own nodes and reads the other', async () => {
  for (const [dc, other] of [
    ['dc1', 'dc2'],
    ['dc2', 'dc1'],
  ] as const) {
    const topology = await topologyOf(dc);
    assert.equal(topology.dc, dc);
    const [remote] = topology.remotes;
    assert.deepEqual([remote?.dc, remote?.link], [other, 'linked']);
    assert.deepEqual(
      remote?.nodes.map(({ setid, flags }) => `${setid} ${flags}`),
      ['130 8', '130 8'],
    );
  }
});

test('a part of the second is told by its prefix', async () => {
  const [second] = (await carna.status()).dataCentres;
  assert.equal(second?.dc, 'dc2');
  assert.match(await carna.run('lab', 'kill', 'dc2-reconciler-1'), /dc2-reconciler-1 .* killed/);
  assert.match(await carna.run('lab', 'start', 'dc2-reconciler-1'), /dc2-reconciler-1 started/);
  assert.match(await carna.run('lab', 'freeze', 'dc2-media-1'), /dc2-media-1's server .* frozen/);
  assert.match(await carna.run('lab', 'thaw', 'dc2-media-1'), /goes on/);
});

const DRILLS = ['dc-media-lost', 'dc-link-cut'];

for (const drill of DRILLS) {
  test(`drill: ${drill}`, async () => {
    const ended = await playDrill(carna, drill, '--for', '10');
    if (drill === 'dc-link-cut' && process.getuid?.() !== 0) {
      assert.equal(ended.code, 3, ended.stdout + ended.stderr);
      assert.match(ended.stderr, /needs root/);
    } else await drillPassed(carna, ended);
  });
}
