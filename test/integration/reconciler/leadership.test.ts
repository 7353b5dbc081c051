import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Publication, Registry } from '../../../src/registry/registry.js';
import { readChanges } from '../../../src/store/change-log.js';
import { readRefusals } from '../../../src/store/refused-writes.js';
import type { NodeRecord, NodeState } from '../../../src/topology/node.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import { nodeRecord } from '../../registry/records.js';
import type { ReconcilerProcess } from './platform.js';
import { Platform, ZK_SESSION_MS } from './platform.js';

/** Set to lengthen the tests that repeat. */
const LENGTH = Number(process.env['CARNA_TEST_LENGTH'] ?? '1');
const DISABLED = 4;

let platform: Platform;
let agents: Registry;
const nodes = new Map<string, Publication<NodeRecord>>();
let both: readonly [ReconcilerProcess, ReconcilerProcess];

before(async () => {
  platform = await Platform.open();
  await platform.startSipServers(3);
  agents = platform.registry(4_000);
  await agents.whenConnected(10_000);
  for (const nodeId of ['m-1', 'm-2', 'm-3']) nodes.set(nodeId, agents.publishNode(nodeId));
  for (const nodeId of nodes.keys()) await say(nodeId, 'up');
  const first = await platform.reconciler('reconciler-1');
  both = [first, await platform.reconciler('reconciler-2')];
  for (const one of both) await one.untilWarm();
  await waitUntil('three rows', 20_000, async () => {
    return (await platform.rows()).filter((row) => row.endsWith(' 8')).length === 3;
  });
});
after(() => platform.close());

let said = 0;
async function say(nodeId: string, state: NodeState): Promise<void> {
  const host = platform.hostOf(Number(nodeId.slice(2)));
  said += 1;
  const node = nodes.get(nodeId);
  const base = nodeRecord({ nodeId, dc: platform.dc, state });
  node?.set({
    ...base,
    sip: [{ transport: 'udp', host, port: 5060 }],
    since: Date.now(),
    trace: { ...base.trace, id: `said-${said.toString().padStart(6, '0')}`, actor: 'agent' },
  });
  assert.equal(await node?.settled(10_000), true);
}

/** Nodes whose row is disabled, in order. */
async function disabled(): Promise<readonly string[]> {
  return (await platform.rows()).filter((row) => row.endsWith(` ${DISABLED}`)).map(nameOf);
}

const nameOf = (row: string): string => row.split(' ')[0] ?? '';

async function leadingAndOther(): Promise<readonly [ReconcilerProcess, ReconcilerProcess]> {
  const [first, second] = both;
  await waitUntil('one leads and one stands by', 30_000, async () => {
    const [a, b] = [await first.status(), await second.status()];
    return a !== null && b !== null && a.isLeader !== b.isLeader && a.isFresh && b.isFresh;
  });
  return (await first.status())?.isLeader === true ? [first, second] : [second, first];
}

const deposed = (one: ReconcilerProcess): Promise<number> =>
  one.metric('carna_reconciler_count{what="deposed"}');

