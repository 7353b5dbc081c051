import assert from 'node:assert/strict';
import { test } from 'node:test';
import { docker, dockerOutcome, exitCodeOf, inspect, until } from './support/docker.js';
import { lifeOf, livesOf, signalsOf, startFake } from './support/fake-carna.js';

for (const [how, options] of [
  ['as PID 1', []],
  ['below an init', ['--init']],
] as const) {
  test(`an agent that is killed is started again, the container lives on, ${how}`, async (t) => {
    const name = await startFake(t, {}, ...options);
    const pid = await lifeOf(name, 1);
    const before = await inspect(name, '.State');
    await docker('exec', name, 'sh', '-c', `kill -9 ${pid}`);
    assert.notEqual(await lifeOf(name, 2), pid);
    assert.deepEqual(await inspect(name, '.State'), before);
  });

  test(`every SIGTERM and SIGINT reaches the agent, none ends the container, ${how}`, async (t) => {
    const name = await startFake(t, { FAKE_SIGNALS: '4' }, ...options);
    await lifeOf(name, 1);
    for (const [count, signal] of ['SIGTERM', 'SIGTERM', 'SIGINT'].entries()) {
      await docker('kill', '--signal', signal, name);
      await signalsOf(name, count + 1);
    }
    assert.equal(await inspect(name, '.State.Running'), true);
    await docker('kill', '--signal', 'SIGTERM', name);
    assert.equal(await exitCodeOf(name), 0);
    assert.deepEqual(await signalsOf(name, 4), ['SIGTERM', 'SIGTERM', 'SIGINT', 'SIGTERM']);
    assert.equal((await livesOf(name)).length, 1);
  });
}

for (const code of [0, 2, 3, 4]) {
  test(`an agent that gives up with ${code} ends the container with ${code}`, async (t) => {
    const name = await startFake(t, { FAKE_CODE: String(code) });
    assert.equal(await exitCodeOf(name), code);
    assert.equal((await livesOf(name)).length, 1);
  });
}

test('an agent that ends by a bug again and again ends the container with 70', async (t) => {
  const name = await startFake(t, { FAKE_CODE: '70' });
  assert.equal(await exitCodeOf(name), 70);
  assert.equal((await livesOf(name)).length, 10);
});

test('an agent that is killed while it drains comes back and is told to end once it listens', async (t) => {
  const name = await startFake(t, { FAKE_SIGNALS: '2', FAKE_SLOW_MS: '1500' });
  const pid = await lifeOf(name, 1);
  await docker('kill', '--signal', 'SIGTERM', name);
  await signalsOf(name, 1);
  await docker('exec', name, 'sh', '-c', `kill -9 ${pid}`);
  // It hears one signal in its first life, one in its second: then two lives and no more have been.
  assert.deepEqual(await signalsOf(name, 2), ['SIGTERM', 'SIGTERM']);
  assert.equal((await livesOf(name)).length, 2);
  await docker('kill', '--signal', 'SIGTERM', name);
  assert.equal(await exitCodeOf(name), 0);
});

test('a process that loses its parent leaves no zombie', async (t) => {
  const name = await startFake(t, {});
  await lifeOf(name, 1);
  const orphan = await docker('exec', name, 'sh', '-c', 'sleep 0.5 >/dev/null 2>&1 & echo $!');
  const parent = await docker('exec', name, 'grep', 'PPid', `/proc/${orphan}/status`);
  assert.equal(parent, 'PPid:\t1');
  await until(`the end of process ${orphan}`, async () => {
    const { code } = await dockerOutcome(['exec', name, 'test', '-e', `/proc/${orphan}`]);
    return code === 1 ? true : null;
  });
});
