import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import type { LabState } from '../../src/lab/state.js';
import { markedProcesses } from '../../src/lab/teardown.js';
import { ZkSession } from '../../src/registry/session.js';
import { waitUntil } from '../../src/util/wait.js';
import { testDir } from '../support/resources.js';
import { nodeRecord } from '../registry/records.js';
import { Carna } from './carna.js';
import { listsEqualTable, readTableWithPsql, rowVersions } from './lists.js';

/** The story of the README on a lab of its own: each test goes on where the one before ended. */
const runDir = join(testDir('story'), 'lab');
const carna = new Carna(runDir);
const NET = `127.${150 + (process.pid % 50)}`;

before(async () => {
  await carna.run('lab', 'up', '--net', NET);
});

after(async () => {
  await carna.run('lab', 'down');
});

test('a second up says that it is up, and status shows where to look', async () => {
  assert.match(await carna.run('lab', 'up', '--net', NET), /the lab is up in/);
  const status = await carna.status();
  assert.equal(status.nodes.length, 11);
  assert.ok(status.nodes.every((node) => node.agentPid !== null && node.serverPid !== null));
  assert.deepEqual(
    status.nodes.map((node) => (node.kind === 'kamailio' ? node.ctlSocket : node.esl) !== null),
    status.nodes.map(() => true),
  );
  assert.ok(status.parts.every((part) => part.pid !== null));
  assert.ok(existsSync(status.runDir));
});

test('desired rows, table and live lists agree, seen with psql and kamcmd', async () => {
  const table = await listsEqualTable(await carna.status());
  assert.deepEqual(
    [...table.values()],
    Array.from({ length: 11 }, () => 8),
  );
  assert.match(await carna.run('dispatcher'), /agree/);
});

test('calls go through load-balancer, dispatcher and every media node', async () => {
  const report = await carna.json<{ completed: number; nodes: { answered: number }[] }>(
    ...['lab', 'call', '--calls', '60', '--rate', '30', '--length', '500'],
  );
  assert.equal(report.completed, 60);
  assert.equal(report.nodes.length, 3);
  const { loads } = await carna.json<{ loads: Record<string, number> }>('topology');
  for (const name of ['lb-1', 'media-1', 'media-2', 'media-3']) {
    assert.equal(typeof loads[name], 'number', name);
  }
});

test('with no further change nothing is written and nothing is reloaded', async () => {
  const status = await carna.status();
  const before_ = [await rowVersions(status), await reloads(status)];
  // Every daemon is made to look again: a reconnect rings all bells and forces full reads.
  await carna.run('lab', 'stop', 'zookeeper');
  await carna.run('lab', 'start', 'zookeeper');
  await waitUntil('everybody is connected', 30_000, async () => {
    const health = await Promise.all(status.nodes.map((node) => healthOf(node.http)));
    return health.every((one) => one.registry === 'connected');
  });
  await listsEqualTable(status);
  assert.deepEqual([await rowVersions(status), await reloads(status)], before_);
});

test('a killed media server is taken out and comes back by itself', async () => {
  const status = await carna.status();
  await carna.run('lab', 'kill', 'media-2');
  await waitUntil('both changes', 20_000, async () => {
    const { entries } = await carna.json<{ entries: { to: string; live: unknown[] }[] }>(
      ...['timeline', '--node', 'media-2', '--last', '2'],
    );
    return entries.every((entry) => entry.live.length === 2) && entries.at(-1)?.to === 'up';
  });
  const table = await listsEqualTable(status);
  assert.deepEqual([...new Set(table.values())], [8]);
  const after_ = await carna.status();
  const pidOf = (s: typeof status): number | null | undefined =>
    s.nodes.find((node) => node.name === 'media-2')?.serverPid;
  assert.notEqual(pidOf(after_), pidOf(status));
});

test('a server that hangs is found by its checks, and taken back when it goes on', async () => {
  const status = await carna.status();
  await carna.run('lab', 'freeze', 'media-3');
  const key = `30 sip:${NET}.30.3:5060`;
  const flagsAre = async (flags: number): Promise<boolean> =>
    (await readTableWithPsql(status)).get(key) === flags;
  await waitUntil('media-3 disabled', 20_000, () => flagsAre(4), 100);
  await listsEqualTable(status);
  await carna.run('lab', 'thaw', 'media-3');
  await waitUntil('media-3 active', 20_000, () => flagsAre(8), 100);
  await listsEqualTable(status);
});

