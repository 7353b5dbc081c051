import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DrainProgress } from '../../src/agent/drain-progress.js';
import { AgentBench } from './support/agent-bench.js';
import { FakeServer } from './support/fakes.js';

function progress(bench: AgentBench): DrainProgress | null {
  return bench.agent.health().drain;
}

async function busy(calls = 3): Promise<AgentBench> {
  const bench = await new AgentBench().up();
  bench.runtime.server.left = { count: calls, text: `${calls} calls` };
  bench.view.acknowledge('d1', 'dispatcher', 1);
  return bench;
}

test('SIGTERM: announce, wait for the consumers, refuse, wait for the calls, goodbye, stop', async () => {
  const bench = await busy();
  const { server } = bench.runtime;
  bench.term.abort();
  await bench.time.advance(0);
  assert.equal(bench.record.state, 'draining');
  assert.equal(bench.record.trace.actor, 'SIGTERM');
  assert.equal(server.refusing, false, 'refused before the consumers knew');
  await bench.listed(2);
  assert.equal(server.refusing, true);
  assert.equal(bench.agent.health().isHealthy, true);
  await bench.time.advance(60_000);
  assert.equal(bench.record.state, 'draining');
  assert.equal(server.stopped, null, 'stopped with calls up');
  server.left = { count: 0, text: '0 calls' };
  await bench.time.advance(3_000);
  assert.equal(bench.isOver, true);
  assert.equal(await bench.end, true);
  assert.equal(bench.states(), 'starting up draining down gone');
  assert.equal(bench.nodes.history[3]?.reason, 'drained');
  assert.notEqual(server.stopped, null);
});

test('consumers that never acknowledge are waited for within a bound', async () => {
  const bench = await busy();
  bench.term.abort();
  await bench.time.advance(9_900);
  assert.equal(bench.runtime.server.refusing, false);
  await bench.time.advance(200);
  assert.equal(bench.runtime.server.refusing, true);
  await bench.stop();
});

test('one consumer behind the others is waited for', async () => {
  const bench = await busy();
  bench.view.acknowledge('d2', 'dispatcher', 1);
  bench.view.acknowledge('lb', 'load-balancer', 1);
  bench.term.abort();
  await bench.time.advance(0);
  await bench.listed(2);
  assert.equal(bench.runtime.server.refusing, false);
  bench.view.acknowledge('d2', 'dispatcher', 2);
  await bench.time.advance(0);
  assert.equal(bench.runtime.server.refusing, true, 'a load-balancer does not list media');
  await bench.stop();
});

test('one look at zero is not enough', async () => {
  const bench = await busy(0);
  bench.term.abort();
  await bench.time.advance(0);
  await bench.listed(2);
  assert.equal(bench.isOver, false);
  bench.runtime.server.left = { count: 1, text: '1 call' };
  await bench.time.advance(5_000);
  assert.equal(bench.isOver, false);
  await bench.stop();
});

test('the deadline ends it with calls left, and says so', async () => {
  const bench = await busy(2);
  bench.term.abort();
  await bench.time.advance(599_000);
  assert.equal(bench.isOver, false);
  await bench.time.advance(3_000);
  assert.equal(bench.isOver, true);
  assert.equal(bench.nodes.history.at(-2)?.reason, 'the deadline passed, 2 calls cut');
});

test('a server that does not say how many calls it has is given the whole time', async () => {
  const bench = await busy();
  bench.runtime.server.left = null;
  bench.term.abort();
  await bench.time.advance(598_000);
  assert.equal(bench.isOver, false);
  await bench.time.advance(4_000);
  assert.equal(bench.isOver, true);
});

test('a server that does not refuse is not called drained', async () => {
  const bench = await busy(0);
  bench.runtime.server.canRefuse = false;
  bench.term.abort();
  await bench.time.advance(60_000);
  assert.equal(bench.isOver, false);
  bench.runtime.server.canRefuse = true;
  await bench.time.advance(4_000);
  assert.equal(bench.isOver, true);
});

