import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SipRequest } from '../../../src/lab/standin/sip-message.js';
import { headerOf } from '../../../src/lab/standin/sip-message.js';
import { DISPATCHER, OTHER, bodyText, bridgeBench, sdp, type BridgeBench } from './bridge-bench.js';

/** What the referrer was told, in order; each NOTIFY once, however often it was repeated. */
function notified(b: BridgeBench): string[] {
  const told = b.sent
    .filter((s) => s.first.startsWith('NOTIFY'))
    .map((s): [string, string] => [
      headerOf(s.message, 'cseq'),
      `${bodyText(s).trim()} ${headerOf(s.message, 'subscription-state').split(';')[0] ?? ''}`,
    ]);
  return [...new Map(told).values()];
}

/** ann and bob talk, bob refers the call to carol: the INVITE for carol. */
function refer(b: BridgeBench, by: 'ann' | SipRequest, to = 'sip:carol@carna.test'): SipRequest {
  const headers = [`Refer-To: <${to}>`, 'Contact: <sip:x@10.2.2.2:5080>'];
  assert.deepEqual(b.inDialog('REFER', by, { headers })[0], '202 REFER');
  return b.lastRequest(/^INVITE sip:carol/);
}

test('the called side refers: a new leg through the dispatchers, the caller hears it, the referrer is let go', () => {
  const b = bridgeBench();
  const bob = b.callUp();
  b.inDialog('INVITE', bob, { body: sdp('bob', 'sendonly') });
  b.answer(b.lastRequest(/^INVITE/), 200, { body: sdp('ann', 'recvonly') });
  b.inDialog('ACK', bob);
  const carol = refer(b, bob);
  assert.deepEqual(notified(b), ['SIP/2.0 100 Trying active']);
  assert.deepEqual(b.last(/^INVITE sip:carol/).to, DISPATCHER);
  assert.match(headerOf(carol, 'from'), /^"Ann" <sip:ann@carna\.test>;tag=/);
  assert.equal(headerOf(carol, 'x-carna-call'), 'call-a');
  assert.equal(headerOf(carol, 'x-carna-user'), 'ann@carna.test');
  assert.equal(headerOf(carol, 'p-asserted-identity'), '<sip:ann@carna.test>');
  assert.equal(headerOf(carol, 'referred-by'), '<sip:bob@carna.test>');
  assert.equal(carol.body.toString(), sdp('ann'), 'not on hold for the new party');
  b.answer(carol, 180);
  const before = b.sent.length;
  b.pickUp(carol, 'carol');
  b.meet(carol, 'carol');
  assert.deepEqual(b.firsts(before), [
    'ACK sip:carol@10.2.2.2:5080',
    'NOTIFY sip:x@10.2.2.2:5080',
    'BYE sip:x@10.2.2.2:5080',
    'INVITE sip:ann@10.1.1.1:5070',
  ]);
  assert.deepEqual(notified(b), [
    'SIP/2.0 100 Trying active',
    'SIP/2.0 180 Status 180 active',
    'SIP/2.0 200 Status 200 terminated',
  ]);
  const offered = b.lastRequest(/^INVITE sip:ann/);
  assert.equal(offered.body.toString(), sdp('carol'));
  assert.deepEqual(b.answer(offered, 200, { body: sdp('ann') }), ['ACK sip:ann@10.1.1.1:5070']);
  assert.equal(b.core.active, 2);
  assert.deepEqual(b.inDialog('BYE', carol), ['200 BYE', 'BYE sip:ann@10.1.1.1:5070']);
  b.time.advance(180_000);
  assert.equal(b.core.active, 0);
  assert.equal(b.uas.dialogCount, 0);
  assert.equal(b.time.pending, 0);
});

test('the caller refers: the called side goes on with the target', () => {
  const b = bridgeBench();
  b.callUp();
  const carol = refer(b, 'ann');
  assert.match(headerOf(carol, 'from'), /^<sip:bob@carna\.test>;tag=/);
  assert.equal(headerOf(carol, 'p-asserted-identity'), '', 'that was of the one who leaves');
  b.pickUp(carol, 'carol');
  b.meet(carol, 'carol');
  assert.ok(b.firsts().includes('BYE sip:x@10.2.2.2:5080'));
  assert.equal(b.lastRequest(/^INVITE sip:bob@10/).body.toString(), sdp('carol'));
  assert.equal(b.core.active, 2);
  b.inDialog('BYE', carol);
  assert.equal(b.core.active, 0);
});

