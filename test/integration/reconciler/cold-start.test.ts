import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Registry } from '../../../src/registry/registry.js';
import { readHead } from '../../../src/store/dispatcher-table.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import { nodeRecord } from '../../registry/records.js';
import { Platform } from './platform.js';

let platform: Platform;
let agents: Registry;
before(async () => {
  platform = await Platform.open();
  await platform.startSipServers(4);
  agents = platform.registry(4_000);
  await agents.whenConnected(10_000);
});
after(() => platform.close());

async function publish(at: number): Promise<void> {
  const nodeId = `m-${at}`;
  const sip = [{ transport: 'udp', host: platform.hostOf(at), port: 5060 }] as const;
  const node = agents.publishNode(nodeId);
  node.set(nodeRecord({ nodeId, dc: platform.dc, sip }));
  assert.equal(await node.settled(10_000), true);
}

test('C11 started without ZooKeeper it stays up, writes nothing, and begins when ZooKeeper is there', async () => {
  for (const at of [1, 2, 3]) await publish(at);
  const first = await platform.reconciler('reconciler-1');
  await waitUntil('three rows', 20_000, async () => {
    return (await platform.rows()).join() === 'm-1 8,m-2 8,m-3 8';
  });
  await first.stop();
  const rows = await platform.rows();
  const { generation } = await readHead(platform.db.store, 1);
  const before = await platform.leader();

  await platform.stopZookeeper();
  const cold = await platform.reconciler('reconciler-2');
  await wait(2_500); // More than two of its session time-outs.
  const status = await cold.status();
  assert.deepEqual([status?.isLeader, status?.isFresh, status?.counters.passes], [false, false, 0]);
  assert.equal(await cold.metric('carna_registry_state{state="connecting"}'), 1);
  assert.equal(await cold.metric('carna_registry_view_fresh'), 0);
  assert.ok((await cold.metric('carna_registry_view_stale_seconds')) > 2);
  assert.deepEqual(await platform.rows(), rows);
  assert.deepEqual(await platform.leader(), before);

  // Operators see the last table, its age, and that it is stale.
  for (const command of ['topology', 'dispatcher']) {
    const { code, stdout } = await platform.carna(command);
    assert.equal(code, 3);
    assert.match(
      stdout,
      /^STALE: ZooKeeper is away, this is the last table: generation [\d,]+, changed [\d.]+ m?s ago, last leader reconciler-1\n/,
    );
    for (const at of [1, 2, 3])
      assert.match(stdout, new RegExp(`sip:${platform.hostOf(at)}:5060 +m-${at} +8 active`));
  }
  const guard = await platform.carna('guard');
  assert.equal(guard.code, 3);
  assert.match(guard.stderr, /no ZooKeeper within/);

  await platform.startZookeeper();
  await waitUntil('it leads', 30_000, async () => (await platform.leader()).holder === cold.id);
  await publish(4);
  await waitUntil('it writes', 30_000, async () => (await platform.rows()).length === 4);
  const head = await readHead(platform.db.store, 1);
  assert.ok(head.generation > generation);
  const others = (await platform.rows()).filter((row) => !row.startsWith('m-4'));
  assert.deepEqual(others, rows, 'nothing but the new node was written');
  await cold.stop();
});
