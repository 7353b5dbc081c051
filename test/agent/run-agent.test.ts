import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CrashLoopError } from '../../src/util/errors.js';
import { AgentBench } from './support/agent-bench.js';
import { FakeServer } from './support/fakes.js';
import { FakeKamailio, row } from './support/fake-kamailio.js';

const FAIL = { kind: 'fail', latencyMs: 1, reason: 'silent', isEnding: false } as const;
const OK = { kind: 'ok', latencyMs: 1, note: null, lifeId: null } as const;

const NEVER = { changes: 1_000, windowMs: 1, holdMs: 1, maxHoldMs: 1 };

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

test('ready only when every consumer has proven a list with the node', async () => {
  const bench = await new AgentBench().up();
  bench.view.acknowledge('d1', 'dispatcher', 4);
  bench.view.setGeneration(5, {}, [bench.record.trace.id]);
  assert.equal(bench.agent.ready().isReady, false);
  bench.view.acknowledge('d1', 'dispatcher', 5);
  assert.equal(bench.agent.ready().isReady, true);
  bench.view.setGeneration(900);
  assert.equal(bench.agent.ready().isReady, true, 'its trace was pushed out, it is still listed');
  await bench.stop();
});

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
