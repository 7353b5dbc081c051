import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentBench } from './support/agent-bench.js';
import { busy } from './support/drain-bench.js';
import { FakeServer } from './support/fakes.js';

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
