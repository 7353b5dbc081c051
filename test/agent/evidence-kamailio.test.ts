import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kamailioControl } from '../../src/agent/servers/kamailio.js';
import { BinrpcFaultError, ServerUnavailableError } from '../../src/util/errors.js';
import { answers, check, LIFE, lines, noteOf } from './support/evidence-bench.js';
import { FakeKamailio } from './support/fake-kamailio.js';

test('Kamailio: evidence and load; dialogs count before transactions', async () => {
  const rpc = Object.assign(new FakeKamailio([]), {
    readMemory: () => Promise.resolve({ usedShare: 0.419, freeMib: 150.7 }),
  });
  rpc.tm = { current: 12, waiting: 9 };
  const control = kamailioControl(rpc, answers(200), () => 0)(LIFE);
  const result = await control.probe(800);
  assert.deepEqual(lines(result), [
    'rpc ok: up for 0 s',
    'memory ok: shared memory 41 % used, 150 MB free',
    'sip ok: 200 in 0.9 ms',
  ]);
  assert.ok(result.kind === 'ok' && result.calls === undefined);
  assert.deepEqual(result.load, {
    sessions: 3,
    limit: null,
    ratePerSecond: null,
    idleCpuPercent: null,
    memoryUsedShare: 0.419,
  });
  const withDialogs = Object.assign(rpc, { countDialogs: () => Promise.resolve(5) });
  const tracked = await kamailioControl(withDialogs, answers(200), () => 0)(LIFE).probe(800);
  assert.ok(tracked.kind === 'ok' && tracked.calls === 5 && tracked.load?.sessions === 5);
});

test('Kamailio: memory beyond 97 % is noted and no failure', async () => {
  const share = { usedShare: 0.97, freeMib: 2 };
  const rpc = Object.assign(new FakeKamailio([]), { readMemory: () => Promise.resolve(share) });
  const control = kamailioControl(rpc, answers(200), () => 0)(LIFE);
  assert.equal(noteOf(await control.probe(800)), null);
  share.usedShare = 0.985;
  assert.equal(
    noteOf(await control.probe(800)),
    'nearly out of memory: shared memory 98 % used, 2 MB free',
  );
});

test('Kamailio: memory that it does not tell is unknown, and the node is as healthy', async () => {
  const fault = () => Promise.reject(new BinrpcFaultError('core.shmmem', 500, 'bad param'));
  const rpc = Object.assign(new FakeKamailio([]), { readMemory: fault, readTmStats: fault });
  const control = kamailioControl(rpc, answers(200), () => 0)(LIFE);
  const result = await control.probe(800);
  assert.equal(result.kind, 'ok');
  assert.equal(check(result, 'memory')?.verdict, 'unknown');
  assert.ok(result.kind === 'ok' && result.load?.sessions === null);
});

test('Kamailio: RPC that fails is evidence, and nothing else was asked', async () => {
  const rpc = new FakeKamailio([]);
  rpc.readUptimeSeconds = () => Promise.reject(new ServerUnavailableError('no permission'));
  const result = await kamailioControl(rpc, answers(200), () => 0)(LIFE).probe(800);
  assert.equal(result.kind, 'ok');
  assert.deepEqual(lines(result), ['rpc fail: no permission', 'sip ok: 200 in 0.9 ms']);
});
