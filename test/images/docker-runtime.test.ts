import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { RunningServer, StopSteps } from '../../src/agent/runtime/runtime.js';
import { observeByLabel } from '../../src/agent/runtime/observe-container.js';
import { systemTimekeeper } from '../../src/agent/timekeeper.js';
import { MissingPartError, ServerStartError } from '../../src/util/errors.js';
import { waitUntil } from '../../src/util/wait.js';
import { testDir } from '../support/resources.js';
import { DockerBench, LIMIT_MS, OwnEngine, testSocket } from './docker-bench.js';

const MB = 1 << 20;
const AT_ONCE: StopSteps = { graceful: async () => undefined, gracefulMs: 0, termMs: 200 };
const silent = (): void => undefined;
let bench: DockerBench;
let ids = 0;
const newId = (): string => `life${String(++ids).padStart(4, '0')}-${bench.runId.slice(0, 12)}`;

before(async () => {
  bench = await new DockerBench(testSocket()).open();
});
after(() => bench.close());

async function idOf(server: RunningServer, from = bench): Promise<string> {
  const found = await from.engine.inspect(server.name.replace('container ', ''));
  assert.ok(found, `${server.name} is there`);
  return found.id;
}

const running = 'while :; do sleep 1; done';

test('a server is started beside the agent and its exit code is told', async () => {
  const agentId = await bench.agentContainer();
  const runtime = await bench.runtime(agentId, 'echo hello; sleep 1; exit 7');
  assert.equal(await runtime.adopt(), null);
  const server = await runtime.start(newId(), silent);
  assert.equal(server.isAdopted, false);
  assert.ok(server.pid !== null, 'its main process can be seen from the host');
  const id = await idOf(server);
  const exit = await server.exited;
  assert.equal(exit.code, 7);
  assert.match(exit.cause, /exited with code 7 \| hello$/);
  await server.cleared;
  assert.equal(await bench.isThere(id), false);
  assert.ok(bench.log.lines.some((line) => line.includes('"line":"hello"')));
});

test('a server that is killed from outside is told by its signal', async () => {
  const runtime = await bench.runtime(await bench.agentContainer(), running);
  const server = await runtime.start(newId(), silent);
  assert.ok(server.pid !== null);
  const beganMs = performance.now();
  process.kill(server.pid, 'SIGKILL');
  const exit = await server.exited;
  const noticedMs = Math.round(performance.now() - beganMs);
  process.stdout.write(`# exit noticed ${noticedMs} ms after SIGKILL of the server\n`);
  assert.equal(exit.signal, 'SIGKILL');
  assert.equal(exit.code, null);
  await server.cleared;
});

test('an agent knows its own container by itself, and shares the folder of the control socket', async () => {
  const dir = testDir('ctl');
  const agentId = await bench.agentContainer(0, [`${dir}:/run/sip`]);
  const script = `echo here > /run/sip/ctl; ${running}`;
  const more = { container: null, ctlSocket: '/run/sip/ctl' };
  const server = await (await bench.runtime(agentId, script, more)).start(newId(), silent);
  const facts = await bench.engine.inspect(await idOf(server));
  assert.equal(facts?.labels['carna.owner'], agentId);
  assert.equal(facts?.networkMode, `container:${agentId}`);
  assert.equal(facts?.pidMode, `container:${agentId}`);
  await waitUntil('the shared file', LIMIT_MS, () => existsSync(join(dir, 'ctl')));
  await server.stop(AT_ONCE);
});

test('a container that ends at once tells its last words', async () => {
  const agentId = await bench.agentContainer();
  for (let round = 0; round < 5; round++) {
    const script = 'for i in 1 2 3 4 5 6; do echo line $i >&2; done; exit 3';
    const runtime = await bench.runtime(agentId, script);
    const server = await runtime.start(newId(), silent);
    const { cause } = await server.exited;
    const lines = 'line 2 | line 3 | line 4 | line 5 | line 6';
    assert.equal(cause, `its process exited with code 3 | ${lines}`);
    await server.cleared;
  }
});

test('a server that ignores SIGTERM is killed at the end of its time', async () => {
  const runtime = await bench.runtime(
    await bench.agentContainer(),
    `trap "echo asked" TERM; echo ready; ${running}`,
  );
  const server = await runtime.start(newId(), silent);
  await waitUntil('ready', LIMIT_MS, () => bench.log.lines.some((l) => l.includes('"ready"')));
  const steps = { ...AT_ONCE, termMs: 2_500 };
  const [exit, again] = await Promise.all([server.stop(steps), server.stop(steps)]);
  assert.equal(exit, again);
  assert.equal(exit.signal, 'SIGKILL');
  const asked = bench.log.lines.filter((l) => l.includes('"asked"')).length;
  assert.ok(asked >= 2, `SIGTERM is repeated, heard ${asked} times`);
});

