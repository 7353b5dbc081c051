import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../src/util/wait.js';
import { DockerBench, LIMIT_MS, OwnEngine, silent } from './docker-bench.js';

test('a server lives through a restart of the engine, and an end meanwhile is seen', async () => {
  const own = new OwnEngine();
  const there = new DockerBench(own.socketPath);
  try {
    await own.start();
    await there.open();
    const agentId = await there.agentContainer();
    const script = 'i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.2; done';
    const runtime = await there.runtime(agentId, script);
    const server = await runtime.start(there.newId(), silent);
    const id = await there.idOf(server);
    const ticks = (): number[] => ticksIn(there.log.lines);
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

function ticksIn(lines: readonly string[]): number[] {
  return lines
    .map((line) => /"tick (\d+)"/.exec(line)?.[1])
    .filter((tick) => tick !== undefined)
    .map(Number);
}
