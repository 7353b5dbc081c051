import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DockerAnswerError } from '../../src/agent/runtime/docker-port.js';
import { MissingPartError, ServerStartError } from '../../src/util/errors.js';
import type { FakeEngine } from './support/docker-fakes.js';
import { flush } from './support/fake-time.js';
import { Bench } from './support/docker-bench.js';

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
