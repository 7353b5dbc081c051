import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { dcPaths } from '../../../src/registry/paths.js';
import { NodePublication } from '../../../src/registry/record-publication.js';
import { EphemeralPublication } from '../../../src/registry/publish.js';
import type { ZkSession } from '../../../src/registry/session.js';
import { TreeView } from '../../../src/registry/tree-view.js';
import { AgentView } from '../../../src/registry/views.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import { nodeRecord } from '../../registry/records.js';
import type { FaultPair, FaultProxy } from '../../support/fault-proxy.js';
import { ZkFrames, isNotice, operationOf } from '../../support/zk-frames.js';
import type { TestServer } from './lab.js';
import { atEnd, connected, proxyTo, quiet, recordingLog, zookeeper } from './lab.js';

let zk: TestServer;
before(async () => {
  zk = await zookeeper(500);
});

/** Counts what passes through a proxy. */
function counting(proxy: FaultProxy): { requests: number; notices: number; operations: number[] } {
  const counts = { requests: 0, notices: 0, operations: [] as number[] };
  const asked = new WeakMap<FaultPair, ZkFrames>();
  const answered = new WeakMap<FaultPair, ZkFrames>();
  const framesOf = (of: WeakMap<FaultPair, ZkFrames>, pair: FaultPair): ZkFrames => {
    const known = of.get(pair) ?? new ZkFrames();
    of.set(pair, known);
    return known;
  };
  proxy.onClientBytes = (bytes, pair) => {
    for (const frame of framesOf(asked, pair).push(bytes)) {
      const operation = operationOf(frame);
      if (operation === null) continue;
      counts.requests += 1;
      counts.operations.push(operation);
    }
    return undefined;
  };
  proxy.onServerBytes = (bytes, pair) => {
    counts.notices += framesOf(answered, pair).push(bytes).filter(isNotice).length;
    return undefined;
  };
  return counts;
}

interface Agent {
  readonly session: ZkSession;
  readonly view: AgentView;
  readonly node: NodePublication;
  readonly nodeId: string;
}

/** Sessions with all that an agent asks of the registry. */
async function startAgents(count: number, address: string, dc: string): Promise<Agent[]> {
  const paths = dcPaths('herd', dc);
  const agents: Agent[] = [];
  const start = async (at: number): Promise<void> => {
    const { session } = await connected(address, { zkSessionTimeoutMs: 10_000 });
    const nodeId = `m-${at}`;
    const restore = async (): Promise<void> => assert.fail('no intent is lost here');
    const view = new AgentView(session, paths, nodeId, { log: quiet, restore });
    atEnd(() => view.close());
    const options = { parentPath: paths.nodes, id: nodeId, log: quiet, verifyMs: 600_000 };
    const node = new NodePublication(new EphemeralPublication(session, options));
    node.set(recordOf(nodeId, 'up'));
    assert.equal(await node.settled(20_000), true);
    await view.whenFresh(20_000);
    agents.push({ session, view, node, nodeId });
  };
  for (let from = 0; from < count; from += 20) {
    await Promise.all(
      Array.from({ length: Math.min(20, count - from) }, (_, at) => start(from + at)),
    );
  }
  return agents;
}

function recordOf(nodeId: string, state: 'up' | 'draining'): ReturnType<typeof nodeRecord> {
  return nodeRecord({ nodeId, dc: 'fra1', state, since: Date.now() });
}

test('a restart under 200 sessions: each tries seldom, reads a little, and keeps its znode', async (t) => {
  const server = await zookeeper(500);
  const proxy = await proxyTo(server);
  const agents = await startAgents(200, proxy.address, 'storm');
  const ids = agents.map(({ session }) => session.zkSessionId);
  const counts = counting(proxy);
  const acceptedBefore = proxy.accepted;
  const backAtMs: number[] = [];
  for (const { session } of agents) {
    session.onState((state) => state === 'connected' && backAtMs.push(performance.now()));
  }
  await server.stop();
  await waitUntil('all cut', 20_000, () =>
    agents.every(({ session }) => session.state !== 'connected'),
  );
  await wait(5_000);
  const attempts = proxy.accepted - acceptedBefore;
  await server.start();
  await waitUntil('all are back', 60_000, () => backAtMs.length >= 200);
  await waitUntil('all views are fresh', 60_000, () => agents.every(({ view }) => view.isFresh()));
  for (const { node } of agents) assert.equal(await node.settled(20_000), true);
  assert.deepEqual(
    agents.map(({ session }) => session.zkSessionId),
    ids,
    'no session was lost',
  );
  const spreadMs = Math.max(...backAtMs) - Math.min(...backAtMs);
  t.diagnostic(
    `${(attempts / 200).toFixed(1)} attempts a session in an outage of 5 s, back within ${spreadMs.toFixed(0)} ms, ` +
      `${(counts.requests / 200).toFixed(1)} requests a session`,
  );
  // Quick ones at first, then one every second on the average; not one every 100 ms.
  assert.ok(attempts / 200 < 25, `${attempts} attempts`);
  assert.ok(counts.requests / 200 < 25, `${counts.requests} requests`);
  assert.ok(!counts.operations.includes(101), 'SET_WATCHES is never sent');
});

