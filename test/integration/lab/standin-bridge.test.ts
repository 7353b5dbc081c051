import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { headerOf } from '../../../src/lab/standin/sip-message.js';
import type { SipRequest, SipResponse } from '../../../src/lab/standin/sip-message.js';
import { waitUntil } from '../../../src/util/wait.js';
import {
  Caller,
  PATIENCE_MS,
  Peer,
  SIP_PORT,
  closePeers,
  sdp,
} from '../../lab/standin/bridge-peers.js';
import { RawClient } from '../../lab/standin/esl-client.js';
import { HOST, startLab, type Lab } from '../../lab/standin/running.js';
import type { Rows } from './shown-rows.js';
import { recorded, shapeOf } from './shown-rows.js';

const ESL_PORT = 18_121;

let lab: Lab;
before(async () => {
  lab = await startLab({ sipPort: SIP_PORT, eslPort: ESL_PORT });
});
after(async () => {
  closePeers();
  assert.equal(await lab.stop(), 0);
});

const backs = (...peers: readonly Peer[]): readonly string[] =>
  peers.map((peer, i) => `X-Carna-Back${i === 0 ? '' : '-2'}: sip:${HOST}:${peer.port}`);

/** ann and bob in a call through the stand-in. */
async function callUp(name: string, a: Peer, b: Peer): Promise<{ ann: Caller; bob: SipRequest }> {
  const ann = new Caller(a, name);
  ann.send('INVITE', { headers: backs(b), body: sdp('ann') });
  const bob = await b.request('INVITE');
  b.answer(bob, 200, sdp('bob'));
  await b.request('ACK');
  assert.equal((await ann.answered()).body.toString(), sdp('bob'));
  return { ann, bob };
}

async function idle(): Promise<void> {
  const core = lab.standin.switch;
  await waitUntil('no channel is left', PATIENCE_MS, () => core.active === 0, 5);
}

test('a call, hold, BYE of the caller; `show` counts one call and two channels as recorded', async () => {
  const [a, b] = [await Peer.open(), await Peer.open()];
  const { ann } = await callUp('one', a, b);
  const reinvite = ann.send('INVITE', { body: sdp('hold') });
  const passed = await b.request('INVITE');
  assert.equal(passed.body.toString(), sdp('hold'));
  b.answer(passed, 200, sdp('held'));
  assert.equal((await a.response(200, reinvite)).body.toString(), sdp('held'));
  ann.send('ACK');
  await b.request('ACK');

  lab.advance(200);
  const esl = await RawClient.login(HOST, ESL_PORT);
  assert.equal(await esl.ask('api show calls count'), '\n1 total.\n');
  assert.equal(await esl.ask('api show channels count'), '\n2 total.\n');
  for (const [command, index] of [
    ['api show calls as json', 0],
    ['api show channels as json', 1],
  ] as const) {
    const rows = JSON.parse(await esl.ask(command)) as Rows;
    assert.deepEqual(shapeOf(rows), shapeOf(recorded(index)), command);
  }
  const table = await esl.ask('api show bridged_calls count');
  assert.match(table, /^uuid,direction,[^]*,inbound,[^]*,outbound,[^]*\n1 total\.\n$/);
  assert.match(await esl.ask('api status'), /^2 session\(s\) - peak/m);
  esl.close();

  const bye = ann.send('BYE');
  b.answer(await b.request('BYE'), 200);
  await a.response(200, bye);
  await idle();
  for (const peer of [a, b]) peer.close();
});

test('BYE of the called side, CANCEL, busy and no answer at the called side', async () => {
  const [a, b] = [await Peer.open(), await Peer.open()];
  const { bob } = await callUp('bye-b', a, b);
  b.send([
    `BYE sip:x@${HOST} SIP/2.0`,
    `Via: SIP/2.0/UDP ${HOST}:${b.port};branch=z9hG4bKbyeb`,
    `From: ${headerOf(bob, 'to')};tag=t${b.port}`,
    `To: ${headerOf(bob, 'from')}`,
    `Call-ID: ${headerOf(bob, 'call-id')}`,
    'CSeq: 7 BYE',
  ]);
  a.answer(await a.request('BYE'), 200);
  await b.response(200, '7 BYE');

  const leaver = new Caller(a, 'cancel');
  leaver.send('INVITE', { headers: backs(b), body: sdp('ann') });
  const ringing = await b.request('INVITE');
  b.answer(ringing, 180);
  await a.response(180, '1 INVITE');
  leaver.send('CANCEL');
  b.answer(await b.request('CANCEL'), 200);
  b.answer(ringing, 487);
  await b.request('ACK');
  await a.response(487, '1 INVITE');
  leaver.send('ACK');

  for (const [status, expected] of [
    [486, 486],
    [480, 480],
    [500, 480],
  ] as const) {
    const caller = new Caller(a, `refused${status}`);
    caller.send('INVITE', { headers: backs(b), body: sdp('ann') });
    b.answer(await b.request('INVITE'), status);
    await b.request('ACK');
    await a.response(expected, '1 INVITE');
    a.received.length = 0;
  }
  await idle();
  for (const peer of [a, b]) peer.close();
});

