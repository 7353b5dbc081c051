import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import type { AnswerPlan } from '../../../src/lab/phones/answering.js';
import { openEndpoint } from '../../../src/lab/phones/endpoint.js';
import { Phone } from '../../../src/lab/phones/phone.js';
import type { PhoneCall } from '../../../src/lab/phones/phone-call.js';
import { playCall } from '../../../src/lab/phones/script.js';
import { Switchboard } from '../../../src/lab/phones/switchboard.js';
import { openTrunk } from '../../../src/lab/phones/trunk-peer.js';

/** Two phones that speak to each other without anything between them. */
const NET = `127.${170 + (process.pid % 20)}`;
const HOST_A = `${NET}.60.1`;
const HOST_B = `${NET}.60.2`;
const LIMIT_MS = 8_000;
const closers: (() => Promise<void>)[] = [];

after(async () => {
  for (const close of closers) await close();
});

async function phoneAt(
  host: string,
  user: string,
  edgeHost: string,
): Promise<[Phone, Switchboard]> {
  const board = new Switchboard(await openEndpoint({ host, port: 5060 }));
  closers.push(() => board.endpoint.close());
  const edges = [{ host: edgeHost, port: 5060 }];
  return [new Phone(board, { user, domain: 'carna.test', password: 'x', edges }), board];
}

const [a, boardA] = await phoneAt(HOST_A, 'phone-1', HOST_B);
const [b, boardB] = await phoneAt(HOST_B, 'phone-2', HOST_A);
const QUICK: AnswerPlan = { ringMs: 10, status: 200 };

/** A call from one to the other, seen from both sides. */
async function established(): Promise<readonly [PhoneCall, PhoneCall]> {
  let called: PhoneCall | undefined;
  b.answer({ ...QUICK, onCall: (call) => (called = call) });
  const attempt = await a.call(b.contact, { timeoutMs: LIMIT_MS });
  assert.ok(attempt.kind === 'answered' && called !== undefined, attempt.kind);
  return [attempt.call, called];
}

test('a call is answered, changed, held and ended by the caller; the called side sees all of it', async () => {
  const [caller, called] = await established();
  assert.equal(await caller.reinvite('sendrecv'), 200);
  assert.equal(await caller.reinvite('sendonly'), 200);
  assert.deepEqual(called.seen, { direction: 'sendonly', reinvites: 2 });
  assert.equal(await caller.hangUp(), 200);
  assert.equal(await called.ended, 'them');
  assert.equal(boardA.calls.length + boardB.calls.length, 0);
});

test('the called side hangs up', async () => {
  const [caller, called] = await established();
  assert.equal(await called.hangUp(), 200);
  assert.equal(await caller.ended, 'them');
});

test('a call of which the far end knows nothing any more is lost, and says why', async () => {
  const [caller, called] = await established();
  called.receive({
    message: { kind: 'request', method: 'BYE', uri: '', headers: [], body: Buffer.alloc(0) },
    source: { host: HOST_A, port: 5060 },
    reply: () => undefined,
  });
  await waitUntil('its end', LIMIT_MS, () => boardB.calls.length === 0);
  const script = { reinvite: true, hold: false, hangUp: 'caller', transferTo: null } as const;
  assert.equal(await playCall(caller, { ...script, talkMs: 20 }), 're-INVITE answered 481');
});

test('a caller who waits for the BYE of the other side gets it, or says that it did not come', async () => {
  const script = { reinvite: false, hold: false, transferTo: null } as const;
  const [caller, called] = await established();
  const played = playCall(caller, { ...script, hangUp: 'callee', talkMs: 200 });
  await called.reinvite('sendrecv');
  setTimeout(() => void called.hangUp(), 150);
  assert.equal(await played, null);
  const [early, other] = await established();
  const cut = playCall(early, { ...script, hangUp: 'caller', talkMs: 5_000 });
  await other.hangUp();
  assert.equal(await cut, 'the far end hung up early');
});

test('a call that rings too long is cancelled; the called phone stops ringing', async () => {
  let calls = 0;
  b.answer({ ringMs: 60_000, status: 200, onCall: () => calls++ });
  const attempt = await a.call(b.contact, { timeoutMs: 200 });
  assert.deepEqual(attempt, { kind: 'refused', status: 487 });
  assert.equal(calls, 0);
});

test('a refusal, and an address where nobody is, are told apart', async () => {
  b.answer({ ringMs: 0, status: 486 });
  assert.deepEqual(await a.call(b.contact, { timeoutMs: LIMIT_MS }), {
    kind: 'refused',
    status: 486,
  });
  const nobody = { host: `${NET}.60.9`, port: 5060 };
  const alone = new Phone(boardA, {
    user: 'x',
    domain: 'carna.test',
    password: 'x',
    edges: [nobody],
  });
  assert.deepEqual(await alone.call(b.contact, { timeoutMs: 100 }), { kind: 'unanswered' });
  assert.equal(await a.register(60), 405);
});

test('a trunk takes every number, and tells which', async () => {
  const trunk = await openTrunk({ host: `${NET}.70.1`, port: 5060 }, { status: 503 });
  closers.push(() => trunk.close());
  const edges = [{ host: `${NET}.70.1`, port: 5060 }];
  const caller = new Phone(boardA, { user: 'y', domain: 'carna.test', password: 'x', edges });
  const attempt = await caller.call('sip:+4930123@carna.test', { timeoutMs: LIMIT_MS });
  assert.deepEqual(attempt, { kind: 'refused', status: 503 });
  assert.deepEqual(trunk.called, ['+4930123']);
});

test('a phone calls through its second load-balancer when the first is silent or has no time', async () => {
  const busy = await openTrunk({ host: `${NET}.70.2`, port: 5060 }, { status: 503 });
  closers.push(() => busy.close());
  b.answer(QUICK);
  for (const host of [`${NET}.60.9`, `${NET}.70.2`]) {
    const edges = [
      { host, port: 5060 },
      { host: HOST_B, port: 5060 },
    ];
    const who = { user: 'z', domain: 'carna.test', password: 'x', edges };
    const attempt = await new Phone(boardA, who).call(b.contact, { timeoutMs: LIMIT_MS });
    assert.ok(attempt.kind === 'answered', attempt.kind);
    assert.equal(await attempt.call.hangUp(), 200);
  }
  assert.equal(busy.called.length, 1);
});
