import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeswitchProbe } from '../../src/agent/checks/freeswitch.js';
import { kamailioProbe } from '../../src/agent/checks/kamailio.js';
import type { ProbeResult } from '../../src/agent/checks/probe.js';
import { allOf } from '../../src/agent/checks/probe.js';
import { sipProbe } from '../../src/agent/checks/sip.js';
import { newPulse } from '../../src/agent/checks/pulse.js';
import { freeswitchControl } from '../../src/agent/servers/freeswitch.js';
import { kamailioControl } from '../../src/agent/servers/kamailio.js';
import { DeadlineError, ServerUnavailableError } from '../../src/util/errors.js';
import { FakeEsl } from './support/fake-esl.js';
import { FakeKamailio } from './support/fake-kamailio.js';
import { flush } from './support/fake-time.js';

const LIFE = { ring: (): void => undefined, isAdopted: false };

const answers = (status: number) => () =>
  Promise.resolve({ kind: 'answered', status, latencyMs: 1 } as const);
const silent = () =>
  Promise.resolve({ kind: 'silent', reason: 'timed out', isLocal: false } as const);

const said = (result: ProbeResult): string =>
  result.kind === 'ok' ? `ok${result.note === null ? '' : `: ${result.note}`}` : result.reason;

function checkFreeswitch(name: string, change: (esl: FakeEsl) => void, expected: RegExp): void {
  test(`FreeSWITCH: ${name}`, async () => {
    const esl = new FakeEsl();
    change(esl);
    const questions = {
      profile: 'internal',
      isRefusing: () => false,
      noteLife: () => null,
      pulse: newPulse,
      hasLostConnection: () => false,
      drop: () => esl.close(),
    };
    const result = await freeswitchProbe(
      () => Promise.resolve(esl),
      questions,
      () => 0,
    )(100);
    assert.match(said(result), expected);
  });
}

checkFreeswitch('all is well', () => undefined, /^ok$/);
checkFreeswitch('the core is not ready', (e) => (e.facts = { ...e.facts, ready: false }), /ready/);
checkFreeswitch('the profile is stopped', (e) => (e.isRunning = false), /internal does not run/);
checkFreeswitch('paused by somebody', (e) => (e.isPaused = true), /paused, not by us/);
checkFreeswitch('shutting down', (e) => (e.isEnding = true), /shutting down/);
checkFreeswitch('full is no illness', (e) => (e.facts = { ...e.facts, active: 100 }), /^ok$/);
checkFreeswitch(
  'a late answer ends the connection',
  (e) => (e.coreUuid = () => Promise.reject(new DeadlineError('core_uuid', 100))),
  /^event socket: no answer within 100 ms$/,
);

test('FreeSWITCH: the end of its connection rings, and with SIP silent it is ending', async () => {
  const esl = new FakeEsl();
  let canOpen = true;
  let rings = 0;
  const open = () =>
    canOpen ? Promise.resolve(esl) : Promise.reject(new ServerUnavailableError('refused'));
  let ping: () => ReturnType<typeof silent> | ReturnType<ReturnType<typeof answers>> = answers(200);
  const options = { profile: 'internal', gracefulMs: 1 };
  const control = freeswitchControl(
    open,
    () => ping(),
    options,
    () => 0,
  )({ ring: () => (rings += 1), isAdopted: false });
  assert.equal(said(await control.probe(100)), 'ok');
  canOpen = false;
  esl.end('socket closed');
  await flush();
  assert.equal(rings, 1);
  const served = await control.probe(100);
  assert.ok(served.kind === 'fail' && !served.isEnding, 'SIP still answers');
  ping = silent;
  const gone = await control.probe(100);
  assert.ok(gone.kind === 'fail' && gone.isEnding);
  await control.close();
});

test('FreeSWITCH: a connection that we dropped ourselves is no sign of an end', async () => {
  const esl = new FakeEsl();
  esl.coreUuid = () => Promise.reject(new DeadlineError('core_uuid', 100));
  let opened = 0;
  const open = () =>
    ++opened === 1 ? Promise.resolve(esl) : Promise.reject(new ServerUnavailableError('hangs'));
  const options = { profile: 'internal', gracefulMs: 1 };
  const control = freeswitchControl(open, silent, options, () => 0)(LIFE);
  await control.probe(100);
  const second = await control.probe(100);
  assert.equal(opened, 2);
  assert.ok(second.kind === 'fail' && !second.isEnding);
  await control.close();
});

