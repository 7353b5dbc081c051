import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { observeByLabel } from '../../src/agent/runtime/observe-container.js';
import { systemTimekeeper } from '../../src/agent/timekeeper.js';
import { waitUntil } from '../../src/util/wait.js';
import { AT_ONCE, DockerBench, LIMIT_MS, running, silent, testSocket } from './docker-bench.js';

let bench: DockerBench;

before(async () => {
  bench = await new DockerBench(testSocket()).open();
});
after(() => bench.close());

test('the server does not outlive the container of its agent', async () => {
  const agentId = await bench.agentContainer();
  const runtime = await bench.runtime(agentId, `trap "" TERM; ${running}`);
  const server = await runtime.start(bench.newId(), silent);
  const id = await bench.idOf(server);
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
  ).start(bench.newId(), silent);
  await bench.engine.remove(deadId);
  const runtime = await bench.runtime(newId_, running);
  assert.equal(await runtime.adopt(), null);
  assert.equal(await bench.isThere(orphan.id), false);
  assert.equal(await bench.isThere(await bench.idOf(neighbour)), true);
  assert.equal(await bench.isThere(livingId), true);
  await neighbour.stop(AT_ONCE);
});

test('the next agent in the same container takes the running server over', async () => {
  const agentId = await bench.agentContainer();
  const script = `echo early; sleep 2; echo late; ${running}`;
  const first = await (await bench.runtime(agentId, script)).start(bench.newId(), silent);
  const id = await bench.idOf(first);
  const next = await bench.runtime(agentId, 'exec sleep 1000');
  const adopted = await next.adopt();
  assert.ok(adopted);
  assert.equal(adopted.isAdopted, true);
  assert.equal(adopted.instanceId, first.instanceId);
  assert.equal(await bench.idOf(adopted), id);
  assert.equal(adopted.note, 'it runs another command until its next start');
  const exit = await adopted.stop(AT_ONCE);
  assert.equal((await first.exited).signal, exit.signal);
  await first.cleared;
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
  const observer = observeByLabel(bench.engine, label, log, systemTimekeeper, () => bench.newId());
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
