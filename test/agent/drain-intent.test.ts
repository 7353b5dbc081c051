import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busy, progress } from './support/drain-bench.js';

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