test('a hundred changes among fifty agents wake only those whom they concern', async (t) => {
  const proxy = await proxyTo(zk);
  const agents = await startAgents(50, proxy.address, 'quiet');
  const { session: eye } = await connected(zk.address);
  const all = TreeView.open(eye, dcPaths('herd', 'quiet').root, { log: quiet });
  atEnd(() => all.close());
  await all.whenFresh(10_000);
  const counts = counting(proxy);
  for (let round = 0; round < 2; round++) {
    const state = round === 0 ? 'draining' : 'up';
    for (const { node, nodeId } of agents) {
      node.set(recordOf(nodeId, state));
      assert.equal(await node.settled(10_000), true);
    }
  }
  const stateOf = (text: string): unknown => (JSON.parse(text) as { state: unknown }).state;
  await waitUntil('the reconciler’s view has all of it', 10_000, () => {
    const nodes = [...all.snapshot().entries].filter(([at]) => at.startsWith('nodes/'));
    return nodes.every(([, { data }]) => stateOf(String(data)) === 'up');
  });
  t.diagnostic(`100 changes, 50 agents: ${counts.notices} notices, ${counts.requests} requests`);
  // An agent watches its own znode, to learn of a deletion; nobody else's.
  assert.ok(counts.notices <= 200, `${counts.notices} notices`);
  assert.ok(counts.requests <= 600, `${counts.requests} requests`);
});

test('thirty thousand znodes below one are listed and followed', async (t) => {
  const { session: writer } = await connected(zk.address);
  const proxy = await proxyTo(zk);
  const { session } = await connected(proxy.address);
  await writer.create('/many', null);
  const names = Array.from({ length: 30_000 }, (_, at) => `/many/${'n'.repeat(60)}-${at}`);
  for (let at = 0; at < names.length; at += 1_000) {
    await Promise.all(names.slice(at, at + 1_000).map((name) => writer.create(name, null)));
  }
  const counts = counting(proxy);
  let most = 0;
  const view = TreeView.open(session, '/many', { log: quiet });
  atEnd(() => view.close());
  const startMs = performance.now();
  await view.whenFresh(60_000);
  const tookMs = performance.now() - startMs;
  assert.equal(view.snapshot().entries.size, 30_001);
  t.diagnostic(`30,000 children: first fill ${tookMs.toFixed(0)} ms, ${counts.requests} requests`);
  const requestsBefore = counts.requests;
  await writer.setData(names[7] ?? '', Buffer.from('changed'));
  await waitUntil('the change', 10_000, () => {
    return view.snapshot().entries.get((names[7] ?? '').slice('/many/'.length))?.data !== null;
  });
  most = counts.requests - requestsBefore;
  assert.ok(most <= 2, `one change, ${most} requests`);
  assert.equal(session.counters.silentCuts + session.counters.contained, 0);
  assert.equal(proxy.accepted, 1);
});

test('a listing larger than we keep is one clear error with the count, and no reconnect loop', async () => {
  const { session: writer } = await connected(zk.address);
  const proxy = await proxyTo(zk);
  const { session } = await connected(proxy.address, { maxReplyBytes: 20_000 });
  for (const path of ['/wide', '/wide/nodes', '/wide/generation']) await writer.create(path, null);
  const children = Array.from({ length: 600 }, (_, at) => `/wide/nodes/${'n'.repeat(40)}-${at}`);
  await Promise.all(children.map((path) => writer.create(path, null)));
  const { log, lines } = recordingLog();
  const view = TreeView.open(session, '/wide', { log });
  atEnd(() => view.close());
  await assert.rejects(view.whenFresh(4_000), {
    code: 'CARNA_DEADLINE',
    message: /\/wide\/nodes with 600 children cannot be listed: REPLY_TOO_LARGE; remove from it/,
  });
  assert.equal(view.snapshot().isFresh, false, 'who lost all children must not be taken for this');
  assert.equal(proxy.accepted, 1, 'the connection stays');
  assert.equal(session.counters.contained, 0);
  await assert.rejects(session.getChildren('/wide/nodes'), { zkCode: 'REPLY_TOO_LARGE' });
  assert.notEqual(await session.exists('/wide'), null, 'other operations go on');
  assert.equal(lines.filter(({ msg }) => msg === 'the view cannot be read whole').length, 1);
  await Promise.all(children.slice(100).map((path) => writer.remove(path)));
  await view.whenFresh(30_000);
  assert.equal(view.snapshot().entries.size, 103);
  assert.equal(view.snapshot().unreadable.size, 0);
});

test('what the server would answer by cutting is refused before it is sent', async () => {
  const proxy = await proxyTo(zk);
  const { session } = await connected(proxy.address);
  await session.create('/limits', null);
  const large = Buffer.alloc(1_000_001);
  const invalid = { code: 'CARNA_INVALID_INPUT' };
  await assert.rejects(session.create('/limits/a', large), invalid);
  await assert.rejects(session.setData('/limits', large), invalid);
  const half = Buffer.alloc(500_000);
  const steps = ['a', 'b', 'c'].map((name) => {
    return { kind: 'create', path: `/limits/${name}`, data: half } as const;
  });
  await assert.rejects(session.transaction(steps), invalid);
  await session.transaction(steps.slice(0, 1));
  await assert.rejects(session.create(`/limits/${'x'.repeat(1_100_000)}`, null), invalid);
  await session.setData('/limits', large.subarray(0, 999_000));
  assert.equal(proxy.accepted, 1);
  assert.equal(session.state, 'connected');
});
