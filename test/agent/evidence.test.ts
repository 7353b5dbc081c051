import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { CheckResult, ProbeResult } from '../../src/agent/checks/probe.js';
import { allOf } from '../../src/agent/checks/probe.js';
import { sipProbe } from '../../src/agent/checks/sip.js';
import type { OptionsPing } from '../../src/agent/ports.js';
import { freeswitchControl } from '../../src/agent/servers/freeswitch.js';
import { kamailioControl } from '../../src/agent/servers/kamailio.js';
import type { ServerControl } from '../../src/agent/servers/server.js';
import {
  BinrpcFaultError,
  DeadlineError,
  EslReplyError,
  ServerUnavailableError,
} from '../../src/util/errors.js';
import { FakeEsl } from './support/fake-esl.js';
import { FakeKamailio } from './support/fake-kamailio.js';
import { flush } from './support/fake-time.js';

const LIFE = { ring: (): void => undefined, isAdopted: false };
const OPTIONS = { profile: 'internal', gracefulMs: 1 };
const answers =
  (status: number): OptionsPing =>
  () =>
    Promise.resolve({ kind: 'answered', status, latencyMs: 0.93 });
const silent: OptionsPing = (limitMs) =>
  Promise.resolve({ kind: 'silent', reason: `no answer within ${limitMs} ms`, isLocal: false });
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

function freeswitch(esl: FakeEsl, ping: OptionsPing = answers(200)): ServerControl {
  return freeswitchControl(
    () => Promise.resolve(esl),
    ping,
    OPTIONS,
    () => 0,
  )(LIFE);
}

const lines = (result: ProbeResult): string[] =>
  (result.evidence ?? []).map((check) => `${check.check} ${check.verdict}: ${check.text}`);

const noteOf = (result: ProbeResult): string | null =>
  result.kind === 'ok' ? result.note : `not ok: ${result.reason}`;

const check = (result: ProbeResult, name: string): CheckResult | undefined =>
  result.evidence?.find((found) => found.check === name);

test('FreeSWITCH: one line of evidence per question', async () => {
  assert.deepEqual(lines(await freeswitch(new FakeEsl()).probe(800)), [
    'esl ok: connected',
    'core ok: ready',
    'profile ok: internal runs',
    'inbound ok: not paused',
    'shutdown ok: none under way',
    'sessions ok: 1 of 100 sessions',
    'sip ok: 200 in 0.9 ms',
  ]);
});

test('FreeSWITCH: each fault fails its own question, and all of them are named', async () => {
  const esl = new FakeEsl();
  esl.facts = { ...esl.facts, ready: false };
  esl.isRunning = false;
  esl.isPaused = true;
  esl.isEnding = true;
  const result = await freeswitch(esl, silent).probe(800);
  assert.ok(result.kind === 'fail');
  assert.deepEqual(lines(result), [
    'esl ok: connected',
    'core fail: FreeSWITCH says that it is not ready',
    'profile fail: the SIP profile internal does not run',
    'inbound fail: inbound calls are paused, not by us',
    'shutdown fail: FreeSWITCH is shutting down',
    'sessions ok: 1 of 100 sessions',
    'sip fail: no answer within 800 ms',
  ]);
  assert.equal(
    result.reason,
    'FreeSWITCH says that it is not ready; the SIP profile internal does not run; inbound calls are paused, ' +
      'not by us; FreeSWITCH is shutting down; no answer to SIP OPTIONS: no answer within 800 ms',
  );
  assert.equal(result.isEnding, true);
  assert.equal(result.load?.sessions, 1);
});

test('FreeSWITCH: what could not be asked is not listed', async () => {
  const open = () => Promise.reject(new ServerUnavailableError('connect ECONNREFUSED'));
  const result = await freeswitchControl(open, silent, OPTIONS, () => 0)(LIFE).probe(800);
  assert.deepEqual(lines(result), [
    'esl fail: connect ECONNREFUSED',
    'sip fail: no answer within 800 ms',
  ]);
  assert.equal(
    result.kind === 'fail' && result.reason,
    'no event socket: connect ECONNREFUSED; no answer to SIP OPTIONS: no answer within 800 ms',
  );
});

test('FreeSWITCH: one question without an answer in time spoils the connection, the others stand', async () => {
  const esl = new FakeEsl();
  esl.isShuttingDown = () => Promise.reject(new DeadlineError('shutdown_check', 800));
  esl.isInboundPaused = () =>
    Promise.reject(
      new ServerUnavailableError('the session has ended', { cause: new DeadlineError('x', 800) }),
    );
  let closes = 0;
  esl.close = () => Promise.resolve(void (closes += 1));
  const result = await freeswitch(esl).probe(800);
  assert.deepEqual(
    lines(result).filter((line) => line.includes('fail')),
    ['inbound fail: no answer within 800 ms', 'shutdown fail: no answer within 800 ms'],
  );
  assert.equal(
    result.kind === 'fail' && result.reason,
    'event socket: no answer within 800 ms',
    'silence is named once',
  );
  assert.equal(closes, 1);
});

