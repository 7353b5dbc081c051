import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  generationZnode,
  optionsWitness,
  reconcilerTable,
  reconcilerView,
} from '../../../src/reconciler/adapters.js';
import type { Reconciler } from '../../../src/reconciler/run-reconciler.js';
import { openReconciler } from '../../../src/reconciler/run-reconciler.js';
import type { Publication, Registry } from '../../../src/registry/registry.js';
import { readChanges } from '../../../src/store/change-log.js';
import { readHead } from '../../../src/store/dispatcher-table.js';
import { DEFAULT_DERIVE_LIMITS } from '../../../src/topology/desired-rows.js';
import { DEFAULT_BUDGET_LIMITS } from '../../../src/topology/guard-budget.js';
import type { NodeRecord, NodeState } from '../../../src/topology/node.js';
import { DEFAULT_WIRING } from '../../../src/topology/wiring.js';
import { systemClock } from '../../../src/util/clock.js';
import { Doorbell } from '../../../src/util/doorbell.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import { nodeRecord } from '../../registry/records.js';
import type { FaultProxy } from '../../support/fault-proxy.js';
import { Platform } from './platform.js';

const COUNT = 15;
const AGENT_SESSION_MS = 3_000;

interface Agent {
  readonly at: number;
  readonly nodeId: string;
  readonly registry: Registry;
  readonly node: Publication<NodeRecord>;
}

let platform: Platform;
/** Between the agents and ZooKeeper. */
let gate: FaultProxy;
const agents: Agent[] = [];

before(async () => {
  platform = await Platform.open();
  gate = await platform.openGate();
  await platform.startSipServers(COUNT);
  for (let at = 1; at <= COUNT; at++) agents.push(await startAgent(at));
});
after(() => platform.close());

/** A session of its own with a published node. */
async function startAgent(at: number): Promise<Agent> {
  const registry = platform.registry(AGENT_SESSION_MS, gate.address);
  await registry.whenConnected(10_000);
  const nodeId = `m-${at}`;
  const agent = { at, nodeId, registry, node: registry.publishNode(nodeId) };
  await say(agent, 'up');
  return agent;
}

let said = 0;
async function say({ at, nodeId, node }: Agent, state: NodeState): Promise<void> {
  said += 1;
  const base = nodeRecord({ nodeId, dc: platform.dc, state, since: Date.now() });
  const sip = [{ transport: 'udp', host: platform.hostOf(at), port: 5060 }] as const;
  const id = `said-${String(said).padStart(6, '0')}`;
  node.set({ ...base, sip, trace: { ...base.trace, id, actor: 'agent' } });
  assert.equal(await node.settled(10_000), true);
}

const rowCount = async (): Promise<number> => (await platform.rows()).length;

test('C4 ZooKeeper comes back empty: no row is touched until all are published again', async (t) => {
  const reconciler = await platform.reconciler('reconciler-1');
  t.after(() => reconciler.stop());
  await waitUntil('all rows', 20_000, async () => {
    return (await platform.rows()).filter((row) => row.endsWith(' 8')).length === COUNT;
  });
  // From now on the second witness finds nobody: only the guards stand between the wipe and the table.
  await platform.stopSipServers();
  const rows = await platform.rows();
  const { generation } = await readHead(platform.db.store, 1);
  const stale = { seen: false, emptied: false };
  let isOver = false;
  let looks = 0;
  const looking = (async () => {
    while (!isOver) {
      assert.deepEqual(await platform.rows(), rows);
      const status = await reconciler.status();
      if (status?.isFresh === false) stale.seen = true;
      if (status?.isFresh === true && status.silent.length === COUNT) stale.emptied = true;
      looks += 1;
      await wait(20);
    }
  })();
  looking.catch(() => undefined); // Awaited below.
  // Nobody is back before the reconciler saw the emptied tree.
  await gate.down();
  await platform.wipeZookeeper();
  await waitUntil('seen empty', 60_000, () => stale.emptied);
  await gate.up();
  const eye = platform.registry(AGENT_SESSION_MS).watchAll();
  await waitUntil('all are published again', 60_000, () => eye.nodes().nodes.size === COUNT);
  await waitUntil('and seen by the reconciler', 30_000, async () => {
    const status = await reconciler.status();
    return status?.isFresh === true && status.isLeader && status.silent.length === 0;
  });
  eye.close();
  isOver = true;
  await looking;
  assert.deepEqual(
    stale,
    { seen: true, emptied: true },
    'it saw the tree empty, and judged nothing',
  );
  assert.deepEqual(await platform.rows(), rows);
  assert.equal((await readHead(platform.db.store, 1)).generation, generation, 'no version since');
  t.diagnostic(`${looks} looks at the table, ${COUNT} rows in each`);
  assert.ok((await reconciler.metric('carna_registry_view{what="wipes"}')) >= 1);
});

