import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CrashLoopError } from '../../src/util/errors.js';
import { AgentBench } from './support/agent-bench.js';

const NEVER = { changes: 1_000, windowMs: 1, holdMs: 1, maxHoldMs: 1 };

test('a server that never comes up ends the agent with CARNA_CRASH_LOOP, after growing pauses', async () => {
  const bench = new AgentBench();
  bench.runtime.prepare = (server) => server.exit(255, null);
  const begunMs = bench.time.monoMs();
  for (let turn = 0; turn < 100 && !bench.isOver; turn++) await bench.time.advance(500);
  const err = await bench.end;
  assert.ok(err instanceof CrashLoopError, String(err));
  assert.match(err.message, /exited with code 255/);
  assert.equal(bench.runtime.servers.length, 7);
  assert.ok(bench.time.monoMs() - begunMs > 3_000, 'the pauses did not grow');
  assert.equal(bench.nodes.current, null);
});

test('a program that cannot be executed is a crash loop as well', async () => {
  const bench = new AgentBench();
  bench.runtime.canStart = false;
  for (let turn = 0; turn < 100 && !bench.isOver; turn++) await bench.time.advance(500);
  assert.ok((await bench.end) instanceof CrashLoopError);
  assert.match(bench.nodes.history[1]?.reason ?? '', /no such file/);
});

test('twenty kills of a server that comes up every time are no crash loop', async () => {
  const bench = await new AgentBench('media', null, { flap: NEVER }).up();
  for (let kill = 0; kill < 20; kill++) {
    bench.runtime.server.exit(null, 'SIGKILL');
    await bench.time.advance(12_000);
    assert.equal(bench.agent.state(), 'up');
  }
  await bench.stop();
});
