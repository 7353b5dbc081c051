import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DockerRuntimeOptions } from '../../src/agent/runtime/docker.js';
import { dockerRuntime } from '../../src/agent/runtime/docker.js';
import { DockerAnswerError } from '../../src/agent/runtime/docker-port.js';
import type { RunningServer, ServerExit, ServerRuntime } from '../../src/agent/runtime/runtime.js';
import { MissingPartError, ServerStartError } from '../../src/util/errors.js';
import {
  collectingLog,
  container,
  FakeEngine,
  OWN_ID,
  SERVER_ID,
  summary,
} from './support/docker-fakes.js';
import { frame } from './support/fake-stream.js';
import { FakeTime, flush } from './support/fake-time.js';

const SECRET = 'hunter22';

/** A runtime with nothing real around it. */
class Bench {
  readonly time = new FakeTime();
  readonly log = collectingLog();
  readonly engine: FakeEngine;
  readonly runtime: ServerRuntime;
  readonly told: string[] = [];

  constructor(more: Partial<DockerRuntimeOptions> = {}, engine = new FakeEngine()) {
    this.engine = engine;
    const options: DockerRuntimeOptions = {
      engine,
      image: 'carna/kamailio:1',
      command: ['kamailio', '-DD'],
      env: { DB_PASSWORD: SECRET },
      kind: 'freeswitch',
      nodeId: 'n1',
      taskId: '',
      appId: '',
      container: OWN_ID,
      limits: { memoryBytes: 80 << 20, cpus: null },
      labels: {},
      further: [],
      stateDir: '/state',
      ctlSocket: null,
      dockerSocket: '/var/run/docker.sock',
      pull: 'missing',
      hints: { cgroup: '', mountinfo: '', hasDockerEnv: true, hostname: 'h', mesosContainer: null },
      mainPid: () => 42,
      ...more,
    };
    this.runtime = dockerRuntime(options, this.log.log, this.time);
  }

  async start(): Promise<RunningServer> {
    const server = await this.runtime.start('life-1', (text) => this.told.push(text));
    await flush();
    return server;
  }

  /** The error of a start or of another call. */
  async fails(call: Promise<unknown> = this.start()): Promise<Error> {
    const err: unknown = await call.then(
      () => null,
      (e: unknown) => e,
    );
    assert.ok(err instanceof Error, 'it fails');
    return err;
  }