test('the second dispatcher takes the call when the first refuses with 503, and when it is silent', async () => {
  const [a, silent, b] = [await Peer.open(), await Peer.open(), await Peer.open()];
  for (const isSilent of [false, true]) {
    const ann = new Caller(a, `failover-${String(isSilent)}`);
    ann.send('INVITE', { headers: backs(silent, b), body: sdp('ann') });
    const first = await silent.request('INVITE');
    if (!isSilent) silent.answer(first, 503);
    const second = await b.request('INVITE');
    b.answer(second, 200, sdp('bob'));
    await b.request('ACK');
    await ann.answered();
    ann.send('BYE');
    b.answer(await b.request('BYE'), 200);
    await idle();
  }
  for (const peer of [a, silent, b]) peer.close();
});

test('REFER: the other party is called onward, the referrer hears it and is let go', async () => {
  const [a, b] = [await Peer.open(), await Peer.open()];
  const { ann } = await callUp('refer', a, b);
  const refer = ann.send('REFER', { headers: ['Refer-To: <sip:carol@carna.test>'] });
  await a.response(202, refer);
  a.onRequest = (request) => {
    if (request.method !== 'NOTIFY' && request.method !== 'BYE') return false;
    told.push(`${request.method} ${request.body.toString().trim()}`);
    a.answer(request, 200);
    return true;
  };
  const told: string[] = [];
  const carol = await b.request('INVITE');
  assert.equal(carol.uri, 'sip:carol@carna.test');
  b.answer(carol, 200, sdp('carol'), 'carol');
  await b.request('ACK', headerOf(carol, 'call-id'));
  const offered = await b.request('INVITE');
  assert.equal(offered.body.toString(), sdp('carol'));
  b.answer(offered, 200, sdp('bob'));
  await b.request('ACK');
  await waitUntil(
    'the referrer is let go',
    PATIENCE_MS,
    () => told.some((t) => t.startsWith('BYE')),
    5,
  );
  assert.ok(told.includes('NOTIFY SIP/2.0 200 S200'), String(told));
  assert.equal(lab.standin.switch.active, 2);
  b.send([
    `BYE sip:x@${HOST} SIP/2.0`,
    `Via: SIP/2.0/UDP ${HOST}:${b.port};branch=z9hG4bKbyec`,
    `From: ${headerOf(carol, 'to')};tag=carol`,
    `To: ${headerOf(carol, 'from')}`,
    `Call-ID: ${headerOf(carol, 'call-id')}`,
    'CSeq: 1 BYE',
  ]);
  b.answer(await b.request('BYE'), 200);
  await idle();
  for (const peer of [a, b]) peer.close();
});

test('100 calls at once, half of them ended from either side: all end, nothing is left', async () => {
  const [a, b] = [await Peer.open(), await Peer.open()];
  const up = new Map<string, string>();
  b.onRequest = (request) => {
    if (request.method === 'INVITE') {
      b.answer(request, 180, '', headerOf(request, 'call-id'));
      b.answer(request, 200, sdp('bob'), headerOf(request, 'call-id'));
    } else if (request.method === 'BYE') b.answer(request, 200);
    return request.method !== 'ACK' ? true : (up.set(headerOf(request, 'call-id'), ''), true);
  };
  a.onRequest = (request) => {
    a.answer(request, 200);
    return true;
  };
  const callers = Array.from({ length: 100 }, (_, i) => new Caller(a, `many-${i}`));
  for (const caller of callers) caller.send('INVITE', { headers: backs(b), body: sdp('ann') });
  const core = lab.standin.switch;
  await waitUntil('200 legs are up', PATIENCE_MS, () => core.active === 200 && up.size === 100, 5);
  await waitUntil(
    'each caller has its 200',
    PATIENCE_MS,
    () => {
      const oks = a.received.filter((m) => m.kind === 'response' && m.status === 200);
      return new Set(oks.map((m) => headerOf(m, 'call-id'))).size === 100;
    },
    5,
  );
  const oks = a.received.filter((m): m is SipResponse => m.kind === 'response' && m.status === 200);
  for (const [i, caller] of callers.entries()) {
    const ok = oks.find((m) => headerOf(m, 'call-id') === caller.callId);
    a.received.push(...(ok === undefined ? [] : [ok]));
    a.received.splice(0, a.received.length, ...(ok === undefined ? [] : [ok]));
    await caller.answered();
    if (i % 2 === 0) caller.send('BYE');
    else lab.standin.profile.hangup(uuidOf(caller.callId), 'NORMAL_CLEARING');
  }
  await idle();
  for (const peer of [a, b]) peer.close();
});

/** The channel of a caller, from its variables. */
function uuidOf(callId: string): string {
  lab.advance(200);
  const call = lab.standin.switch.shownCalls.find((c) =>
    c.variables.some(([name, value]) => name === 'variable_sip_call_id' && value === callId),
  );
  assert.ok(call !== undefined, callId);
  return call.uuid;
}
