import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DockerAnswerError } from '../../src/agent/runtime/docker-port.js';
import { MissingPartError, ServerStartError } from '../../src/util/errors.js';
import { container, FakeEngine, OWN_ID, SERVER_ID } from './support/docker-fakes.js';
import { frame } from './support/fake-stream.js';
import { flush } from './support/fake-time.js';
import { Bench, SECRET } from './support/docker-bench.js';

test('a start creates, listens and starts, and the end is told once the engine tells', async () => {
  const bench = new Bench();
  const server = await bench.start();
  assert.deepEqual(bench.engine.acts, ['create carna-freeswitch-life-1', 'start']);
  assert.deepEqual(
    [server.name, server.pid, server.instanceId, server.isAdopted, server.note],
    ['container carna-freeswitch-life-1', 42, 'life-1', false, null],
  );
  await bench.time.advance(60_000);
  bench.engine.die(0);
  const exit = await bench.exitOf(server);
  assert.deepEqual(
    [exit.cause, exit.code, exit.signal],
    ['its process exited with code 0', 0, null],
  );
  await bench.settled(server.cleared);
  assert.equal(bench.engine.eventStreams.length, 1);
});

const exits: readonly (readonly [number | null, boolean, string, string | null])[] = [
  [137, false, 'its process was killed (SIGKILL)', 'SIGKILL'],
  [137, true, 'its process was killed (SIGKILL): out of memory, limit 80 MB', 'SIGKILL'],
  [139, false, 'its process was killed (SIGSEGV)', 'SIGSEGV'],
  [255, false, 'its process exited with code 255', null],
  [1, false, 'its process exited with code 1', null],
  [null, false, 'its container is gone, nobody saw how it ended', null],
];
for (const [code, isOom, cause, signal] of exits) {
  test(`exit ${code}${isOom ? ' after oom' : ''} is told as: ${cause}`, async () => {
    const bench = new Bench();
    const server = await bench.start();
    bench.engine.logs_.push(frame('2026-01-01T00:00:00.5Z words of long ago\n'));
    await bench.time.advance(10_000);
    if (isOom) bench.engine.events_.push({ action: 'oom', exitCode: null });
    bench.engine.die(code);
    const exit = await bench.exitOf(server);
    assert.equal(exit.cause, cause);
    assert.equal(exit.signal, signal);
    assert.equal(exit.code, signal === null ? code : null);
  });
}

test('memory that ran out long before is no cause', async () => {
  const bench = new Bench();
  const server = await bench.start();
  bench.engine.events_.push({ action: 'oom', exitCode: null });
  await bench.time.advance(10_000);
  bench.engine.die(137);
  assert.equal((await bench.exitOf(server)).cause, 'its process was killed (SIGKILL)');
});

test('an early end tells the last lines, bounded and without secrets', async () => {
  const bench = new Bench();
  const server = await bench.start();
  for (let n = 1; n <= 6; n++) {
    const text = n === 6 ? 'x'.repeat(300) : `line ${n} ${SECRET}`;
    bench.engine.logs_.push(frame(`2026-01-01T00:00:00.00000000${n}Z ${text}\n`, 2));
  }
  bench.engine.logs_.end();
  bench.engine.die(1);
  const { cause } = await bench.exitOf(server);
  const lines = [2, 3, 4, 5].map((n) => `line ${n} [hidden]`).join(' | ');
  assert.equal(cause, `its process exited with code 1 | ${lines} | ${'x'.repeat(200)}…`);
  assert.equal(bench.log.lines.filter((l) => l.startsWith('server output')).length, 6);
  assert.ok(!bench.log.lines.join().includes(SECRET));
});

test('the first words count when the log is gone with the container', async () => {
  const bench = new Bench();
  bench.engine.onStart = () => {
    bench.engine.attached.push(frame('no such '), frame('module\n'));
    bench.engine.attached.end();
    bench.engine.die(1);
  };
  const exit = await bench.exitOf(await bench.start());
  assert.equal(exit.cause, 'its process exited with code 1 | no such module');
  await bench.time.advance(1_000);
  const output = bench.log.lines.filter((l) => l.startsWith('server output'));
  assert.deepEqual(output, ['server output {"stream":"stdout","line":"no such module"}']);
});

test('a log that never ends delays the news of an early end by little', async () => {
  const bench = new Bench();
  const server = await bench.start();
  bench.engine.die(1);
  let hasExited = false;
  void server.exited.then(() => (hasExited = true));
  await bench.time.advance(299);
  assert.equal(hasExited, false);
  await bench.time.advance(2);
  assert.equal(hasExited, true);
});

