import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MissingPartError, ServerStartError } from '../../src/util/errors.js';
import { waitUntil } from '../../src/util/wait.js';
import { testDir } from '../support/resources.js';
import { AT_ONCE, DockerBench, LIMIT_MS, running, silent, testSocket } from './docker-bench.js';

const MB = 1 << 20;
let bench: DockerBench;

before(async () => {
  bench = await new DockerBench(testSocket()).open();
});
after(() => bench.close());

test('a server is started beside the agent and its exit code is told', async () => {
  const agentId = await bench.agentContainer();
  const runtime = await bench.runtime(agentId, 'echo hello; sleep 1; exit 7');
  assert.equal(await runtime.adopt(), null);
  const server = await runtime.start(bench.newId(), silent);
  assert.equal(server.isAdopted, false);
  assert.ok(server.pid !== null, 'its main process can be seen from the host');
  const id = await bench.idOf(server);
  const exit = await server.exited;
  assert.equal(exit.code, 7);
  assert.match(exit.cause, /exited with code 7 \| hello$/);
  await server.cleared;
  assert.equal(await bench.isThere(id), false);
  assert.ok(bench.log.lines.some((line) => line.includes('"line":"hello"')));
});

test('a server that is killed from outside is told by its signal', async () => {
  const runtime = await bench.runtime(await bench.agentContainer(), running);
  const server = await runtime.start(bench.newId(), silent);
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
  const server = await (await bench.runtime(agentId, script, more)).start(bench.newId(), silent);
  const facts = await bench.engine.inspect(await bench.idOf(server));
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
    const server = await runtime.start(bench.newId(), silent);
    const { cause } = await server.exited;
    const lines = 'line 2 | line 3 | line 4 | line 5 | line 6';
    assert.equal(cause, `its process exited with code 3 | ${lines}`);
    await server.cleared;
  }
});

test('a sibling that wants more memory than the task has is killed, and the agent lives', async () => {
  const agentId = await bench.agentContainer(48 * MB);
  const runtime = await bench.runtime(agentId, 'sleep 1; tail /dev/zero');
  const server = await runtime.start(bench.newId(), silent);
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
  const server = await runtime.start(bench.newId(), silent);
  const facts = await bench.docker.getContainer(await bench.idOf(server)).inspect();
  assert.equal(facts.HostConfig.NanoCpus, 5e8);
  assert.match((await server.exited).cause, /out of memory, limit 32 MB$/);
  await server.cleared;
});

test('an image that is nowhere is told with what to do', async () => {
  const agentId = await bench.agentContainer();
  const image = '127.0.0.1:1/carna/none:1';
  const missing = await bench.runtime(agentId, running, { image });
  const told: string[] = [];
  await assert.rejects(
    missing.start(bench.newId(), (text) => told.push(text)),
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
  await assert.rejects(never.start(bench.newId(), silent), MissingPartError);
});

test('a command that the image does not have is told in Docker’s words', async () => {
  const agentId = await bench.agentContainer();
  const runtime = await bench.runtime(agentId, '', { command: ['no-such-program', '-x'] });
  await assert.rejects(runtime.start(bench.newId(), silent), (err) => {
    assert.ok(err instanceof ServerStartError);
    process.stdout.write(`# ${err.message}\n`);
    assert.match(err.message, /exec: "no-such-program": executable file not found in \$PATH/);
    return true;
  });
  const labels = { label: ['carna.task', `carna.owner=${agentId}`] };
  assert.deepEqual(await bench.docker.listContainers({ all: true, filters: labels }), []);
});