test('the target refuses: the referrer is told and stays in the call', () => {
  const b = bridgeBench();
  const bob = b.callUp();
  const carol = refer(b, bob);
  b.answer(carol, 486);
  assert.deepEqual(notified(b), ['SIP/2.0 100 Trying active', 'SIP/2.0 486 Status 486 terminated']);
  assert.equal(b.core.active, 2);
  assert.deepEqual(b.inDialog('INFO', bob), ['INFO sip:ann@10.1.1.1:5070']);
  assert.ok(!b.firsts().some((f) => f.startsWith('BYE')));
});

test('the target is tried through the second dispatcher when the first refuses with 503', () => {
  const b = bridgeBench();
  const carol = refer(b, b.callUp());
  b.answer(carol, 503);
  assert.deepEqual(b.last(/^INVITE sip:carol/).to, OTHER);
});

test('a referrer that leaves at once does not end the transfer; if that fails then, the call is over', () => {
  const b = bridgeBench();
  const bob = b.callUp();
  const carol = refer(b, bob);
  assert.deepEqual(b.inDialog('BYE', bob), ['200 BYE']);
  b.pickUp(carol, 'carol');
  assert.equal(b.core.active, 2);

  const failed = bridgeBench();
  const leaver = failed.callUp();
  const busy = refer(failed, leaver);
  failed.inDialog('BYE', leaver);
  failed.answer(busy, 486);
  assert.ok(failed.firsts().includes('BYE sip:ann@10.1.1.1:5070'));
  assert.equal(failed.core.active, 0);
});

test('the party that stays hangs up meanwhile: the target is withdrawn, the referrer let go', () => {
  const b = bridgeBench();
  const bob = b.callUp();
  const carol = refer(b, bob);
  b.answer(carol, 180);
  const firsts = b.inDialog('BYE', 'ann');
  assert.ok(firsts.includes('CANCEL sip:carol@carna.test'), String(firsts));
  assert.ok(firsts.includes('BYE sip:x@10.2.2.2:5080'), String(firsts));
  b.time.advance(180_000);
  assert.equal(b.core.active, 0);
  assert.equal(b.uas.dialogCount, 0);
  assert.equal(b.time.pending, 0);
});

test('glare at the re-INVITE of the party that stays is tried once more', () => {
  const b = bridgeBench();
  const carol = refer(b, b.callUp());
  b.pickUp(carol, 'carol');
  b.answer(b.lastRequest(/^INVITE sip:ann/), 491);
  const before = b.sent.length;
  b.time.advance(2100);
  assert.ok(b.firsts(before).includes('INVITE sip:ann@10.1.1.1:5070'));
});

test('a target at our own address means the domain of the call', () => {
  const b = bridgeBench();
  const bob = b.callUp();
  b.inDialog('REFER', bob, { headers: ['Refer-To: <sip:carol@127.0.0.1:5060>'] });
  assert.equal(b.last(/^INVITE sip:carol/).first, 'INVITE sip:carol@carna.test');
});

test('what is no blind transfer is refused and changes nothing', () => {
  for (const [headers, expected] of [
    [[], '400 REFER'],
    [['Refer-To: <tel:123>'], '400 REFER'],
    [['Refer-To: <sip:carol@carna.test?Replaces=x%40y>'], '501 REFER'],
    [['Refer-To: <sip:carol@carna.test;method=BYE>'], '501 REFER'],
  ] as const) {
    const b = bridgeBench();
    const bob = b.callUp();
    assert.deepEqual(b.inDialog('REFER', bob, { headers }), [expected]);
    assert.deepEqual(b.inDialog('INFO', bob), ['INFO sip:ann@10.1.1.1:5070']);
  }
});

test('a second REFER, and an offer, wait while a transfer is under way', () => {
  const b = bridgeBench();
  const bob = b.callUp();
  refer(b, bob);
  const headers = ['Refer-To: <sip:dave@carna.test>'];
  assert.deepEqual(b.inDialog('REFER', bob, { headers }), ['491 REFER']);
  assert.deepEqual(b.inDialog('INVITE', 'ann', { body: sdp('ann') }), ['491 INVITE']);
});