test('an intent drains and keeps the server; taking it back brings it up again', async () => {
  const bench = await busy(1);
  bench.view.want({});
  await bench.time.advance(0);
  assert.equal(bench.record.trace.actor, 'ann');
  await bench.listed(2);
  assert.deepEqual(progress(bench)?.left, { count: 1, text: '1 calls' });
  bench.runtime.server.left = { count: 0, text: '0 calls' };
  await bench.time.advance(30_000);
  assert.equal(bench.record.state, 'draining');
  assert.equal(bench.record.reason, 'drained, 0 calls left');
  assert.equal(bench.runtime.server.stopped, null);
  const trace = bench.record.trace.id;
  bench.view.want(null);
  await bench.time.advance(0);
  assert.equal(bench.record.state, 'up');
  assert.notEqual(bench.record.trace.id, trace);
  assert.equal(bench.runtime.server.refusing, false);
  assert.equal(progress(bench), null);
  await bench.stop();
});

test('an intent taken back before the server refused leaves no trace in it', async () => {
  const bench = await busy();
  bench.view.want({});
  await bench.time.advance(1_000);
  bench.view.want(null);
  await bench.time.advance(0);
  assert.equal(bench.states(), 'starting up draining up');
  assert.equal(bench.runtime.server.refusing, false);
  await bench.stop();
});

test('a drain taken back from a node that fails its checks gives down', async () => {
  const bench = await busy();
  bench.view.want({});
  await bench.time.advance(0);
  bench.runtime.server.result = { kind: 'fail', latencyMs: 1, reason: 'silent', isEnding: false };
  await bench.time.advance(10_000);
  assert.equal(bench.record.state, 'draining');
  bench.view.want(null);
  await bench.time.advance(0);
  assert.equal(bench.record.state, 'down');
  await bench.stop();
});

test('now = true cuts it short', async () => {
  const bench = await busy(5);
  bench.term.abort();
  await bench.time.advance(20_000);
  assert.equal(bench.isOver, false);
  bench.view.want({ now: true });
  await bench.time.advance(1_000);
  assert.equal(bench.isOver, true);
  assert.equal(bench.nodes.history.at(-2)?.reason, 'told to end now, 5 calls cut');
});

test('SIGTERM after an intent whose deadline passed gives the calls left their time', async () => {
  const bench = await busy(2);
  bench.view.want({ deadline: bench.time.wallMs() + 5_000 });
  await bench.time.advance(30_000);
  assert.equal(bench.record.reason, 'the deadline passed, 2 calls left');
  bench.term.abort();
  await bench.time.advance(30_000);
  assert.equal(bench.isOver, false);
  bench.runtime.server.left = { count: 0, text: '0 calls' };
  await bench.time.advance(3_000);
  assert.equal(bench.isOver, true);
  assert.equal(bench.nodes.history.at(-2)?.reason, 'drained');
});

test('a server that restarts during maintenance refuses again', async () => {
  const bench = await busy(0);
  bench.view.want({ want: 'maintenance' });
  await bench.time.advance(20_000);
  bench.runtime.server.exit(1, null);
  await bench.time.advance(5_000);
  assert.equal(bench.runtime.servers.length, 2);
  assert.equal(bench.runtime.server.refusing, true);
  assert.equal(bench.record.state, 'draining');
  await bench.stop();
});

test('a server that dies while draining for SIGTERM has no calls left', async () => {
  const bench = await busy(3);
  bench.term.abort();
  await bench.time.advance(0);
  await bench.listed(2);
  bench.runtime.canStart = false;
  bench.runtime.server.exit(null, 'SIGSEGV');
  await bench.time.advance(4_000);
  assert.equal(bench.isOver, true);
  assert.equal(bench.states().endsWith('draining down gone'), true);
});