test('the engine may restart: the server counts as running, and goes on without a line twice', async () => {
  const bench = new Bench();
  const server = await bench.start();
  const { engine, time, log } = bench;
  engine.logs_.push(frame('2026-01-01T00:00:10.5Z one\n'), frame('2026-01-01T00:00:10.6Z two\n'));
  await time.advance(10_000);
  const away = new ServerStartError('no Docker engine listens');
  for (const call of ['events', 'inspect', 'logs']) engine.faults.set(call, away);
  engine.events_.end(away);
  engine.logs_.end(away);
  let hasExited = false;
  void server.exited.then(() => (hasExited = true));
  await time.advance(600_000);
  assert.equal(hasExited, false);
  const warned = log.lines.filter((l) => l.includes('counts as running')).length;
  assert.equal(warned, 1, 'a long absence is told once');
  engine.faults.clear();
  await time.advance(5_000);
  assert.equal(engine.eventStreams.length, 2);
  assert.equal(engine.logSince.at(-1), Date.parse('2026-01-01T00:00:10Z') / 1_000);
  engine.logs_.push(
    ...['10.5Z one', '10.6Z two', '11Z three'].map((l) => frame(`2026-01-01T00:00:${l}\n`)),
  );
  await flush();
  const output = log.lines.map((l) => /"line":"(\w+)"/.exec(l)?.[1]).filter(Boolean);
  assert.deepEqual(output, ['one', 'two', 'three']);
  engine.die(3);
  assert.equal((await bench.exitOf(server)).code, 3);
});

test('what happened while the engine was away is seen by one look', async () => {
  const bench = new Bench();
  const server = await bench.start();
  const ended = { status: 'exited', isRunning: false, exitCode: 137, isOomKilled: true };
  bench.engine.containers.set(SERVER_ID, container({ id: SERVER_ID, ...ended }));
  bench.engine.events_.end();
  const exit = await bench.exitOf(server);
  assert.match(exit.cause, /^its process was killed \(SIGKILL\): out of memory/);
});

test('a container that is gone waits for its exit from the engine’s memory of events', async () => {
  const bench = new Bench();
  const server = await bench.start();
  bench.engine.containers.delete(SERVER_ID);
  bench.engine.events_.end();
  await bench.time.advance(100);
  assert.equal(bench.engine.eventStreams.length, 2);
  bench.engine.events_.push({ action: 'die', exitCode: 5 });
  assert.equal((await bench.exitOf(server)).code, 5);
});

test('a start that fails leaves no container, and no secret in its message', async () => {
  const bench = new Bench();
  const refused = new DockerAnswerError(`bad variable ${SECRET}: exec: "x": not found`, 400);
  bench.engine.faults.set('start', refused);
  const err = await bench.fails();
  assert.ok(err instanceof ServerStartError);
  assert.equal(err.message, 'bad variable [hidden]: exec: "x": not found');
  assert.equal(bench.engine.acts.at(-1), `remove ${SERVER_ID.slice(0, 12)}`);
  assert.ok(bench.engine.eventStreams.every((s) => s.isOver));
  assert.equal(bench.engine.containers.has(SERVER_ID), false);
});

test('events that cannot be followed prevent the start', async () => {
  const bench = new Bench();
  bench.engine.faults.set('events', new ServerStartError('no answer'));
  assert.equal((await bench.fails()).message, 'no answer');
  assert.ok(!bench.engine.acts.includes('start'));
});

test('an own container that the engine does not know is a missing part', async () => {
  const named = new Bench({ container: 'other' });
  const err = await named.fails();
  assert.ok(err instanceof MissingPartError);
  assert.match(err.message, /has no container other\n {2}remedy: set CARNA_DOCKER_CONTAINER to/);
  const found = new Bench({ container: null });
  assert.match(
    (await found.fails()).message,
    /the agent runs in a container that Docker at .* does not know/,
  );
});

test('an agent in no container starts the server unbound', async () => {
  const hints = {
    cgroup: '',
    mountinfo: '',
    hasDockerEnv: false,
    hostname: 'h',
    mesosContainer: null,
  };
  const bench = new Bench({ container: null, hints }, new FakeEngine(null));
  await bench.start();
  const body = bench.engine.bodies[0];
  assert.deepEqual([body?.HostConfig.NetworkMode, body?.HostConfig.PidMode], ['host', undefined]);
  assert.equal(body?.Labels['carna.owner'], '');
});

test('an engine with the driver of systemd is given limits, not a path', async () => {
  const hints = { hasDockerEnv: true, mountinfo: '', hostname: 'h', mesosContainer: null };
  for (const driver of ['cgroupfs', 'systemd']) {
    const bench = new Bench({ hints: { ...hints, cgroup: `4:memory:/docker/${OWN_ID}` } });
    bench.engine.cgroupDriver = driver;
    await bench.start();
    const { CgroupParent, Memory } = bench.engine.bodies[0]?.HostConfig ?? {};
    const wanted = driver === 'cgroupfs' ? [`/docker/${OWN_ID}`, undefined] : [undefined, 80 << 20];
    assert.deepEqual([CgroupParent, Memory], wanted);
  }
});

test('what is known only at a start is in the environment of that start', async () => {
  let starts = 0;
  const startEnv = async () => ({ CARNA_DMQ_PEERS: `sip:10.0.0.${++starts}:5061` });
  const bench = new Bench({ startEnv });
  const server = await bench.start();
  bench.engine.die(0);
  await bench.settled(server.cleared);
  await bench.start();
  const told = bench.engine.bodies.map((body) => body.Env);
  assert.deepEqual(told, [
    [`DB_PASSWORD=${SECRET}`, 'CARNA_DMQ_PEERS=sip:10.0.0.1:5061'],
    [`DB_PASSWORD=${SECRET}`, 'CARNA_DMQ_PEERS=sip:10.0.0.2:5061'],
  ]);
});
