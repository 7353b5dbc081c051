import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Listing } from '../../../src/agent/listing.js';
import { agentView } from '../../../src/cli/daemons/agent-view.js';
import { dcPaths } from '../../../src/registry/paths.js';
import { openRegistry } from '../../../src/registry/registry.js';
import { TreeView } from '../../../src/registry/tree-view.js';
import type { LifecycleState } from '../../../src/topology/lifecycle.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import { appliedRecord, generationRecord } from '../../registry/records.js';
import { counting, recordOf, startAgents } from './herd-agents.js';
import type { TestServer } from './lab.js';
import { atEnd, connected, proxyTo, quiet, recordingLog, zookeeper } from './lab.js';

const REGISTRY = { auth: null, zkSessionTimeoutMs: 10_000, cluster: 'herd', log: quiet };

let zk: TestServer;
before(async () => {
  zk = await zookeeper(500);
});

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

test('what Kamailios acknowledge wakes only the agents that wait for it, and those read it anew', async (t) => {
  const leader = openRegistry({ ...REGISTRY, connectString: zk.address, dc: 'acks' });
  atEnd(() => leader.close());
  await leader.whenConnected(10_000);
  await leader.initialise();
  const kamailios = Array.from({ length: 5 }, (_, at) => `d-${at}`);
  const publications = new Map<string, ReturnType<typeof leader.publishApplied>>();
  const commit = async (generation: number, ids: readonly string[] = []): Promise<void> => {
    const traces = ids.map((id) => ({ id, generation }));
    await leader.writeGeneration(generationRecord({ generation, traces }));
  };
  const acknowledge = async (generation: number, ids = kamailios): Promise<void> => {
    for (const id of ids) {
      const publication = publications.get(id) ?? leader.publishApplied(id);
      publications.set(id, publication);
      publication.set(appliedRecord({ nodeId: id, generation }));
      assert.equal(await publication.settled(10_000), true);
    }
  };
  const proxy = await proxyTo(zk);
  const agents = (await startAgents(50, proxy.address, 'acks')).map(({ session, view, nodeId }) => {
    const traceId = `trace-of-${nodeId}`;
    const status = { state: 'up' as LifecycleState, traceId, publishedAtMs: 0 };
    const consumers = ['dispatcher'] as const;
    const listing = new Listing({
      view: agentView(view),
      status,
      consumers,
      keys: [],
      wallMs: () => 0,
      publication: { settled: () => Promise.resolve(true) },
    });
    atEnd(listing.follow(() => undefined));
    return { session, view, status, listing };
  });
  const counts = counting(proxy);
  await acknowledge(1);
  await commit(
    1,
    agents.map(({ status }) => status.traceId),
  );
  await waitUntil('all are listed', 20_000, () => agents.every(({ listing }) => listing.isProven));
  await Promise.all(agents.map(({ session }) => session.sync('/')));
  const first = { ...counts };
  for (let generation = 2; generation <= 11; generation++) {
    await commit(generation);
    await acknowledge(generation);
  }
  await waitUntil('all know the last generation', 20_000, () =>
    agents.every(({ view }) => view.generation().record?.generation === 11),
  );
  const notices = counts.notices - first.notices;
  const requests = counts.requests - first.requests;
  t.diagnostic(`10 generations, 5 Kamailios, 50 agents: ${notices} notices, ${requests} requests`);
  assert.ok(notices <= 500, `${notices} notices: more than that of the generation`);
  assert.ok(requests <= 600, `${requests} requests: more than one for the generation`);

  await acknowledge(11, ['d-new']);
  const [drained] = agents;
  assert.ok(drained !== undefined);
  drained.status.state = 'draining';
  drained.status.traceId = 'trace-of-the-drain';
  const before = counts.requests;
  await commit(12, ['trace-of-the-drain']);
  await acknowledge(12);
  await waitUntil('it sees all of them', 10_000, () => drained.view.applied()?.records.size === 6);
  await waitUntil('it sees the last but one', 10_000, () => {
    return drained.view.applied()?.records.get('d-4')?.record.generation === 12;
  });
  assert.equal(drained.listing.isProven, false, 'one that came meanwhile is waited for');
  await acknowledge(12, ['d-new']);
  await waitUntil('proven', 10_000, () => drained.listing.isProven);
  assert.equal(drained.view.applied(), null);
  assert.ok(counts.requests - before <= 120, `${counts.requests - before} requests for one drain`);
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