test('SIGTERM before the server ever came up ends without waiting for consumers', async () => {
  const bench = new AgentBench();
  bench.runtime.prepare = (server) =>
    (server.result = { kind: 'fail', latencyMs: 1, reason: 'silent', isEnding: false });
  await bench.time.advance(100);
  bench.term.abort();
  await bench.time.advance(3_000);
  assert.equal(bench.isOver, true);
  assert.equal(bench.states(), 'starting draining down gone');
});

test('without ZooKeeper nothing restarts and the drain still ends', async () => {
  const bench = await busy(0);
  bench.nodes.settled = () => Promise.resolve(false);
  await bench.time.advance(120_000);
  assert.equal(bench.runtime.servers.length, 1);
  bench.term.abort();
  await bench.time.advance(15_000);
  assert.equal(bench.isOver, true);
});

test('calls that outlive the deadline are counted, and the server is not asked to wait for them', async () => {
  const bench = await busy(3);
  bench.runtime.server.gracefulMs = 8_000;
  bench.term.abort();
  await bench.time.advance(0);
  await bench.listed(2);
  await bench.time.advance(599_990);
  assert.equal(progress(bench)?.cut, null);
  await bench.time.advance(20);
  assert.equal(bench.nodes.history[3]?.reason, 'the deadline passed, 3 calls cut');
  assert.equal(bench.runtime.server.stopped?.gracefulMs, 0);
  assert.equal(bench.isOver, true);
});

test('a deadline that passes while consumers are still waited for ends the waiting', async () => {
  const bench = await busy(3);
  bench.view.want({ deadline: bench.time.wallMs() + 2_000 });
  await bench.time.advance(1_900);
  assert.equal(progress(bench)?.step, 'announced');
  await bench.time.advance(200);
  assert.equal(progress(bench)?.step, 'empty');
  assert.equal(progress(bench)?.cut, 3);
  assert.equal(bench.record.reason, 'the deadline passed, 3 calls left');
  await bench.stop();
});

test('a server that restarts by itself during a drain is made to refuse again', async () => {
  const bench = await busy(1);
  const { server } = bench.runtime;
  server.result = { kind: 'ok', latencyMs: 1, note: null, lifeId: 'one' };
  await bench.time.advance(1_000);
  bench.view.want({});
  await bench.time.advance(0);
  await bench.listed(2);
  assert.equal(server.refusing, true);
  server.refusing = false;
  server.result = { kind: 'ok', latencyMs: 1, note: null, lifeId: 'two' };
  await bench.time.advance(2_000);
  assert.equal(server.refusing, true);
  assert.equal(bench.record.state, 'draining');
  await bench.stop();
});

test('a server that an earlier agent made refuse accepts again when nobody wants a drain, and only then is up', async () => {
  const server = new FakeServer(812, 'life-one');
  server.isAdopted = true;
  server.refusing = true;
  const bench = new AgentBench('media', null, {}, ({ runtime, view }) => {
    runtime.running = server;
    view.fresh = false;
  });
  await bench.time.advance(5_000);
  assert.equal(bench.states(), 'starting');
  assert.equal(server.refusing, true, 'an intent may stand that is not seen yet');
  bench.view.fresh = true;
  bench.view.changed();
  await bench.time.advance(100);
  assert.equal(server.refusing, false);
  await bench.time.advance(2_000);
  assert.equal(bench.states(), 'starting up');
  await bench.stop();
});

test('a refusal that failed half-way is taken back with the drain', async () => {
  const bench = await busy();
  const { server } = bench.runtime;
  server.canRefuse = false;
  bench.view.want({});
  await bench.time.advance(0);
  await bench.listed(2);
  assert.equal(server.asked, true);
  bench.view.want(null);
  await bench.time.advance(2_000);
  assert.equal(server.asked, false, 'nobody made sure that it takes calls');
  assert.equal(bench.record.state, 'up');
  await bench.stop();
});
