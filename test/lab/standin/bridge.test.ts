import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerOf, valuesOf } from '../../../src/lab/standin/sip-message.js';
import { DISPATCHER, EDGE, bodyText, bridgeBench, sdp } from './bridge-bench.js';
import { assertClean } from './bridge-asserts.js';

test('a call to a user becomes a B leg through the dispatcher, and BYE of the caller ends both', () => {
  const b = bridgeBench();
  assert.deepEqual(b.invite(), ['100 INVITE', 'INVITE sip:bob@carna.test']);
  const bob = b.lastRequest(/^INVITE/);
  assert.deepEqual(b.last(/^INVITE/).to, DISPATCHER);
  assert.deepEqual(valuesOf(bob, 'route'), ['<sip:127.0.0.20:5060;lr>']);
  assert.notEqual(headerOf(bob, 'call-id'), 'call-a');
  assert.match(headerOf(bob, 'from'), /^"Ann" <sip:ann@carna\.test>;tag=(?!ann-1)/);
  assert.equal(headerOf(bob, 'max-forwards'), '67');
  assert.equal(headerOf(bob, 'x-carna-call'), 'call-a');
  assert.equal(headerOf(bob, 'x-carna-user'), 'ann@carna.test');
  assert.equal(headerOf(bob, 'x-carna-back'), '');
  assert.equal(headerOf(bob, 'p-asserted-identity'), '<sip:ann@carna.test>');
  assert.match(headerOf(bob, 'contact'), /^<sip:mod_sofia@127\.0\.0\.1:5060/);
  assert.equal(bob.body.toString(), sdp('ann'), 'unchanged');
  assert.deepEqual(b.answer(bob, 100), [], 'no ringing of ours');
  assert.deepEqual(b.answer(bob, 180), ['180 INVITE']);
  assert.equal(bodyText(b.last(/^180/)), '');
  assert.deepEqual(b.answer(bob, 183, { body: sdp('early') }), ['183 INVITE']);
  assert.equal(bodyText(b.last(/^183/)), sdp('early'));
  assert.deepEqual(b.pickUp(bob), ['ACK sip:bob@10.2.2.2:5080', '200 INVITE']);
  b.meet(bob, 'bob');
  const ack = b.last(/^ACK/);
  assert.deepEqual(ack.to, { host: '127.0.0.10', port: 5060 }, 'the route set, reversed');
  assert.deepEqual(valuesOf(ack.message, 'route'), [
    '<sip:127.0.0.10;lr;leg=b>',
    '<sip:127.0.0.11;lr;leg=b>',
  ]);
  const ok = b.last(/^200 INVITE/);
  assert.equal(bodyText(ok), sdp('bob'), 'unchanged');
  assert.deepEqual(valuesOf(ok.message, 'record-route'), ['<sip:127.0.0.10;lr;leg=a>']);
  assert.equal(headerOf(ok.message, 'x-carna-node'), 'media-1');
  assert.equal(b.core.active, 2);
  assert.deepEqual(
    b.pickUp(bob),
    ['ACK sip:bob@10.2.2.2:5080'],
    'a repeated 200 gets its ACK again',
  );
  b.inDialog('ACK', 'ann', { cseq: 1 });
  assert.deepEqual(b.inDialog('BYE', 'ann'), ['200 BYE', 'BYE sip:bob@10.2.2.2:5080']);
  b.answer(b.lastRequest(/^BYE/), 200);
  assert.deepEqual(b.events, [
    'inbound CHANNEL_CREATE',
    'outbound CHANNEL_CREATE',
    'inbound CHANNEL_PROGRESS',
    'outbound CHANNEL_ANSWER',
    'inbound CHANNEL_ANSWER',
    ...['CHANNEL_HANGUP', 'CHANNEL_HANGUP_COMPLETE', 'CHANNEL_DESTROY'].map((e) => `inbound ${e}`),
    ...['CHANNEL_HANGUP', 'CHANNEL_HANGUP_COMPLETE', 'CHANNEL_DESTROY'].map((e) => `outbound ${e}`),
  ]);
  assertClean(b);
});

test('BYE of the called side ends the caller along its own route, with the Reason', () => {
  const b = bridgeBench();
  const bob = b.callUp();
  const reason = 'Q.850;cause=16;text="Gone"';
  assert.deepEqual(b.inDialog('BYE', bob, { headers: [`Reason: ${reason}`] }), [
    '200 BYE',
    'BYE sip:ann@10.1.1.1:5070',
  ]);
  const bye = b.last(/^BYE/);
  assert.deepEqual(bye.to, EDGE);
  assert.deepEqual(valuesOf(bye.message, 'route'), ['<sip:127.0.0.10;lr;leg=a>']);
  assert.equal(headerOf(bye.message, 'reason'), reason);
  assertClean(b);
});

test('a BYE that comes before the ACK of the caller waits for that ACK', () => {
  const b = bridgeBench();
  b.invite();
  const bob = b.lastRequest(/^INVITE/);
  b.pickUp(bob);
  b.meet(bob, 'bob');
  assert.deepEqual(b.inDialog('BYE', bob), ['200 BYE']);
  assert.deepEqual(b.inDialog('ACK', 'ann', { cseq: 1 }), ['BYE sip:ann@10.1.1.1:5070']);
  assertClean(b);
});

