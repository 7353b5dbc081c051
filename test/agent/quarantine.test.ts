import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentBench } from './support/agent-bench.js';

test('the fifth change within the window quarantines a node, longer each time', async () => {
  const flap = { changes: 5, windowMs: 300_000, holdMs: 60_000, maxHoldMs: 600_000 };
  const bench = await new AgentBench('media', null, { flap }).up();
  const crash = async (): Promise<void> => {
    bench.runtime.server.exit(null, 'SIGKILL');
    await bench.time.advance(2_000);
  };
  await crash();
  await crash();
  assert.equal(bench.agent.state(), 'up');
  await crash();
  assert.equal(bench.agent.state(), 'down');
  assert.match(
    bench.record.reason,
    /^quarantined until \d\d:\d\d:\d\d UTC: 5 changes within 300 s$/,
  );
  assert.equal(bench.agent.health().quarantine?.times, 1);
  const writes = bench.nodes.history.length;
  await bench.time.advance(50_000);
  assert.equal(bench.nodes.history.length, writes, 'one write tells it');
  await bench.time.advance(10_000);
  assert.equal(bench.agent.state(), 'up');
  assert.equal(bench.agent.health().quarantine, null);
  await bench.stop();
});

test('a rise that would be one change too many is not published: no flicker into service', async () => {
  const flap = { changes: 5, windowMs: 300_000, holdMs: 60_000, maxHoldMs: 600_000 };
  const bench = new AgentBench('media', null, { flap });
  await bench.up();
  // Down, up, down, up, down: the first quarantine; its end is a rise, the first change of the next window.
  const crash = async (): Promise<void> => {
    bench.runtime.server.exit(null, 'SIGKILL');
    await bench.time.advance(2_000);
  };
  for (let n = 0; n < 3; n++) await crash();
  await bench.time.advance(60_000);
  assert.equal(bench.agent.state(), 'up');
  await crash();
  await crash();
  assert.equal(bench.agent.state(), 'down');
  assert.match(bench.record.reason, /^quarantined/);
  const published = bench.states().split(' ');
  assert.equal(
    published.at(-2),
    'down',
    `the fifth change, a rise, was published: ${published.join(' ')}`,
  );
  assert.equal(bench.agent.health().quarantine?.times, 2);
  await bench.stop();
});
