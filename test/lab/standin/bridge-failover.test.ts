import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RING_LIMIT_MS, SILENCE_MS } from '../../../src/lab/standin/outgoing-call.js';
import { headerOf, valuesOf } from '../../../src/lab/standin/sip-message.js';
import { DISPATCHER, OTHER, bridgeBench, type BridgeBench } from './bridge-bench.js';
import { assertClean } from './bridge-asserts.js';

test('CANCEL: 487 at once, CANCEL to the called side when it has shown itself', () => {
  const cancel = (b: BridgeBench): string[] =>
    b.take(
      [
        'CANCEL sip:bob@carna.test SIP/2.0',
        'Via: SIP/2.0/UDP 127.0.0.20:5060;branch=z9hG4bK-inv-call-a',
        'From: "Ann" <sip:ann@carna.test>;tag=ann-1',
        'To: <sip:bob@carna.test>',
        'Call-ID: call-a',
        'CSeq: 1 CANCEL',
        'Content-Length: 0\r\n\r\n',
      ].join('\r\n'),
      DISPATCHER,
    );
  const ringing = bridgeBench();
  ringing.invite();
  const bob = ringing.lastRequest(/^INVITE/);
  ringing.answer(bob, 180);
  assert.deepEqual(cancel(ringing), ['200 CANCEL', 'CANCEL sip:bob@carna.test', '487 INVITE']);
  const sentCancel = ringing.lastRequest(/^CANCEL/);
  assert.deepEqual(valuesOf(sentCancel, 'via'), valuesOf(bob, 'via'));
  assert.deepEqual(valuesOf(sentCancel, 'route'), valuesOf(bob, 'route'));
  ringing.answer(sentCancel, 200);
  assert.deepEqual(ringing.answer(bob, 487), ['ACK sip:bob@carna.test']);
  assert.equal(ringing.core.active, 0);
  assertClean(ringing);

  const unheard = bridgeBench();
  unheard.invite();
  const early = unheard.lastRequest(/^INVITE/);
  assert.deepEqual(cancel(unheard), ['200 CANCEL', '487 INVITE']);
  assert.deepEqual(unheard.answer(early, 100), ['CANCEL sip:bob@carna.test']);
  assert.deepEqual(unheard.answer(early, 487), ['ACK sip:bob@carna.test']);
  assertClean(unheard);

  const crossed = bridgeBench();
  crossed.invite();
  const answered = crossed.lastRequest(/^INVITE/);
  crossed.answer(answered, 180);
  cancel(crossed);
  assert.deepEqual(crossed.pickUp(answered), [
    'ACK sip:bob@10.2.2.2:5080',
    'BYE sip:bob@10.2.2.2:5080',
  ]);
  assertClean(crossed);
});

for (const [status, expected] of [
  [486, '486 INVITE'],
  [404, '404 INVITE'],
  [480, '480 INVITE'],
  [603, '603 INVITE'],
  [500, '480 INVITE'],
  [504, '480 INVITE'],
  [302, '480 INVITE'],
  [407, '480 INVITE'],
] as const) {
  test(`a called side that answers ${status} is told to the caller as ${expected}`, () => {
    const b = bridgeBench();
    b.invite();
    const bob = b.lastRequest(/^INVITE/);
    b.answer(bob, 100);
    const headers = ['Reason: SIP;cause=480;text="All Trunks Busy"'];
    assert.deepEqual(b.answer(bob, status, { headers }), ['ACK sip:bob@carna.test', expected]);
    const reason = headerOf(b.last(/INVITE$/).message, 'reason');
    assert.equal(reason, 'SIP;cause=480;text="All Trunks Busy"');
    assert.deepEqual(b.answer(bob, status), ['ACK sip:bob@carna.test'], 'repeated: ACK again');
    assert.equal(b.core.active, 0);
    assertClean(b);
  });
}

test('503 of the first dispatcher: once more through the second, and 480 when that refuses as well', () => {
  const b = bridgeBench();
  b.invite();
  const first = b.lastRequest(/^INVITE/);
  assert.deepEqual(b.answer(first, 503), ['ACK sip:bob@carna.test', 'INVITE sip:bob@carna.test']);
  assert.deepEqual(b.last(/^INVITE/).to, OTHER);
  const second = b.lastRequest(/^INVITE/);
  assert.notEqual(valuesOf(second, 'via')[0], valuesOf(first, 'via')[0]);
  assert.deepEqual(b.answer(second, 503), ['ACK sip:bob@carna.test', '480 INVITE']);
  assertClean(b);
});

test('silence of the first dispatcher: the second after 1.5 s; a late answer of the first is hung up', () => {
  const b = bridgeBench();
  b.invite();
  const first = b.lastRequest(/^INVITE/);
  b.time.advance(SILENCE_MS - 1);
  assert.deepEqual(b.last(/^INVITE/).to, DISPATCHER);
  b.time.advance(1);
  assert.deepEqual(b.last(/^INVITE/).to, OTHER);
  const second = b.lastRequest(/^INVITE/);
  assert.deepEqual(
    b.answer(first, 180),
    ['CANCEL sip:bob@carna.test'],
    'the late one is withdrawn',
  );
  assert.deepEqual(b.pickUp(second), ['ACK sip:bob@10.2.2.2:5080', '200 INVITE']);
  assert.deepEqual(b.pickUp(first, 'bob', 'late').slice(0, 2), [
    'ACK sip:bob@10.2.2.2:5080',
    'BYE sip:bob@10.2.2.2:5080',
  ]);
  b.meet(second, 'bob');
  b.inDialog('ACK', 'ann', { cseq: 1 });
  assert.equal(b.core.active, 2);
  b.inDialog('BYE', 'ann');
  assertClean(b);
});

test('silence of both dispatchers: 480; a provisional answer ends the wait of 1.5 s', () => {
  const b = bridgeBench();
  b.invite();
  b.time.advance(2 * SILENCE_MS);
  assert.match(b.firsts().at(-1) ?? '', /^480 INVITE/);
  assertClean(b);
  const slow = bridgeBench();
  slow.invite();
  slow.answer(slow.lastRequest(/^INVITE/), 100);
  slow.time.advance(30_000);
  assert.equal(slow.firsts().filter((f) => f.startsWith('INVITE')).length, 1);
  assert.ok(!slow.firsts().some((f) => f.startsWith('480')));
});

test('no failover once the phone has rung, and none for busy', () => {
  const b = bridgeBench();
  b.invite();
  const bob = b.lastRequest(/^INVITE/);
  b.answer(bob, 180);
  assert.deepEqual(b.answer(bob, 503), ['ACK sip:bob@carna.test', '480 INVITE']);
  assertClean(b);
});

test('nobody answers: after the ring limit the called side is cancelled and the caller gets 480', () => {
  const b = bridgeBench();
  b.invite();
  const bob = b.lastRequest(/^INVITE/);
  b.answer(bob, 180);
  b.time.advance(RING_LIMIT_MS);
  assert.ok(b.firsts().includes('CANCEL sip:bob@carna.test'));
  assert.equal(b.firsts().filter((f) => f === '480 INVITE').length, 1);
  assertClean(b);
});

test('a second phone that answers the same call is hung up', () => {
  const b = bridgeBench();
  const bob = b.callUp();
  assert.deepEqual(b.pickUp(bob, 'rob', 'rob-1'), [
    'ACK sip:rob@10.2.2.2:5080',
    'BYE sip:rob@10.2.2.2:5080',
  ]);
  assert.equal(b.core.active, 2);
  b.inDialog('BYE', 'ann');
  assertClean(b);
});