test('a server that ends on SIGTERM is not killed, and takes what it forked along', async () => {
  const script = `(trap "" TERM; ${running}) & trap "exit 0" TERM; echo forked; ${running}`;
  const runtime = await bench.runtime(await bench.agentContainer(), script);
  const server = await runtime.start(newId(), silent);
  const id = await idOf(server);
  await waitUntil('forked', LIMIT_MS, () => bench.log.lines.some((l) => l.includes('"forked"')));
  const exit = await server.stop({ ...AT_ONCE, termMs: 10_000 });
  assert.equal(exit.code, 0);
  assert.equal(await bench.isThere(id), false);
});

test('its own way to end comes before any signal', async () => {
  const script = `while [ ! -e /tmp/end ]; do sleep 1; done; exit 5`;
  const runtime = await bench.runtime(await bench.agentContainer(), script);
  const server = await runtime.start(newId(), silent);
  const id = await idOf(server);
  const graceful = async (): Promise<void> => {
    const Cmd = ['sh', '-c', 'echo > /tmp/end'];
    const exec = await bench.docker.getContainer(id).exec({ Cmd });
    await exec.start({});
  };
  const exit = await server.stop({ graceful, gracefulMs: 15_000, termMs: 100 });
  assert.equal(exit.code, 5);
});

test('a sibling that wants more memory than the task has is killed, and the agent lives', async () => {
  const agentId = await bench.agentContainer(48 * MB);
  const runtime = await bench.runtime(agentId, 'sleep 1; tail /dev/zero');
  const server = await runtime.start(newId(), silent);
  const exit = await server.exited;
  assert.equal(exit.cause, 'its process was killed (SIGKILL): out of memory, limit 48 MB');
  await server.cleared;
  assert.equal((await bench.engine.inspect(agentId))?.isRunning, true);
});

test('where the control group is hidden, explicit limits hold the server', async () => {
  const agentId = await bench.agentContainer();
  const limits = { memoryBytes: 32 * MB, cpus: 0.5 };
  const hints = {
    cgroup: '',
    mountinfo: '',
    hasDockerEnv: true,
    hostname: 'h',
    mesosContainer: null,
  };
  const runtime = await bench.runtime(agentId, 'sleep 1; tail /dev/zero', { limits, hints });
  const server = await runtime.start(newId(), silent);
  const facts = await bench.docker.getContainer(await idOf(server)).inspect();
  assert.equal(facts.HostConfig.NanoCpus, 5e8);
  assert.match((await server.exited).cause, /out of memory, limit 32 MB$/);
  await server.cleared;
});

test('the server does not outlive the container of its agent', async () => {
  const agentId = await bench.agentContainer();
  const runtime = await bench.runtime(agentId, `trap "" TERM; ${running}`);
  const server = await runtime.start(newId(), silent);
  const id = await idOf(server);
  const beganMs = performance.now();
  await bench.docker.getContainer(agentId).kill({ signal: 'SIGKILL' });
  await waitUntil('the sibling ended', LIMIT_MS, async () => {
    return (await bench.engine.inspect(id))?.isRunning !== true;
  });
  const endedMs = Math.round(performance.now() - beganMs);
  process.stdout.write(`# sibling ended ${endedMs} ms after SIGKILL of the agent's container\n`);
  assert.equal((await server.exited).signal, 'SIGKILL');
  await server.cleared;
  assert.equal(await bench.isThere(id), false);
});

test('an orphan of a dead agent is removed, a living neighbour is left alone', async () => {
  const [deadId, livingId, newId_] = await Promise.all([
    bench.agentContainer(),
    bench.agentContainer(),
    bench.agentContainer(),
  ]);
  const orphan = await bench.docker.createContainer({
    Image: bench.image,
    Cmd: ['sleep', '1000'],
    Labels: {
      'carna.test': bench.runId,
      'carna.task': 't',
      'carna.node': 'other',
      'carna.instance': 'x',
      'carna.owner': deadId,
    },
    HostConfig: { NetworkMode: 'none' },
  });
  await orphan.start();
  const neighbour = await (
    await bench.runtime(livingId, running, { nodeId: 'neighbour' })
  ).start(newId(), silent);
  await bench.engine.remove(deadId);
  const runtime = await bench.runtime(newId_, running);
  assert.equal(await runtime.adopt(), null);
  assert.equal(await bench.isThere(orphan.id), false);
  assert.equal(await bench.isThere(await idOf(neighbour)), true);
  assert.equal(await bench.isThere(livingId), true);
  await neighbour.stop(AT_ONCE);
});

