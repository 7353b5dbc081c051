import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerStartError } from '../../src/util/errors.js';
import { SERVER_ID } from './support/docker-fakes.js';
import { Bench } from './support/docker-bench.js';

const steps = { graceful: async () => undefined, gracefulMs: 0, termMs: 2_500 };

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
