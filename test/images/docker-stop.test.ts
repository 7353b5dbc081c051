import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitUntil } from '../../src/util/wait.js';
import { AT_ONCE, DockerBench, LIMIT_MS, running, silent, testSocket } from './docker-bench.js';

let bench: DockerBench;

before(async () => {
  bench = await new DockerBench(testSocket()).open();
});
after(() => bench.close());

test('a server that ignores SIGTERM is killed at the end of its time', async () => {
  const runtime = await bench.runtime(
    await bench.agentContainer(),
    `trap "echo asked" TERM; echo ready; ${running}`,
  );
  const server = await runtime.start(bench.newId(), silent);
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
  const server = await runtime.start(bench.newId(), silent);
  const id = await bench.idOf(server);
  await waitUntil('forked', LIMIT_MS, () => bench.log.lines.some((l) => l.includes('"forked"')));
  const exit = await server.stop({ ...AT_ONCE, termMs: 10_000 });
  assert.equal(exit.code, 0);
  assert.equal(await bench.isThere(id), false);
});

test('its own way to end comes before any signal', async () => {
  const script = `while [ ! -e /tmp/end ]; do sleep 1; done; exit 5`;
  const runtime = await bench.runtime(await bench.agentContainer(), script);
  const server = await runtime.start(bench.newId(), silent);
  const id = await bench.idOf(server);
  const graceful = async (): Promise<void> => {
    const Cmd = ['sh', '-c', 'echo > /tmp/end'];
    const exec = await bench.docker.getContainer(id).exec({ Cmd });
    await exec.start({});
  };
  const exit = await server.stop({ graceful, gracefulMs: 15_000, termMs: 100 });
  assert.equal(exit.code, 5);
});