test('the next agent in the same container takes the running server over', async () => {
  const agentId = await bench.agentContainer();
  const script = `echo early; sleep 2; echo late; ${running}`;
  const first = await (await bench.runtime(agentId, script)).start(newId(), silent);
  const id = await idOf(first);
  const next = await bench.runtime(agentId, 'exec sleep 1000');
  const adopted = await next.adopt();
  assert.ok(adopted);
  assert.equal(adopted.isAdopted, true);
  assert.equal(adopted.instanceId, first.instanceId);
  assert.equal(await idOf(adopted), id);
  assert.equal(adopted.note, 'it runs another command until its next start');
  const exit = await adopted.stop(AT_ONCE);
  assert.equal((await first.exited).signal, exit.signal);
  await first.cleared;
});

test('an image that is nowhere is told with what to do', async () => {
  const agentId = await bench.agentContainer();
  const image = '127.0.0.1:1/carna/none:1';
  const missing = await bench.runtime(agentId, running, { image });
  const told: string[] = [];
  await assert.rejects(
    missing.start(newId(), (text) => told.push(text)),
    (err) => {
      assert.ok(err instanceof ServerStartError);
      assert.match(
        err.message,
        /^image 127\.0\.0\.1:1\/carna\/none:1 is missing here and cannot be/,
      );
      assert.match(err.message, /connection refused/);
      assert.match(err.message, /check CARNA_SERVER_IMAGE$/);
      return true;
    },
  );
  assert.deepEqual(told, [`pulling ${image}`]);
  const never = await bench.runtime(agentId, running, { image, pull: 'never' });
  await assert.rejects(never.start(newId(), silent), MissingPartError);
});

test('a command that the image does not have is told in Docker’s words', async () => {
  const agentId = await bench.agentContainer();
  const runtime = await bench.runtime(agentId, '', { command: ['no-such-program', '-x'] });
  await assert.rejects(runtime.start(newId(), silent), (err) => {
    assert.ok(err instanceof ServerStartError);
    process.stdout.write(`# ${err.message}\n`);
    assert.match(err.message, /exec: "no-such-program": executable file not found in \$PATH/);
    return true;
  });
  const labels = { label: ['carna.task', `carna.owner=${agentId}`] };
  assert.deepEqual(await bench.docker.listContainers({ all: true, filters: labels }), []);
});

test('an observer watches the one container with the label and touches it never', async () => {
  const label = `carna.test.observed=${bench.runId}`;
  const make = async (): Promise<string> => {
    const made = await bench.docker.createContainer({
      Image: bench.image,
      Cmd: ['sleep', '1000'],
      Labels: { 'carna.test': bench.runId, 'carna.test.observed': bench.runId },
      HostConfig: { NetworkMode: 'none' },
    });
    await made.start();
    return made.id;
  };
  const { log } = bench.log;
  const observer = observeByLabel(bench.engine, label, log, systemTimekeeper, newId);
  assert.equal(await observer.adopt(), null);
  await assert.rejects(observer.start('x', silent), /no running container has the label/);
  const id = await make();
  const server = await observer.start('x', silent);
  assert.match(server.instanceId, new RegExp(`^${id.slice(0, 12)}-\\d{10}$`));
  await server.stop(AT_ONCE);
  assert.equal((await bench.engine.inspect(id))?.isRunning, true);
  const again = await observer.adopt();
  assert.equal(again?.instanceId, server.instanceId);
  const second = await make();
  await assert.rejects(observer.start('x', silent), /2 running containers have the label/);
  await bench.engine.remove(second);
  await bench.engine.kill(id, 'SIGKILL');
  assert.equal((await again?.exited)?.signal, 'SIGKILL');
});

test('a server lives through a restart of the engine, and an end meanwhile is seen', async () => {
  const own = new OwnEngine();
  const there = new DockerBench(own.socketPath);
  try {
    await own.start();
    await there.open();
    const agentId = await there.agentContainer();
    const script = 'i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.2; done';
    const runtime = await there.runtime(agentId, script);
    const server = await runtime.start(newId(), silent);
    const id = await idOf(server, there);
    const ticks = (): number[] =>
      there.log.lines
        .map((line) => /"tick (\d+)"/.exec(line)?.[1])
        .filter((tick) => tick !== undefined)
        .map(Number);
    await waitUntil('output', LIMIT_MS, () => ticks().length >= 3);
    let hasExited = false;
    void server.exited.then(() => (hasExited = true));
    await own.stop();
    const before = ticks().length;
    await own.start();
    await waitUntil('output again', LIMIT_MS, () => ticks().length >= before + 5);
    assert.equal(hasExited, false);
    assert.equal((await there.engine.inspect(id))?.isRunning, true);
    assert.deepEqual(
      ticks(),
      ticks().map((_, at) => at + 1),
      'no line is repeated, none is lost',
    );
    await own.stop();
    assert.ok(server.pid !== null);
    process.kill(server.pid, 'SIGKILL');
    await own.start();
    assert.equal((await server.exited).signal, 'SIGKILL');
    await server.cleared;
    assert.equal(await there.isThere(id), false);
  } finally {
    await there.close().finally(() => own.close());
  }
});
