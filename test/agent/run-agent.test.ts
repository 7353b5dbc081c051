import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentBench } from './support/agent-bench.js';
import { FAIL, OK } from './support/probe-results.js';

test('a server that passes its checks twice is published as up, quickly', async () => {
  const bench = new AgentBench();
  await bench.time.advance(0);
  assert.equal(bench.states(), 'starting');
  assert.equal(bench.runtime.server.probes, 1);
  await bench.time.advance(60);
  assert.equal(bench.states(), 'starting up');
  assert.equal(bench.agent.health().isHealthy, true);
  await bench.stop();
});

test('the end of the process is published in the tick in which it is noticed', async () => {
  const bench = await new AgentBench().up();
  const before = bench.record;
  bench.runtime.server.exit(null, 'SIGKILL');
  // Only promise jobs run before the next tick of the event loop: no timer, no I/O.
  for (let job = 0; job < 5; job++) await Promise.resolve();
  assert.equal(bench.record.state, 'down');
  assert.equal(bench.record.trace.cause, 'its process was killed (SIGKILL)');
  assert.equal(bench.record.trace.from, 'up');
  assert.notEqual(bench.record.trace.id, before.trace.id);
  await bench.stop();
});

test('it is started again, and back as another instance', async () => {
  const bench = await new AgentBench().up();
  const first = bench.record.instanceId;
  bench.runtime.server.exit(1, null);
  await bench.time.advance(1_000);
  assert.equal(bench.states(), 'starting up down up');
  assert.equal(bench.nodes.history[2]?.reason, 'its process exited with code 1');
  assert.notEqual(bench.record.instanceId, first);
  assert.equal(bench.runtime.servers.length, 2);
  assert.ok(bench.runtime.servers[0]?.isClosed);
  await bench.stop();
});

test('three failed checks make it down, its process is left alone, two good ones make it up', async () => {
  const bench = await new AgentBench().up();
  bench.runtime.server.result = FAIL;
  await bench.time.advance(2_300);
  assert.equal(bench.states(), 'starting up');
  await bench.time.advance(2_300);
  assert.equal(bench.states(), 'starting up down');
  assert.equal(bench.record.reason, 'silent');
  assert.equal(bench.agent.health().isHealthy, false);
  bench.runtime.server.result = OK;
  await bench.time.advance(1_500);
  assert.equal(bench.states(), 'starting up down up');
  assert.equal(bench.runtime.servers.length, 1);
  await bench.stop();
});

test('a probe that could not be made says nothing', async () => {
  const bench = await new AgentBench().up();
  bench.runtime.server.result = { kind: 'unknown', latencyMs: 1, reason: 'no file descriptor' };
  await bench.time.advance(30_000);
  assert.equal(bench.states(), 'starting up');
  await bench.stop();
});

test('a closed connection asks for a probe at once, and an ending server is down at once', async () => {
  const bench = await new AgentBench().up();
  bench.runtime.server.result = { ...FAIL, isEnding: true };
  bench.runtime.server.ring();
  await bench.time.advance(0);
  assert.equal(bench.states(), 'starting up down');
  await bench.stop();
});

test('a server that restarts by itself is another instance and has to rise again', async () => {
  const bench = new AgentBench();
  bench.runtime.prepare = (server) => (server.result = { ...OK, lifeId: 'one' });
  await bench.up();
  const first = bench.record.instanceId;
  bench.runtime.server.result = { ...OK, lifeId: 'two' };
  await bench.time.advance(1_500);
  assert.equal(bench.states(), 'starting up down up');
  assert.equal(bench.nodes.history[2]?.reason, 'it restarted by itself');
  assert.notEqual(bench.record.instanceId, first);
  assert.equal(bench.runtime.servers.length, 1);
  await bench.stop();
});

test('three failures in a row, each as late as may be, are found within three intervals and a second', async () => {
  const bench = await new AgentBench().up();
  const { server } = bench.runtime;
  server.probe = async () => {
    await bench.time.wait(800);
    return { ...FAIL, latencyMs: 800 };
  };
  const frozenMs = bench.time.monoMs();
  while (bench.agent.state() === 'up') await bench.time.advance(10);
  assert.ok(bench.time.monoMs() - frozenMs <= 4_000, `${bench.time.monoMs() - frozenMs} ms`);
  await bench.stop();
});

test('an agent that ends by a bug leaves its server running, and says no goodbye', async () => {
  const bench = await new AgentBench().up();
  const { server } = bench.runtime;
  server.countLeft = () => Promise.reject(new TypeError('a bug'));
  bench.view.want({});
  await bench.time.advance(30_000);
  assert.equal(bench.isOver, true);
  assert.ok((await bench.end) instanceof TypeError);
  assert.equal(server.stopped, null);
  assert.equal(server.isClosed, true);
  assert.notEqual(bench.nodes.current, null);
});
