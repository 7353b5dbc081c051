import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentBench } from './support/agent-bench.js';
import { FAIL, OK } from './support/probe-results.js';

test('ready only when every consumer has proven a list with the node', async () => {
  const bench = await new AgentBench().up();
  bench.view.acknowledge('d1', 'dispatcher', 4);
  bench.view.setGeneration(5, {}, [bench.record.trace.id]);
  assert.equal(bench.agent.ready().isReady, false);
  const drift = 'sip:127.0.0.1:5060 is missing in set 30; a reload did not help';
  bench.view.acknowledge('d1', 'dispatcher', 5, { drift, unlisted: ['30 sip:127.0.0.1:5060'] });
  assert.equal(bench.agent.ready().isReady, false, 'the reload failed');
  bench.view.acknowledge('d1', 'dispatcher', 5);
  assert.equal(bench.agent.ready().isReady, true);
  bench.view.setGeneration(900);
  assert.equal(bench.agent.ready().isReady, true, 'its trace was pushed out, it is still listed');
  await bench.stop();
});

test('evidence of every check is kept with its time, latency and the moment of its last change', async () => {
  const bench = await new AgentBench().up();
  const sip = (verdict: 'ok' | 'fail', text: string) =>
    [{ check: 'sip', verdict, latencyMs: 2, text }] as const;
  bench.runtime.server.result = { ...OK, evidence: sip('ok', '200') };
  await bench.time.advance(1_000);
  bench.runtime.server.result = { ...FAIL, evidence: sip('fail', 'silence') };
  await bench.time.advance(1_000);
  const [first] = bench.agent.health().checks;
  assert.equal(first?.verdict, 'fail');
  await bench.time.advance(1_000);
  const [second] = bench.agent.health().checks;
  assert.equal(second?.text, 'silence');
  assert.equal(second?.sinceMs, first?.sinceMs);
  assert.notEqual(second?.atMs, first?.atMs);
  bench.runtime.server.exit(1, null);
  await bench.time.advance(0);
  assert.deepEqual(bench.agent.health().checks, []);
  await bench.stop();
});

test('the load class is written when it changes, and never else', async () => {
  const bench = await new AgentBench().up();
  const idle = { ratePerSecond: null, idleCpuPercent: null, memoryUsedShare: null };
  const load = (sessions: number) => ({ ...OK, load: { ...idle, sessions, limit: 100 } });
  const writes = bench.nodes.history.length;
  for (const sessions of [1, 20, 69, 71, 75, 65, 71, 62, 59, 1]) {
    bench.runtime.server.result = load(sessions);
    await bench.time.advance(1_000);
  }
  const classes = bench.nodes.history
    .slice(writes)
    .map((record) => `${record?.loadClass} of ${record?.maxSessions}`);
  assert.deepEqual(classes, ['normal of 100', 'busy of 100', 'normal of 100']);
  assert.equal(bench.agent.health().load.sessions, 1);
  await bench.stop();
});
