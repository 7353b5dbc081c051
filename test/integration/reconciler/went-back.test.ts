import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { Publication, Registry } from '../../../src/registry/registry.js';
import type { DcView } from '../../../src/registry/views.js';
import { readTable } from '../../../src/store/dispatcher-table.js';
import type { GenerationRecord, NodeRecord, NodeState } from '../../../src/topology/node.js';
import { StoreUnavailableError } from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import { nodeRecord } from '../../registry/records.js';
import type { ReconcilerProcess } from './platform.js';
import { Platform } from './platform.js';

const run = promisify(execFile);
const ALL_UP = ['m-1 8', 'm-2 8', 'm-3 8'];

let platform: Platform;
let agents: Registry;
let view: DcView;
let both: readonly ReconcilerProcess[];
const nodes = new Map<string, Publication<NodeRecord>>();

before(async () => {
  platform = await Platform.open();
  await platform.startSipServers(3);
  agents = platform.registry(4_000);
  await agents.whenConnected(10_000);
  view = platform.registry(4_000).watchAll();
  for (const nodeId of ['m-1', 'm-2', 'm-3']) nodes.set(nodeId, agents.publishNode(nodeId));
  for (const nodeId of nodes.keys()) await say(nodeId, 'up');
  both = [await platform.reconciler('reconciler-1'), await platform.reconciler('reconciler-2')];
  for (const one of both) await one.untilWarm();
  await untilRows(ALL_UP);
});
after(() => platform.close());

let said = 0;
const lastTrace = (): string => `said-${said.toString().padStart(6, '0')}`;

/** Gives the trace of it. */
async function say(nodeId: string, state: NodeState): Promise<string> {
  const host = platform.hostOf(Number(nodeId.slice(2)));
  said += 1;
  const id = lastTrace();
  const node = nodes.get(nodeId);
  const base = nodeRecord({ nodeId, dc: platform.dc, state });
  const sip = [{ transport: 'udp', host, port: 5060 } as const];
  node?.set({ ...base, sip, since: Date.now(), trace: { ...base.trace, id, actor: 'agent' } });
  assert.equal(await node?.settled(10_000), true);
  return id;
}

async function untilRows(expected: readonly string[]): Promise<void> {
  await waitUntil(`rows are ${expected.join(', ')}`, 20_000, async () => {
    try {
      return (await platform.rows()).join() === expected.join();
    } catch (err) {
      if (err instanceof StoreUnavailableError) return false; // Connections of before its stop.
      throw err;
    }
  });
}

async function change(nodeId: string): Promise<void> {
  await say(nodeId, 'draining');
  await untilRows(ALL_UP.map((row) => (row.startsWith(nodeId) ? `${nodeId} 4` : row)));
  await say(nodeId, 'up');
  await untilRows(ALL_UP);
}

/** The files of PostgreSQL as they are now; what it gives puts them back: a restored backup. */
async function backup(): Promise<() => Promise<void>> {
  const [data, kept] = [`${platform.db.options.dir}/data`, `${platform.db.options.dir}/kept`];
  await platform.db.stopServer();
  await run('rm', ['-rf', kept]);
  await run('cp', ['-a', data, kept]);
  await platform.db.startServer();
  return async () => {
    await platform.db.stopServer();
    await run('rm', ['-rf', data]);
    await run('cp', ['-a', kept, data]);
    await platform.db.startServer();
  };
}

function told(): GenerationRecord {
  const { record } = view.generation();
  assert.ok(record !== null);
  return record;
}

const untilTold = (what: string, isTold: (record: GenerationRecord) => boolean): Promise<void> =>
  waitUntil(what, 20_000, () => isTold(told()));

async function deposed(): Promise<number> {
  const counts = await Promise.all(
    both.map((one) => one.metric('carna_reconciler_count{what="deposed"}')),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

async function tableIsTold(): Promise<void> {
  const { generation } = await readTable(platform.db.store);
  assert.equal(told().generation, generation);
  assert.equal(told().epoch, (await platform.leader()).epoch);
}

test('PostgreSQL lost commits: the next change is told, beyond every generation that was told before', async () => {
  const restore = await backup();
  await change('m-1');
  await untilTold('the last commit', ({ traces }) => traces.at(-1)?.id === lastTrace());
  const before = told();
  await restore();
  assert.ok((await readTable(platform.db.store)).generation < before.generation);
  const trace = await say('m-2', 'draining');
  await untilRows(['m-1 8', 'm-2 4', 'm-3 8']);
  await untilTold('the change', ({ traces }) => traces.at(-1)?.id === trace);
  assert.equal(told().generation, before.generation + 1);
  assert.equal(told().epoch, before.epoch);
  assert.ok(told().traces.some(({ id }) => id === before.traces.at(-1)?.id));
  assert.equal(await deposed(), 0);
  await tableIsTold();
  const logs = both.map((one) => one.log).join('\n');
  assert.match(logs, /PostgreSQL went back in time, its table is written anew/);
  await say('m-2', 'up');
  await untilRows(ALL_UP);
});

test('PostgreSQL forgot epochs: one leader resigns once, and the next epoch is beyond all of them', async () => {
  const restore = await backup();
  for (let round = 0; round < 3; round++) {
    const { epoch, holder } = await platform.leader();
    const old = both.find(({ id }) => id === holder);
    await old?.stop();
    await waitUntil('the other leads', 30_000, async () => {
      return (await platform.leader()).epoch > epoch;
    });
    await old?.start();
    await old?.untilWarm();
    await change('m-1');
  }
  await untilTold('the last commit', ({ traces }) => traces.at(-1)?.id === lastTrace());
  const [before, deposedBefore] = [told(), await deposed()];
  await restore();
  assert.ok((await platform.leader()).epoch < before.epoch);
  const trace = await say('m-3', 'draining');
  await untilRows(['m-1 8', 'm-2 8', 'm-3 4']);
  await untilTold('the change', ({ traces }) => traces.at(-1)?.id === trace);
  assert.equal(told().epoch, before.epoch + 1);
  assert.equal(told().generation, before.generation + 1);
  assert.equal(await deposed(), deposedBefore + 1);
  await tableIsTold();
});
