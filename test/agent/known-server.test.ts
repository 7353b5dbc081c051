import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flag } from '../../src/agent/runtime/flag-file.js';
import { rememberingRuntime } from '../../src/agent/runtime/known-server.js';
import { MissingPartError, ServerStartError } from '../../src/util/errors.js';
import { FakeRuntime, FakeServer } from './support/fakes.js';
import { flush } from './support/fake-time.js';

function flag(isSet: boolean): Flag & { isSet: boolean } {
  return {
    isSet,
    read() {
      return this.isSet;
    },
    write(next) {
      this.isSet = next;
    },
  };
}

const missing = (): Promise<never> => Promise.reject(new MissingPartError('no socket', 'mount it'));

test('without a server of ours what is missing ends the agent', async () => {
  const runtime = Object.assign(new FakeRuntime(), { adopt: missing });
  await assert.rejects(rememberingRuntime(runtime, flag(false)).adopt(), MissingPartError);
});

test('while a server of ours may run it is waited for', async () => {
  const runtime = Object.assign(new FakeRuntime(), { adopt: missing });
  await assert.rejects(rememberingRuntime(runtime, flag(true)).adopt(), ServerStartError);
});

test('a server is remembered from its start or take-over until nothing of it is left', async () => {
  const mark = flag(false);
  const fake = new FakeRuntime();
  const runtime = rememberingRuntime(fake, mark);
  await runtime.start('life', () => undefined);
  assert.equal(mark.isSet, true);
  fake.server.exit(0, null);
  await flush();
  assert.equal(mark.isSet, false);
  fake.running = new FakeServer(7);
  await runtime.adopt();
  assert.equal(mark.isSet, true);
});

test('one that is gone is forgotten', async () => {
  const mark = flag(true);
  assert.equal(await rememberingRuntime(new FakeRuntime(), mark).adopt(), null);
  assert.equal(mark.isSet, false);
});
