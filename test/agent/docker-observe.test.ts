import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observeByLabel } from '../../src/agent/runtime/observe-container.js';
import type { ServerRuntime } from '../../src/agent/runtime/runtime.js';
import { ServerStartError } from '../../src/util/errors.js';
import {
  collectingLog,
  container,
  FakeEngine,
  SERVER_ID,
  summary,
} from './support/docker-fakes.js';
import { FakeTime, flush } from './support/fake-time.js';

const labels = { app: 'sip' };
const steps = { graceful: async () => undefined, gracefulMs: 1_000, termMs: 1_000 };
const silent = (): void => undefined;

function bench(count = 1, startedAt = '2026-01-31T23:59:59.5Z'): [ServerRuntime, FakeEngine] {
  const engine = new FakeEngine(null);
  for (let n = 0; n < count; n++) {
    const id = n === 0 ? SERVER_ID : `${n}`.repeat(64);
    engine.listed.push(summary({ id, name: `sip-${n}`, labels }));
    engine.containers.set(id, container({ id, name: `sip-${n}`, startedAt }));
  }
  const { log } = collectingLog();
  return [observeByLabel(engine, 'app=sip', log, new FakeTime(), () => 'made-up'), engine];
}

test('the one container with the label is found, with an id of its present life', async () => {
  const [observer, engine] = bench();
  assert.equal(observer.isObserver, true);
  const server = await observer.adopt();
  assert.ok(server);
  const seconds = Date.parse('2026-01-31T23:59:59Z') / 1_000;
  assert.deepEqual(
    [server.name, server.instanceId, server.isAdopted],
    ['container sip-0', `${'b'.repeat(12)}-${seconds}`, true],
  );
  await flush();
  engine.die(1);
  assert.equal((await server.exited).code, 1);
  await server.cleared;
  assert.deepEqual(engine.acts, []);
});

test('a container that does not tell when it started gets an id made up', async () => {
  const [observer] = bench(1, '0001-01-01T00:00:00Z');
  assert.equal((await observer.start('x', silent)).instanceId, 'made-up');
});

test('none is no reason to give up, several are told by name', async () => {
  const [none] = bench(0);
  assert.equal(await none.adopt(), null);
  await assert.rejects(none.start('x', silent), (err) => {
    assert.ok(err instanceof ServerStartError);
    assert.equal(err.message, 'no running container has the label app=sip');
    return true;
  });
  const [two] = bench(2);
  await assert.rejects(
    two.start('x', silent),
    /^ServerStartError: 2 running containers have the label app=sip: sip-0, sip-1; give/,
  );
});

test('a container that does not run is not seen', async () => {
  const [observer, engine] = bench();
  engine.listed = [summary({ labels, status: 'exited' })];
  assert.equal(await observer.adopt(), null);
});

test('a stop only stops looking', async () => {
  const [observer, engine] = bench();
  const server = await observer.start('x', silent);
  assert.equal(server.isAdopted, false);
  const exit = await server.stop(steps);
  assert.equal(exit.cause, 'it is not watched any more');
  await server.cleared;
  assert.deepEqual(engine.acts, []);
  assert.ok(engine.eventStreams.every((stream) => stream.isOver));
});