test('FreeSWITCH: refusing is verified, and then 503 and the pause are as they should be', async () => {
  const esl = new FakeEsl();
  const options = { profile: 'internal', gracefulMs: 1 };
  const open = () => Promise.resolve(esl);
  const control = freeswitchControl(open, answers(503), options, () => 0)(LIFE);
  assert.equal(
    said(await control.probe(100)),
    'event socket says yes, SIP says no: SIP OPTIONS answered with 503',
  );
  esl.isDeaf = true;
  await assert.rejects(control.refuseNewWork(), ServerUnavailableError);
  esl.isDeaf = false;
  await control.refuseNewWork();
  assert.equal(said(await control.probe(100)), 'ok');
  assert.deepEqual(await control.countLeft(), { count: 1, text: '1 sessions, 1 channels' });
  esl.facts = { ...esl.facts, active: 0 };
  assert.equal((await control.countLeft()).count, 1, 'the channel list still has one');
  await control.acceptNewWork();
  assert.equal(esl.isPaused, false);
  await control.close();
});

test('Kamailio: hung RPC is a note, silent SIP is a failure whatever RPC says', async () => {
  const rpc = new FakeKamailio([]);
  assert.equal(said(await kamailioControl(rpc, answers(200), () => 0)(LIFE).probe(9)), 'ok');
  assert.match(
    said(await kamailioControl(rpc, silent, () => 0)(LIFE).probe(9)),
    /^RPC says yes, SIP says no: no answer to SIP OPTIONS: timed out$/,
  );
  rpc.readUptimeSeconds = () => Promise.reject(new DeadlineError('core.uptime', 9));
  assert.match(
    said(await kamailioControl(rpc, answers(200), () => 0)(LIFE).probe(9)),
    /^ok: cannot be managed: no answer within 9 ms$/,
  );
  assert.equal(
    said(await kamailioControl(rpc, silent, () => 0)(LIFE).probe(9)),
    'cannot be managed: no answer within 9 ms; no answer to SIP OPTIONS: timed out',
  );
});

test('Kamailio: up-time that falls is another life, rounding is not', async () => {
  let nowMs = 100_000;
  let uptime = 50;
  const probe = kamailioProbe({ readUptimeSeconds: () => Promise.resolve(uptime) }, () => nowMs);
  const life = async (): Promise<string | null> => {
    const result = await probe(100);
    return result.kind === 'ok' ? result.lifeId : null;
  };
  assert.equal(await life(), '1');
  nowMs += 10_900;
  uptime = 60;
  assert.equal(await life(), '1');
  nowMs += 5_000;
  uptime = 1;
  assert.equal(await life(), '2');
  assert.equal(await life(), '2');
  nowMs += 60_000;
  uptime = 40;
  assert.equal(await life(), '3', 'longer up than at the last look, yet begun later');
});

test('Kamailio: refusing sets the drain variable; transactions that only wait do not count', async () => {
  const rpc = new FakeKamailio([]);
  const control = kamailioControl(rpc, answers(503), () => 0)(LIFE);
  assert.match(said(await control.probe(9)), /503/);
  await control.refuseNewWork();
  assert.equal(rpc.variables.get('drain'), 1);
  assert.equal(said(await control.probe(9)), 'ok');
  rpc.tm = { current: 12, waiting: 9 };
  assert.equal((await control.countLeft()).count, 3);
  rpc.tm = { current: 9, waiting: 9 };
  assert.equal((await control.countLeft()).count, 0);
  await control.acceptNewWork();
  assert.equal(rpc.variables.get('drain'), 0);
});

test('a bug in a probe is no failed check', async () => {
  const rpc = { readUptimeSeconds: () => Promise.reject(new TypeError('bug')) };
  const probe = allOf([
    kamailioProbe(rpc, () => 0),
    sipProbe(
      answers(200),
      () => false,
      () => 0,
    ),
  ]);
  await assert.rejects(probe(100), TypeError);
});

test('a good answer tells the calls on the server', async () => {
  const esl = new FakeEsl();
  esl.facts = { ready: true, active: 7, limit: 100 };
  const control = freeswitchControl(
    () => Promise.resolve(esl),
    answers(200),
    { profile: 'carna', gracefulMs: 0 },
    () => 0,
  )(LIFE);
  const result = await control.probe(1_000);
  assert.equal(result.kind === 'ok' ? result.calls : 'no answer', 7);
  await control.close();
});

test('SIP: a question that could not be asked from here says nothing of the server', async () => {
  const ping = () => Promise.resolve({ kind: 'silent', reason: 'EMFILE', isLocal: true } as const);
  const result = await sipProbe(
    ping,
    () => false,
    () => 0,
  )(100);
  assert.equal(result.kind, 'unknown');
  assert.deepEqual(
    result.evidence?.map(({ check, verdict }) => [check, verdict]),
    [['sip', 'unknown']],
  );
});
