import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import type { Publication, Registry } from '../../../src/registry/registry.js';
import { openRegistry } from '../../../src/registry/registry.js';
import type { NodeRecord, NodeState } from '../../../src/topology/node.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import { nodeRecord } from '../../registry/records.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { freePort } from '../../support/resources.js';
import type { ReconcilerProcess } from './platform.js';
import { Platform, ZK_SESSION_MS } from './platform.js';

/** A real `carna reconciler` that reads another data centre over a link that breaks in every way. */

const FAR_DC = 'ber1';
const LIMIT_MS = 30_000;

let platform: Platform;
let far: Registry;
let link: FaultProxy;
let reconciler: ReconcilerProcess;
const nodes = new Map<string, Publication<NodeRecord>>();

before(async () => {
  platform = await Platform.open();
  await platform.startSipServers(3);
  const [host = '', port = '0'] = platform.zookeeper.split(':');
  link = await FaultProxy.open(host, await freePort(), Number(port));
  far = openRegistry({
    connectString: platform.zookeeper,
    auth: null,
    zkSessionTimeoutMs: 4_000,
    cluster: 'test',
    dc: FAR_DC,
    log: pino({ level: 'silent' }),
  });
  await far.whenConnected(10_000);
  for (const nodeId of ['m-1', 'm-2', 'm-3']) nodes.set(nodeId, far.publishNode(nodeId));
  for (const nodeId of nodes.keys()) await say(nodeId, 'up');
  reconciler = await start('reconciler-1');
  await rowsAre(['m-1 8', 'm-2 8', 'm-3 8']);
});

after(async () => {
  await far.close();
  await platform.close();
  await link.close();
});

async function start(id: string): Promise<ReconcilerProcess> {
  return platform.reconciler(id, { CARNA_REMOTE_ZOOKEEPERS: `${FAR_DC}=${link.address}` });
}

let said = 0;
async function say(nodeId: string, state: NodeState | null): Promise<void> {
  const host = platform.hostOf(Number(nodeId.slice(2)));
  said += 1;
  const node = nodes.get(nodeId);
  const base = nodeRecord({ nodeId, dc: FAR_DC, state: state ?? 'down' });
  const sip = [{ transport: 'udp', host, port: 5060 } as const];
  const trace = { ...base.trace, id: `said-${said.toString().padStart(6, '0')}`, actor: 'agent' };
  node?.set(state === null ? null : { ...base, sip, since: Date.now(), trace });
  assert.equal(await node?.settled(10_000), true);
}

async function rows(): Promise<readonly string[]> {
  const prefix = `${FAR_DC}/`;
  const all = await platform.rows();
  assert.ok(all.every((row) => row.startsWith(prefix)));
  return all.map((row) => row.slice(prefix.length));
}

async function rowsAre(wanted: readonly string[]): Promise<void> {
  let found: readonly string[] = [];
  const isSo = async (): Promise<boolean> => {
    found = await rows();
    return JSON.stringify(found) === JSON.stringify(wanted);
  };
  await waitUntil(`the rows ${wanted.join(', ')}`, LIMIT_MS, isSo).catch((err: unknown) => {
    throw new Error(`the rows are ${found.join(', ')}`, { cause: err });
  });
}

async function linkIs(wanted: string): Promise<void> {
  await waitUntil(`a link that is ${wanted}`, LIMIT_MS, async () => {
    return (await reconciler.status())?.remotes.every(({ link: is }) => is === wanted) === true;
  });
}

test('its nodes drain, are down and come back by their own word', async () => {
  await say('m-1', 'draining');
  await say('m-2', 'down');
  await rowsAre(['m-1 4', 'm-2 4', 'm-3 8']);
  await say('m-1', 'up');
  await say('m-2', 'up');
  await rowsAre(['m-1 8', 'm-2 8', 'm-3 8']);
  assert.equal(await reconciler.metric(`carna_reconciler_remote_linked{dc="${FAR_DC}"}`), 1);
});

for (const [how, cut, heal] of [
  ['refused', () => link.down(), () => link.up()],
  ['a black hole', async () => link.blackHole(), async () => link.heal()],
] as const) {
  test(`a link that is ${how}: nothing changes, whoever leads; after it what was said counts`, async () => {
    await cut();
    await linkIs('stale');
    await say('m-1', 'down');
    await say('m-1', null);
    await say('m-2', 'draining');
    await reconciler.stop();
    reconciler = await start(`reconciler-${how.length}`);
    await reconciler.untilWarm();
    await linkIs('unread');
    await waitUntil('a pass', LIMIT_MS, async () => {
      return ((await reconciler.status())?.counters.passes ?? 0) > 0;
    });
    await wait(2 * ZK_SESSION_MS);
    assert.deepEqual(await rows(), ['m-1 8', 'm-2 8', 'm-3 8']);
    await heal();
    await linkIs('linked');
    await rowsAre(['m-1 8', 'm-2 4', 'm-3 8']); // m-1 went unheard, and still answers.
    nodes.set('m-1', far.publishNode('m-1'));
    await say('m-1', 'up');
    await say('m-2', 'up');
    await rowsAre(['m-1 8', 'm-2 8', 'm-3 8']);
  });
}

test('its agents vanish together: what answers SIP stays, and when nothing does the guards hold it', async () => {
  for (const nodeId of nodes.keys()) await say(nodeId, null);
  await wait(2 * ZK_SESSION_MS);
  assert.deepEqual(await rows(), ['m-1 8', 'm-2 8', 'm-3 8']);
  await platform.stopSipServers();
  // Of three one may go without anybody's word, and most are silent at once: none does.
  await wait(4 * ZK_SESSION_MS);
  assert.deepEqual(await rows(), ['m-1 8', 'm-2 8', 'm-3 8']);
});
