import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { ProbeResult } from '../../src/agent/checks/probe.js';
import { allOf } from '../../src/agent/checks/probe.js';
import { sipProbe } from '../../src/agent/checks/sip.js';
import type { OptionsPing } from '../../src/agent/ports.js';
import { freeswitchControl } from '../../src/agent/servers/freeswitch.js';
import { kamailioControl } from '../../src/agent/servers/kamailio.js';
import { answers, freeswitch, LIFE, lines, OPTIONS } from './support/evidence-bench.js';
import { FakeEsl } from './support/fake-esl.js';
import { FakeKamailio } from './support/fake-kamailio.js';
import { flush } from './support/fake-time.js';

/** Silent, and told only at the limit. */
const late: OptionsPing = (limitMs) =>
  new Promise((resolve) =>
    setTimeout(
      () => resolve({ kind: 'silent', reason: `no answer within ${limitMs} ms`, isLocal: false }),
      limitMs,
    ),
  );
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

test('all at once: unknown keeps the evidence, and a failure keeps the load', async () => {
  const evidence = [{ check: 'a', verdict: 'unknown', latencyMs: 1, text: 'lost' }] as const;
  const unknown = () =>
    Promise.resolve({ kind: 'unknown', latencyMs: 1, reason: 'lost', evidence } as const);
  const sip = sipProbe(
    answers(200),
    () => false,
    () => 0,
  );
  const result = await allOf([unknown, sip])(800);
  assert.deepEqual(lines(result), ['a unknown: lost', 'sip ok: 200 in 0.9 ms']);
  assert.equal(result.kind, 'unknown');
});

test('a probe ends at its deadline whatever hangs, and tells it of every question', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const esl = new FakeEsl();
    for (const name of ['status', 'coreUuid', 'isInboundPaused', 'isShuttingDown'] as const) {
      Object.assign(esl, { [name]: never });
    }
    const rpc = new FakeKamailio([]);
    rpc.readUptimeSeconds = never;
    rpc.readTmStats = never;
    const hangs = () => never<FakeEsl>();
    const probes = [
      freeswitch(esl, late),
      freeswitchControl(hangs, late, OPTIONS, () => 0)(LIFE),
      kamailioControl(rpc, late, () => 0)(LIFE),
    ].map((control) => control.probe(800));
    const results: ProbeResult[] = [];
    for (const probe of probes) void probe.then((result) => results.push(result));
    await flush();
    mock.timers.tick(799);
    await flush();
    assert.equal(results.length, 0);
    mock.timers.tick(1);
    await flush();
    assert.deepEqual(
      results.map((result) => (result.kind === 'fail' ? result.reason : 'ok')).sort(),
      [
        'cannot be managed: no answer within 800 ms; no answer to SIP OPTIONS: no answer within 800 ms',
        'event socket: no answer within 800 ms; no answer to SIP OPTIONS: no answer within 800 ms',
        'no event socket: no answer within 800 ms; no answer to SIP OPTIONS: no answer within 800 ms',
      ],
    );
  } finally {
    mock.timers.reset();
  }
});
