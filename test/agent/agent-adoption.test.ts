import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentBench } from './support/agent-bench.js';
import { FakeServer } from './support/fakes.js';

test('a server that runs already is taken over as the instance that it is, and not started', async () => {
  const server = new FakeServer(812, 'life-one');
  server.isAdopted = true;
  const bench = new AgentBench('media', null, {}, ({ runtime }) => (runtime.running = server));
  await bench.up();
  assert.equal(bench.states(), 'starting up');
  assert.deepEqual(
    bench.nodes.history.map((record) => record?.instanceId),
    ['life-one', 'life-one'],
  );
  assert.equal(bench.record.trace.cause, 'another agent took it over');
  assert.equal(bench.runtime.servers.length, 1);
  assert.equal(bench.agent.health().server.isAdopted, true);
  server.exit(null, 'SIGKILL');
  await bench.time.advance(1_000);
  assert.equal(bench.runtime.servers.length, 2, 'its successor is started');
  await bench.stop();
});

test('what runs here is asked again and again before anything is started', async () => {
  const bench = new AgentBench('media', null, {}, ({ runtime }) => (runtime.adoptFails = 2));
  await bench.time.advance(0);
  assert.equal(bench.runtime.servers.length, 0);
  await bench.time.advance(3_000);
  assert.equal(bench.runtime.servers.length, 1);
  assert.equal(bench.states(), 'starting up');
  await bench.stop();
});

test('an observer goes on looking for a server that is not there', async () => {
  const bench = new AgentBench('media', null, {}, ({ runtime }) => {
    runtime.isObserver = true;
    runtime.canStart = false;
  });
  for (let turn = 0; turn < 60; turn++) await bench.time.advance(1_000);
  assert.equal(bench.isOver, false);
  assert.equal(bench.states(), 'starting down');
  bench.runtime.canStart = true;
  await bench.time.advance(2_000);
  assert.equal(bench.states(), 'starting down up');
  await bench.stop();
});