test('without X-Carna-Back the B leg goes where the call came from; without X-Carna-Call it has the Call-ID', () => {
  const b = bridgeBench();
  b.invite({ headers: [] });
  assert.deepEqual(b.last(/^INVITE/).to, DISPATCHER);
  assert.equal(headerOf(b.last(/^INVITE/).message, 'x-carna-call'), 'call-a');
});

test('an INVITE without an offer: the offer comes from the called side, the answer in the ACK', () => {
  const b = bridgeBench();
  b.invite({ body: '' });
  const bob = b.lastRequest(/^INVITE/);
  assert.equal(bob.body.length, 0);
  assert.deepEqual(b.pickUp(bob), ['200 INVITE'], 'its ACK is still to come');
  assert.deepEqual(b.inDialog('ACK', 'ann', { cseq: 1, body: sdp('ann') }), [
    'ACK sip:bob@10.2.2.2:5080',
  ]);
  assert.equal(bodyText(b.last(/^ACK/)), sdp('ann'));
});

test('paused inbound: new callers get 503, the B leg of a call that is in goes on', () => {
  const b = bridgeBench();
  b.invite();
  b.core.setPaused(['inbound'], true);
  const first = b.lastRequest(/^INVITE/);
  assert.deepEqual(b.answer(first, 503), ['ACK sip:bob@carna.test', 'INVITE sip:bob@carna.test']);
  b.pickUp(b.lastRequest(/^INVITE/));
  b.inDialog('ACK', 'ann', { cseq: 1 });
  assert.equal(b.core.active, 2);
  assert.deepEqual(b.invite({ callId: 'other' }), ['100 INVITE', '503 INVITE']);
});

test('paused outbound: the B leg cannot be made, the caller gets 480', () => {
  const b = bridgeBench();
  b.core.setPaused(['outbound'], true);
  assert.deepEqual(b.invite(), ['100 INVITE', '480 INVITE']);
  assertClean(b);
});

test('a hang-up of ours ends both legs, whichever channel is named, and a ringing one is withdrawn', () => {
  for (const index of [0, 1]) {
    const b = bridgeBench();
    b.callUp();
    const before = b.sent.length;
    b.uas.hangup(b.core.callIds[index] ?? '', 'SYSTEM_SHUTDOWN');
    assert.deepEqual(b.firsts(before).sort(), [
      'BYE sip:ann@10.1.1.1:5070',
      'BYE sip:bob@10.2.2.2:5080',
    ]);
    assert.equal(b.core.active, 0);
    assertClean(b);
  }
  for (const [index, status] of [
    [0, '503 INVITE'],
    [1, '480 INVITE'],
  ] as const) {
    const b = bridgeBench();
    b.invite();
    b.answer(b.lastRequest(/^INVITE/), 180);
    const before = b.sent.length;
    b.uas.hangup(b.core.callIds[index] ?? '', 'SYSTEM_SHUTDOWN');
    assert.deepEqual(b.firsts(before), ['CANCEL sip:bob@carna.test', status]);
    assert.equal(b.core.active, 0);
    assertClean(b);
  }
});

test('a caller whose ACK never comes: BYE to both after 64*T1', () => {
  const b = bridgeBench();
  b.invite();
  b.pickUp(b.lastRequest(/^INVITE/));
  b.time.advance(32_000);
  const byes = new Set(b.firsts().filter((f) => f.startsWith('BYE')));
  assert.deepEqual([...byes].sort(), ['BYE sip:ann@10.1.1.1:5070', 'BYE sip:bob@10.2.2.2:5080']);
  assertClean(b);
});

test('names of ours are answered here, tokens only with the word of a dispatcher', () => {
  const answered = ['echo', 'tone', 'park', 'load', 'record', 'conf-room-1'];
  for (const user of answered) {
    const b = bridgeBench();
    assert.deepEqual(b.invite({ user }), ['100 INVITE', '180 INVITE'], user);
  }
  const token = `ct_${'0a'.repeat(16)}`;
  const bad = bridgeBench();
  assert.deepEqual(bad.invite({ user: token }), ['100 INVITE', '403 INVITE']);
  assertClean(bad);
  const good = bridgeBench();
  assert.deepEqual(good.invite({ user: token, headers: ['X-Carna-Room: sales'] }), [
    '100 INVITE',
    '180 INVITE',
  ]);
  good.time.advance(1000);
  const [call] = good.core.shownCalls;
  assert.deepEqual([call?.application, call?.applicationData], ['conference', 'sales@carna']);
  for (const user of ['conf-', 'conf-Room', `conf-${'x'.repeat(33)}`, 'echo2']) {
    const b = bridgeBench();
    assert.deepEqual(b.invite({ user }), ['100 INVITE', `INVITE sip:${user}@carna.test`]);
  }
});

test('Max-Forwards 0 is refused for a call that would go on, not for one that ends here', () => {
  const b = bridgeBench();
  assert.deepEqual(b.invite({ maxForwards: 0 }), ['100 INVITE', '483 INVITE']);
  assertClean(b);
  const service = bridgeBench();
  assert.deepEqual(service.invite({ user: 'echo', maxForwards: 0 }), ['100 INVITE', '180 INVITE']);
});