test('a drained node gets no new call and none is lost; undrain takes it back', async () => {
  const status = await carna.status();
  const calls = carna.json<{ sent: number; completed: number }>(
    ...['lab', 'call', '--calls', '150', '--rate', '30', '--length', '1000'],
  );
  await carna.run('drain', 'media-1', '--yes', '--wait', '--why', 'test');
  const table = await listsEqualTable(status);
  assert.equal(table.get(`30 sip:${NET}.30.1:5060`), 4);
  const report = await calls;
  assert.equal(report.completed, report.sent);
  const meanwhile = await carna.json<{ nodes: { node: string }[] }>(
    ...['lab', 'call', '--calls', '30', '--rate', '30', '--length', '200'],
  );
  assert.ok(meanwhile.nodes.every(({ node }) => node !== `${NET}.30.1:5060`));
  await carna.run('undrain', 'media-1');
  await waitUntil('media-1 active', 20_000, async () => {
    return (await readTableWithPsql(status)).get(`30 sip:${NET}.30.1:5060`) === 8;
  });
  await listsEqualTable(status);
});

test('a new node gets calls', async () => {
  await carna.run('lab', 'add', 'media');
  const status = await carna.status();
  assert.equal((await listsEqualTable(status)).size, 12);
  const report = await carna.json<{ nodes: { node: string }[] }>(
    ...['lab', 'call', '--calls', '30', '--rate', '30', '--length', '200'],
  );
  assert.ok(report.nodes.some(({ node }) => node === `${NET}.30.4:5060`));
});

for (const drill of ['zookeeper-killed', 'postgres-away', 'leader-killed', 'kamailio-killed']) {
  test(`drill: ${drill}`, async () => {
    const seen = await carna.try(['lab', 'drill', drill, '--for', '8']);
    assert.equal(seen.code, 0, seen.stdout + seen.stderr);
    await listsEqualTable(await carna.status());
  });
}

async function reloads(status: {
  readonly nodes: readonly { readonly http: string }[];
}): Promise<string> {
  const texts = await Promise.all(
    status.nodes.map(async (node) => (await fetch(`http://${node.http}/metrics`)).text()),
  );
  return texts.flatMap((text) => text.match(/^carna_agent_reloads_total.*$/gm) ?? []).join('\n');
}

async function healthOf(http: string): Promise<{ readonly registry?: string }> {
  try {
    return (await (await fetch(`http://${http}/healthz`)).json()) as { registry?: string };
  } catch {
    return {};
  }
}

test('garbage in the registry is refused by name, and no row is lost', async () => {
  const status = await carna.status();
  const rows = await rowVersions(status);
  const [user = '', password = ''] = labFile().secrets.zookeeperAuth.split(':');
  const session = ZkSession.open({
    connectString: status.zookeeper,
    zkSessionTimeoutMs: 5_000,
    auth: { user, password },
    log: pino({ level: 'silent' }),
  });
  const good = nodeRecord({ nodeId: 'wrong-1', dc: 'dc1' });
  const records: readonly (readonly [string, string])[] = [
    ['garbage-1', '\u0000\u0001 no JSON'],
    ['huge-1', JSON.stringify({ ...good, nodeId: 'huge-1', reason: 'x'.repeat(5_000) })],
    ['version-1', JSON.stringify({ ...good, nodeId: 'version-1', schema: 2 })],
    [
      'uri-1',
      JSON.stringify({
        ...good,
        nodeId: 'uri-1',
        sip: [{ transport: 'udp', host: 'no uri;<x>', port: 5060 }],
      }),
    ],
    ['wrong-2', JSON.stringify(good)],
  ];
  try {
    await session.whenConnected(10_000);
    for (const [name, data] of records) {
      await session.create(`/carna/lab/dc1/nodes/${name}~1`, Buffer.from(data), {
        ephemeral: true,
      });
    }
    const shown = await carna.run('topology');
    for (const [name] of records) assert.match(shown, new RegExp(name));
    await listsEqualTable(status);
    assert.equal(await rowVersions(status), rows);
  } finally {
    await session.close();
  }
});

test('down leaves no process and no file', async () => {
  const { mark } = labFile();
  assert.ok(markedProcesses(mark).length > 10);
  await carna.run('lab', 'down');
  assert.ok(!existsSync(runDir));
  assert.deepEqual(markedProcesses(mark), []);
});

function labFile(): LabState {
  return JSON.parse(readFileSync(join(runDir, 'lab.json'), 'utf8')) as LabState;
}