test('FreeSWITCH: an odd answer is named and spoils the connection', async () => {
  const esl = new FakeEsl();
  esl.coreUuid = () => Promise.reject(new EslReplyError('core_uuid', '-ERR no reply'));
  let closes = 0;
  esl.close = () => Promise.resolve(void (closes += 1));
  const result = await freeswitch(esl).probe(800);
  assert.match(result.kind === 'fail' ? result.reason : '', /-ERR no reply/);
  assert.equal(closes, 1);
});

test('FreeSWITCH: full is load, also one below the limit, and then 503 is the right answer', async () => {
  const esl = new FakeEsl();
  const control = freeswitch(esl, answers(503));
  esl.facts = { ready: true, active: 98, limit: 100 };
  const almost = await control.probe(800);
  assert.equal(
    almost.kind === 'fail' && almost.reason,
    'event socket says yes, SIP says no: SIP OPTIONS answered with 503',
  );
  for (const active of [99, 100, 101]) {
    esl.facts = { ready: true, active, limit: 100 };
    const result = await control.probe(800);
    assert.equal(noteOf(result), null);
    assert.equal(check(result, 'sessions')?.text, `full: ${active} of 100 sessions`);
    assert.equal(check(result, 'sip')?.text, '503 in 0.9 ms');
    assert.ok(result.kind === 'ok' && result.load?.sessions === active);
    assert.equal(result.load.limit, 100);
  }
});

test('FreeSWITCH: a 503 waits for what the same round says of the sessions', async () => {
  const esl = new FakeEsl();
  let answer: (facts: typeof esl.facts) => void = () => undefined;
  esl.status = () => new Promise((resolve) => (answer = resolve));
  const result = freeswitch(esl, answers(503)).probe(800);
  await flush();
  answer({ ready: true, active: 99, limit: 100 });
  assert.equal((await result).kind, 'ok');
});

test('FreeSWITCH: a session limit that fell within one life is noted, until the next life', async () => {
  const esl = new FakeEsl();
  const control = freeswitch(esl);
  esl.facts = { ready: true, active: 1, limit: 1000 };
  assert.equal(noteOf(await control.probe(800)), null);
  esl.facts = { ready: true, active: 1, limit: 110 };
  const lowered = await control.probe(800);
  assert.equal(noteOf(lowered), 'FreeSWITCH lowered its session limit from 1000 to 110');
  assert.equal(lowered.kind === 'ok' && lowered.load?.limit, 110);
  esl.uuid = 'u2';
  assert.equal(noteOf(await control.probe(800)), null);
});

test('FreeSWITCH: HEARTBEAT adds rate and idle CPU to the load; a garbled one is counted and noted', async () => {
  const esl = new FakeEsl();
  const control = freeswitch(esl);
  const loadOf = async () => {
    const result = await control.probe(800);
    return result.kind === 'ok' ? result.load : null;
  };
  const before = { sessions: 1, limit: 100, memoryUsedShare: null };
  assert.deepEqual(await loadOf(), { ...before, ratePerSecond: null, idleCpuPercent: null });
  esl.beat({ kind: 'beat', ratePerSecond: 7, idleCpuPercent: 84.5 });
  assert.deepEqual(await loadOf(), { ...before, ratePerSecond: 7, idleCpuPercent: 84.5 });
  esl.beat({ kind: 'refused', why: 'HEARTBEAT: Idle-CPU: expected a percentage' });
  esl.beat({ kind: 'refused', why: 'HEARTBEAT: Idle-CPU: expected a percentage' });
  assert.equal(
    noteOf(await control.probe(800)),
    '2 HEARTBEAT event(s) refused, the last: HEARTBEAT: Idle-CPU: expected a percentage',
  );
  assert.equal((await loadOf())?.ratePerSecond, 7, 'the last good one counts');
});

test('FreeSWITCH: without HEARTBEAT it is healthy, with a note; a new connection begins anew', async () => {
  const esl = new FakeEsl();
  esl.onHeartbeat = () => Promise.reject(new EslReplyError('event', '-ERR permission denied'));
  const control = freeswitch(esl);
  await control.probe(800);
  assert.match(
    noteOf(await control.probe(800)) ?? '',
    /^no HEARTBEAT events: .*permission denied$/,
  );
  esl.onHeartbeat = () => Promise.resolve();
  esl.end('restart');
  await flush();
  assert.equal(noteOf(await control.probe(800)), null);
});

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
    const late: OptionsPing = (limitMs) =>
      new Promise((resolve) =>
        setTimeout(
          () =>
            resolve({ kind: 'silent', reason: `no answer within ${limitMs} ms`, isLocal: false }),
          limitMs,
        ),
      );
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