test('D3 a leader frozen between its read and its commit is refused by PostgreSQL, visibly, each time', async (t) => {
  const rounds = 4 * LENGTH;
  const frozenMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const [old, next] = await leadingAndOther();
    const before = await platform.leader();
    const deposedBefore = await deposed(old);
    const refusedBefore = (await readRefusals(platform.db.store, platform.dc, 1_000)).length;

    // It has read and planned, and believes to have sent: PostgreSQL knows nothing of it yet.
    const held = old.proxy.holdClientBytes((bytes) => bytes.includes('carna-commit-plan'));
    await say('m-1', 'draining');
    await waitUntil('the commit is under way', 20_000, () => held.isHolding, 2);
    old.signal('SIGSTOP');
    const stoppedAtMs = performance.now();
    await say('m-1', 'up');
    await say('m-2', 'draining');
    await waitUntil('the other leads and writes', 30_000, async () => {
      return (await platform.leader()).holder === next.id && (await disabled()).join() === 'm-2';
    });
    await wait(Math.max(0, stoppedAtMs + 3 * ZK_SESSION_MS - performance.now()));
    frozenMs.push(performance.now() - stoppedAtMs);
    old.signal('SIGCONT');
    held.release();

    const ruling = await platform.leader();
    assert.equal(ruling.epoch, before.epoch + 1);
    await waitUntil('the refusal', 20_000, async () => {
      return (await readRefusals(platform.db.store, platform.dc, 1_000)).length > refusedBefore;
    });
    const refusals = await readRefusals(platform.db.store, platform.dc, 1_000);
    assert.equal(refusals.length, refusedBefore + 1);
    const refusal = refusals.at(-1);
    assert.deepEqual(
      [refusal?.epoch, refusal?.holder, refusal?.rulingEpoch, refusal?.rulingHolder],
      [before.epoch, old.id, ruling.epoch, next.id],
    );
    assert.deepEqual(
      refusal?.rows.map(({ kind, destination, flags }) => [kind, destination, flags]),
      [['update', `sip:${platform.hostOf(1)}:5060`, DISABLED]],
    );
    const text = (await platform.carna('guard')).stdout;
    assert.match(
      text,
      new RegExp(
        `refused: a write of ${old.id} \\(epoch ${before.epoch}\\) at [\\d:]{8}, 1 row; epoch ${ruling.epoch} \\(${next.id}\\) rules`,
      ),
    );
    const json = JSON.parse((await platform.carna('guard', '--json')).stdout) as {
      refusals: unknown[];
    };
    assert.deepEqual(json.refusals.at(-1), refusal);
    await waitUntil('the old leader counts it and stands by', 20_000, async () => {
      const status = await old.status();
      return status?.isLeader === false && (await deposed(old)) === deposedBefore + 1;
    });
    assert.deepEqual(await platform.leader(), ruling);
    assert.deepEqual(await disabled(), ['m-2'], 'the table is the new leader’s');
    await say('m-2', 'up');
    await waitUntil('all in use', 20_000, async () => (await disabled()).length === 0);
  }
  const longest = Math.max(...frozenMs).toFixed(0);
  t.diagnostic(`${rounds} rounds, frozen for at most ${longest} ms, every write refused`);
  // In every round the former standby led: each of the two led again after it had been deposed.
  const epochs = await platform.db.store.query<{ epoch: string }>({
    text: 'SELECT DISTINCT epoch FROM carna.generation ORDER BY epoch',
  });
  assert.ok(epochs.length >= rounds);
  const order = await platform.db.store.query<{ falls: string }>({
    text: `SELECT count(*) AS falls FROM (SELECT epoch, lag(epoch) OVER (ORDER BY generation) AS was
             FROM carna.generation) g WHERE epoch < was`,
  });
  assert.equal(order[0]?.falls, '0', 'no older epoch after a newer one');
  assert.ok((await readChanges(platform.db.store, { last: 10 })).length > 0);
});

async function takeOver(signal: NodeJS.Signals): Promise<number> {
  const [old, next] = await leadingAndOther();
  const before = await platform.leader();
  const sentAtMs = performance.now();
  old.signal(signal);
  await waitUntil(
    'the next epoch',
    30_000,
    async () => {
      return (await platform.leader()).epoch > before.epoch;
    },
    2,
  );
  const tookMs = performance.now() - sentAtMs;
  assert.deepEqual(await platform.leader(), { holder: next.id, epoch: before.epoch + 1 });
  await say('m-3', 'draining');
  await waitUntil('it writes', 20_000, async () => (await disabled()).join() === 'm-3');
  await old.stop();
  await say('m-3', 'up');
  await waitUntil('all in use', 20_000, async () => (await disabled()).length === 0);
  await old.start();
  await old.untilWarm();
  return tookMs;
}

const spread = (ms: number[]): string => {
  const sorted = [...ms].sort((a, b) => a - b).map((one) => Math.round(one));
  return `min ${sorted[0]}, median ${sorted[sorted.length >> 1]}, max ${sorted.at(-1)} ms over ${ms.length}`;
};

test('D5 a leader told to stop hands over, one killed is followed when its session ends', async (t) => {
  const told: number[] = [];
  const killed: number[] = [];
  for (let round = 0; round < 2 * LENGTH; round++) {
    told.push(await takeOver('SIGTERM'));
    killed.push(await takeOver('SIGKILL'));
  }
  t.diagnostic(`SIGTERM to the next epoch: ${spread(told)}`);
  t.diagnostic(`SIGKILL to the next epoch, S = ${ZK_SESSION_MS} ms: ${spread(killed)}`);
});