interface Running {
  readonly reconciler: Reconciler;
  stop(): Promise<void>;
}

/** In this process, with real adapters and guards that calm down sooner. */
async function startReconciler(): Promise<Running> {
  const registry = platform.registry();
  await registry.whenConnected(10_000);
  const all = registry.watchAll();
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const reconciler = openReconciler({
    dc: platform.dc,
    holder: 'in-process',
    wiring: DEFAULT_WIRING,
    limits: { ...DEFAULT_DERIVE_LIMITS, limboMs: 1_000 },
    budget: { ...DEFAULT_BUDGET_LIMITS, calmMs: 1_000 },
    timing: {
      quietMs: 10,
      resyncMs: 1_000,
      retry: { minMs: 20, maxMs: 200 },
      settleMs: 500,
    },
    view: reconcilerView(all),
    remotes: [],
    table: reconcilerTable(platform.db.store),
    generation: generationZnode(registry, all),
    overrides: { remove: (word) => registry.removeOverride(word) },
    clock: systemClock,
    random: Math.random,
    newPassId: () => randomBytes(12).toString('hex'),
    bell: new Doorbell(),
    witness: optionsWitness(systemClock),
    wait,
    log: quiet,
  });
  const stop = new AbortController();
  const done = registry.runForLeader('in-process', (term) => reconciler.lead(term), stop.signal);
  return {
    reconciler,
    stop: async () => {
      stop.abort();
      await done;
      reconciler.close();
      all.close();
    },
  };
}

test('C4 C5 the dead are removed in time, one that says goodbye at once', async (t) => {
  const running = await startReconciler();
  t.after(() => running.stop());
  await waitUntil('it judges', 20_000, () => running.reconciler.status().isSettled);
  // A goodbye is a word: neither calm nor budget nor witness stand before it.
  const [leaver, ...others] = agents;
  assert.ok(leaver !== undefined);
  const saidAtMs = performance.now();
  const leaving = say(leaver, 'down');
  await waitUntil('out of use', 10_000, async () => (await platform.rows()).includes('m-1 4'), 2);
  const tookMs = performance.now() - saidAtMs;
  await leaving;
  await leaver.node.close();
  await waitUntil('deleted', 20_000, async () => (await rowCount()) === COUNT - 1);
  t.diagnostic(`from the goodbye to its row, looking every 2 ms: ${tookMs.toFixed(0)} ms`);

  // Three of fourteen are within the budget of a minute; they die without a word.
  const dead = others.slice(0, 3);
  await Promise.all(dead.map(({ registry }) => registry.close()));
  await waitUntil('the dead are gone', 60_000, async () => (await rowCount()) === COUNT - 4);
  const left = await platform.rows();
  for (const { nodeId } of dead) assert.ok(!left.some((row) => row.startsWith(`${nodeId} `)));
  const told = await readChanges(platform.db.store, { last: 50 });
  for (const { nodeId } of dead) assert.ok(told.some((change) => change.nodeId === nodeId));
});

test('C4 more than half dying at once is held, told, and ends when they are back', async (t) => {
  const running = await startReconciler();
  t.after(() => running.stop());
  await waitUntil('it judges', 20_000, () => running.reconciler.status().isSettled);
  const rows = await platform.rows();
  const living = agents.slice(4);
  const dead = living.slice(0, 8);
  await Promise.all(dead.map(({ registry }) => registry.close()));
  await waitUntil('the stop', 30_000, () => {
    const { held } = running.reconciler.status();
    return held.some(({ rule }) => rule === 'stop');
  });
  assert.deepEqual(await platform.rows(), rows);
  await platform.startSipServers(COUNT);
  for (const { at } of dead) await startAgent(at);
  await waitUntil('its end', 30_000, () => running.reconciler.status().held.length === 0);
  assert.deepEqual(await platform.rows(), rows);
});
