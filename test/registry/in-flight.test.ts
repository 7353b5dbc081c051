import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InFlight } from '../../src/registry/in-flight.js';
import type { ZkOperation } from '../../src/registry/requests.js';
import type { ZkCallback } from '../../src/registry/zk-client.js';
import {
  RegistryAmbiguousError,
  RegistryNotSentError,
  RegistryRejectedError,
  RegistrySessionOverError,
} from '../../src/util/errors.js';

const operation = { what: 'getData /a', read: (payload: unknown) => payload };

function begin(inFlight: InFlight, read = operation.read) {
  let callback: ZkCallback | undefined;
  const asked = { ...operation, read } as unknown as ZkOperation<unknown>;
  const answer = inFlight.begin(
    asked,
    1_000,
    () => 4,
    (taken) => (callback = taken),
  );
  assert.ok(callback !== undefined);
  return { answer, callback };
}

test('an answer comes with its place among the frames, once', async () => {
  const inFlight = new InFlight();
  const { answer, callback } = begin(inFlight);
  assert.equal(inFlight.size, 1);
  callback(null, { payload: 'bytes' });
  callback({ code: -101 });
  assert.deepEqual(await answer, { value: 'bytes', arrival: 4 });
  assert.equal(inFlight.size, 0);
});

test("ZooKeeper's no has its name, garbage rejects the one operation", async () => {
  const inFlight = new InFlight();
  const refused = begin(inFlight);
  refused.callback({ code: -101 });
  await assert.rejects(refused.answer, (err) => {
    assert.ok(err instanceof RegistryRejectedError);
    return err.zkCode === 'NO_NODE';
  });
  const garbled = begin(inFlight, () => {
    throw new TypeError('no stat');
  });
  garbled.callback(null, { payload: null });
  await assert.rejects(garbled.answer, /no stat/);
});

test('no answer in time is ambiguous, and a later one is ignored', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const inFlight = new InFlight();
  const { answer, callback } = begin(inFlight);
  t.mock.timers.tick(1_000);
  await assert.rejects(answer, RegistryAmbiguousError);
  callback(null, { payload: 'late' });
  assert.equal(inFlight.size, 0);
});

test('a lost connection: what never left was not sent, of the rest nobody knows', async () => {
  const inFlight = new InFlight();
  const [sent, unsent] = [begin(inFlight), begin(inFlight)];
  inFlight.connectionLost('cut', new Set([unsent.callback]));
  await assert.rejects(sent.answer, RegistryAmbiguousError);
  await assert.rejects(unsent.answer, RegistryNotSentError);
  assert.equal(inFlight.size, 0);
});

test('at the end of the session all that wait are told', async () => {
  const inFlight = new InFlight();
  const waiting = [begin(inFlight), begin(inFlight)];
  inFlight.end(new RegistrySessionOverError('closed'));
  for (const { answer } of waiting) await assert.rejects(answer, RegistrySessionOverError);
});
