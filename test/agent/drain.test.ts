import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentBench } from './support/agent-bench.js';
import { busy, progress } from './support/drain-bench.js';

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
