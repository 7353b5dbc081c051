import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentBench } from './support/agent-bench.js';
import { FakeKamailio, row } from './support/fake-kamailio.js';

test('beside a Kamailio: up only when its list is proven since this start', async () => {
  const kamailio = new FakeKamailio([row(30, 'm1'), row(30, 'm2')]);
  kamailio.isDatabaseUp = false;
  const bench = new AgentBench('dispatcher', kamailio);
  await bench.time.advance(20_000);
  assert.equal(bench.states(), 'starting');
  kamailio.isDatabaseUp = true;
  await bench.time.advance(15_000);
  assert.equal(bench.states(), 'starting up');
  assert.equal(bench.applied.current?.generation, 1);
  bench.runtime.server.exit(null, 'SIGKILL');
  await bench.time.advance(0);
  assert.equal(bench.applied.history.at(-1), null, 'a dead Kamailio acknowledges nothing');
  await bench.time.advance(2_000);
  assert.equal(bench.states(), 'starting up down up');
  assert.equal(bench.applied.current?.generation, 1);
  await bench.stop();
});

test('beside a Kamailio: a table that lost its rows is no proof', async () => {
  const kamailio = new FakeKamailio([]);
  const bench = new AgentBench('dispatcher', kamailio);
  bench.view.setGeneration(1, { '30': 'ffffffffffffffff' });
  await bench.time.advance(20_000);
  assert.equal(bench.states(), 'starting');
  assert.match(bench.applied.current?.drift ?? '', /no row for set 30/);
  await bench.stop();
});