  /** Lets time pass until it settles. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const over = (): void => void (isOver = true);
    promise.then(over, over);
    for (let turn = 0; turn < 1_000 && !isOver; turn++) await this.time.advance(100);
    assert.ok(isOver, 'it settles in the end');
    return promise;
  }

  exitOf(server: RunningServer): Promise<ServerExit> {
    return this.settled(server.exited);
  }
}

const steps = { graceful: async () => undefined, gracefulMs: 0, termMs: 2_500 };

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

test('a stop asks, repeats SIGTERM each second and kills at the end; a second one joins', async () => {
  const bench = new Bench();
  const server = await bench.start();
  const { engine } = bench;
  engine.onKill = (signal) => {
    if (signal === 'SIGKILL') engine.die(137);
  };
  let asked = 0;
  const graceful = async (): Promise<void> => {
    asked += 1;
    throw new ServerStartError('does not want to');
  };
  const first = server.stop({ graceful, gracefulMs: 1_000, termMs: 2_500 });
  const second = server.stop(steps);
  await bench.time.advance(10_000);
  assert.equal((await first).signal, 'SIGKILL');
  assert.equal(await first, await second);
  assert.equal(asked, 1);
  assert.deepEqual(engine.acts.slice(2), [
    ...['kill SIGTERM', 'kill SIGTERM', 'kill SIGTERM'],
    'kill SIGKILL',
  ]);
});

test('a server that ends on the first SIGTERM gets no second', async () => {
  const bench = new Bench();
  const server = await bench.start();
  bench.engine.onKill = () => bench.engine.die(0);
  const stopped = server.stop(steps);
  await bench.time.advance(5_000);
  assert.equal((await stopped).code, 0);
  assert.deepEqual(bench.engine.acts.slice(2), ['kill SIGTERM']);
});

test('a server that survives SIGKILL is told, with what the engine said', async () => {
  const bench = new Bench({ mainPid: () => null });
  const server = await bench.start();
  bench.engine.faults.set('kill', new ServerStartError('no Docker engine listens'));
  const failed = bench.fails(server.stop(steps));
  await bench.time.advance(60_000);
  assert.match((await failed).message, /does not end: no Docker engine listens$/);
});

test('an engine that hangs does not stretch the steps', async () => {
  const bench = new Bench();
  const server = await bench.start();
  bench.engine.kill = (_, signal) => {
    bench.engine.acts.push(`kill ${signal}`);
    return new Promise(() => undefined);
  };
  void server.stop({ ...steps, termMs: 1_500 }).catch(() => undefined);
  await bench.time.advance(1_600);
  assert.deepEqual(bench.engine.acts.slice(2), ['kill SIGTERM', 'kill SIGKILL']);
});

test('a container that the engine does not remove is removed, and then it is cleared', async () => {
  const bench = new Bench();
  const server = await bench.start();
  bench.engine.events_.push({ action: 'die', exitCode: 0 });
  let isCleared = false;
  void server.cleared.then(() => (isCleared = true));
  await bench.time.advance(2_000);
  assert.equal(isCleared, false);
  await bench.time.advance(2_000);
  assert.equal(isCleared, true);
  assert.equal(bench.engine.acts.at(-1), `remove ${SERVER_ID.slice(0, 12)}`);
});

test('a container that cannot be removed is an error in the end', async () => {
  const bench = new Bench();
  const server = await bench.start();
  bench.engine.events_.push({ action: 'die', exitCode: 0 });
  bench.engine.faults.set('remove', new ServerStartError('disk is full'));
  const failed = bench.fails(server.cleared);
  await bench.time.advance(70_000);
  assert.match((await failed).message, /of the last server is not gone: disk is full$/);
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

test('adoption asks the engine first, and passes on what is missing', async () => {
  const bench = new Bench();
  bench.engine.faults.set('ping', new MissingPartError('no socket', 'mount it'));
  assert.ok((await bench.fails(bench.runtime.adopt())) instanceof MissingPartError);
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

function withServer(more: Parameters<typeof container>[0] = {}): FakeEngine {
  const engine = new FakeEngine();
  engine.listed = [summary()];
  engine.containers.set(SERVER_ID, container({ id: SERVER_ID, name: 'carna-kamailio-1', ...more }));
  return engine;
}

const notes: readonly (readonly [string, Parameters<typeof container>[0], string | null])[] = [
  ['the same', {}, null],
  ['another image', { imageId: 'sha256:0' }, 'it runs another image until its next start'],
  ['another command', { command: ['old'] }, 'it runs another command until its next start'],
  ['paused', { status: 'paused' }, 'its container is paused'],
];
for (const [name, facts, note] of notes) {
  test(`the server of this node is taken over with its life: ${name}`, async () => {
    const bench = new Bench({ command: null }, withServer(facts));
    const server = await bench.runtime.adopt();
    assert.ok(server);
    assert.deepEqual([server.instanceId, server.isAdopted, server.note], ['life-1', true, note]);
    assert.deepEqual(bench.engine.acts, []);
    await flush();
    bench.engine.die(137);
    assert.equal((await bench.exitOf(server)).signal, 'SIGKILL');
  });
}

test('output from before the adoption is not repeated', async () => {
  const bench = new Bench({}, withServer());
  await bench.runtime.adopt();
  await flush();
  const nowMs = bench.time.wallMs();
  assert.deepEqual(bench.engine.logSince, [nowMs / 1_000]);
  for (const [ms, text] of [
    [-1, 'old'],
    [1, 'new'],
  ] as const) {
    bench.engine.logs_.push(frame(`${new Date(nowMs + ms).toISOString()} ${text}\n`));
  }
  await flush();
  const output = bench.log.lines.filter((l) => l.startsWith('server output'));
  assert.deepEqual(output, ['server output {"stream":"stdout","line":"new"}']);
});

test('what a dead agent left is removed by name; one that cannot be does not stop us', async () => {
  const engine = new FakeEngine();
  const labels = { ...summary().labels, 'carna.node': 'n2', 'carna.owner': 'dead' };
  engine.listed = [summary({ id: 'x1', name: 'left', labels })];
  engine.faults.set('remove', new ServerStartError('disk is full'));
  const bench = new Bench({}, engine);
  assert.equal(await bench.runtime.adopt(), null);
  assert.ok(bench.log.lines.some((l) => l.includes('cannot remove') && l.includes('"left"')));
  engine.faults.clear();
  assert.equal(await bench.runtime.adopt(), null);
  assert.ok(bench.log.lines.some((l) => l.startsWith('removed') && l.includes('"left"')));
});

const NAMELESS = 'ab'.repeat(32);
const volume = (name: string, destination: string) => {
  return { type: 'volume', name, source: '/v', destination, isReadOnly: false };
};

for (const [what, isShared, fault, volumes] of [
  ['goes with it', false, null, [NAMELESS]],
  ['that another container has stays', true, null, []],
  ['that cannot be removed holds nothing up', false, new ServerStartError('disk is full'), []],
] as const) {
  test(`the nameless volume of what a dead agent left: one ${what}`, async () => {
    const engine = new FakeEngine();
    engine.listed = [
      summary({ status: 'exited', labels: { ...summary().labels, 'carna.owner': 'dead' } }),
    ];
    const mounts = [volume(NAMELESS, '/run/carna'), volume('named', '/other')];
    engine.containers.set(SERVER_ID, container({ id: SERVER_ID, isRunning: false, mounts }));
    if (isShared) engine.containers.set('other', container({ id: 'other', mounts }));
    if (fault !== null) engine.faults.set('removeVolume', fault);
    const bench = new Bench({}, engine);
    assert.equal(await bench.runtime.adopt(), null);
    const line = bench.log.lines.find((l) => l.startsWith('removed a container')) ?? '';
    assert.ok(line.includes(`"volumes":${JSON.stringify(volumes)}`), line);
  });
}

test('a leftover of this node that cannot be removed prevents the start', async () => {
  const engine = new FakeEngine();
  engine.listed = [summary({ status: 'exited' })];
  engine.faults.set('remove', new ServerStartError('disk is full'));
  const err = await new Bench().fails(new Bench({}, engine).runtime.adopt());
  assert.equal(err.message, 'disk is full');
});

const pulling = (layer: string, doneBytes: number, totalBytes = 100) => {
  return { layer, status: 'Downloading', doneBytes, totalBytes, error: null };
};

test('an absent image is pulled, and its progress told once a second', async () => {
  const bench = new Bench({ image: 'registry:5000/carna/kamailio' });
  bench.engine.image = null;
  const starting = bench.start();
  await flush();
  assert.equal(bench.engine.acts.at(-1), 'pull registry:5000/carna/kamailio:latest');
  const { pullMessages } = bench.engine;
  pullMessages.push(pulling('a', 10), pulling('b', 20), pulling('a', 50));
  await bench.time.advance(1_000);
  pullMessages.push({ ...pulling('a', 0, 0), status: 'Pull complete' }, pulling('b', 90));
  await flush();
  bench.engine.image = { id: 'sha256:2', command: [] };
  pullMessages.end();
  await starting;
  const name = 'pulling registry:5000/carna/kamailio';
  assert.deepEqual(bench.told, [name, `${name}: 10 %`, `${name}: 60 %`]);
  assert.equal(bench.engine.acts.at(-1), 'start');
});

const unpulled: readonly (readonly [string, (engine: FakeEngine) => void, RegExp])[] = [
  [
    'the registry says no',
    (e) =>
      e.faults.set('pull', new DockerAnswerError('Docker answered 404: pull access denied', 404)),
    /pull access denied; load it with docker load or docker pull on this host, or check CARNA_/,
  ],
  [
    'the pull breaks off',
    (e) => e.pullMessages.push({ ...pulling('', 0, 0), error: 'unexpected EOF' }),
    /: unexpected EOF; load it/,
  ],
  ['nothing more comes', () => undefined, /: no progress for 60 s; load it/],
];
for (const [name, prepare, message] of unpulled) {
  test(`an image that cannot be pulled is told: ${name}`, async () => {
    const bench = new Bench();
    bench.engine.image = null;
    prepare(bench.engine);
    const failed = bench.fails();
    await bench.time.advance(61_000);
    const err = await failed;
    assert.ok(err instanceof ServerStartError);
    assert.match(err.message, /^image carna\/kamailio:1 is missing here and cannot be pulled: /);
    assert.match(err.message, message);
    assert.ok(!bench.engine.acts.includes('start'));
  });
}

test('an image that must not be pulled is a missing part', async () => {
  const bench = new Bench({ pull: 'never' });
  bench.engine.image = null;
  const err = await bench.fails();
  assert.ok(err instanceof MissingPartError);
  assert.match(err.message, /CARNA_DOCKER_PULL=never forbids to pull it\n {2}remedy: load it/);
  assert.ok(!bench.engine.acts.some((act) => act.startsWith('pull')));
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
