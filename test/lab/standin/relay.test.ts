import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerOf } from '../../../src/lab/standin/sip-message.js';
import { bodyText, bridgeBench, sdp } from './bridge-bench.js';

test('hold: a re-INVITE of either side reaches the other unchanged, its answer comes back, both are acknowledged', () => {
  const b = bridgeBench();
  const bob = b.callUp();
  for (const [side, asked, target] of [
    ['ann', 'ann', 'INVITE sip:bob@10.2.2.2:5080'],
    [bob, 'bob', 'INVITE sip:ann@10.1.1.1:5070'],
  ] as const) {
    const hold = sdp(asked, 'sendonly');
    assert.deepEqual(b.inDialog('INVITE', side, { body: hold }), ['100 INVITE', target]);
    const passed = b.lastRequest(/^INVITE/);
    assert.equal(passed.body.toString(), hold);
    assert.match(headerOf(passed, 'contact'), /mod_sofia@127\.0\.0\.1/);
    const answer = sdp('other', 'recvonly');
    const contact = [
      `Contact: <sip:${asked === 'ann' ? 'bob@10.2.2.2:5080' : 'ann@10.1.1.1:5070'}>`,
    ];
    const firsts = b.answer(passed, 200, { body: answer, headers: contact });
    assert.deepEqual(firsts, [target.replace('INVITE', 'ACK'), '200 INVITE']);
    assert.equal(bodyText(b.last(/^200 INVITE/)), answer);
    b.time.advance(499);
    const before = b.sent.length;
    b.time.advance(1);
    assert.deepEqual(b.firsts(before), ['200 INVITE'], 'repeated until its ACK');
    b.inDialog('ACK', side);
    b.time.advance(10_000);
    assert.equal(b.sent.length, before + 1);
  }
  assert.equal(b.core.active, 2);
});

test('a repeated 200 to a passed re-INVITE gets its ACK again', () => {
  const b = bridgeBench();
  b.callUp();
  b.inDialog('INVITE', 'ann', { body: sdp('ann') });
  const passed = b.lastRequest(/^INVITE/);
  b.answer(passed, 200, { body: sdp('bob') });
  assert.deepEqual(b.answer(passed, 200, { body: sdp('bob') }), ['ACK sip:bob@10.2.2.2:5080']);
});

test('glare: while one offer is under way another gets 491, from either side, and so does UPDATE', () => {
  const b = bridgeBench();
  const bob = b.callUp();
  b.inDialog('INVITE', 'ann', { body: sdp('ann') });
  const passed = b.lastRequest(/^INVITE/);
  assert.deepEqual(b.inDialog('INVITE', bob, { body: sdp('bob') }), ['491 INVITE']);
  assert.deepEqual(b.inDialog('UPDATE', bob, { body: sdp('bob') }), ['491 UPDATE']);
  assert.deepEqual(b.answer(passed, 491), ['ACK sip:bob@10.2.2.2:5080', '491 INVITE']);
  const again = b.inDialog('INVITE', bob, { body: sdp('bob') });
  assert.deepEqual(again, ['100 INVITE', 'INVITE sip:ann@10.1.1.1:5070'], 'free again');
});

test('a refused re-INVITE leaves the call as it was', () => {
  const b = bridgeBench();
  b.callUp();
  b.inDialog('INVITE', 'ann', { body: sdp('ann') });
  const firsts = b.answer(b.lastRequest(/^INVITE/), 488);
  assert.deepEqual(firsts, ['ACK sip:bob@10.2.2.2:5080', '488 INVITE']);
  assert.equal(b.core.active, 2);
});

test('a dialog that the far end does not know any more, or silence, ends the call', () => {
  for (const status of [481, 408, null]) {
    const b = bridgeBench();
    b.callUp();
    b.inDialog('INVITE', 'ann', { body: sdp('ann') });
    if (status === null) b.time.advance(32_000);
    else b.answer(b.lastRequest(/^INVITE/), status);
    assert.ok(b.firsts().includes(`${status ?? 408} INVITE`));
    assert.ok(b.firsts().includes('BYE sip:ann@10.1.1.1:5070'));
    assert.ok(b.firsts().includes('BYE sip:bob@10.2.2.2:5080'));
    assert.equal(b.core.active, 0);
  }
});

test('a re-INVITE without an offer: the answer to the far offer goes in the ACK', () => {
  const b = bridgeBench();
  const bob = b.callUp();
  b.inDialog('INVITE', bob);
  const passed = b.lastRequest(/^INVITE/);
  assert.equal(passed.body.length, 0);
  assert.deepEqual(b.answer(passed, 200, { body: sdp('ann') }), ['200 INVITE']);
  assert.deepEqual(b.inDialog('INVITE', 'ann', { body: sdp('x') }), ['491 INVITE']);
  assert.deepEqual(b.inDialog('ACK', bob, { body: sdp('bob') }), ['ACK sip:ann@10.1.1.1:5070']);
  assert.equal(bodyText(b.last(/^ACK/)), sdp('bob'));
});

test('UPDATE, INFO and MESSAGE pass with body and answer; unknown methods get 405', () => {
  const b = bridgeBench();
  const bob = b.callUp();
  for (const method of ['UPDATE', 'INFO', 'MESSAGE']) {
    const parts = { body: 'Signal=5', headers: ['Info-Package: dtmf'] };
    assert.deepEqual(b.inDialog(method, bob, parts), [`${method} sip:ann@10.1.1.1:5070`]);
    const passed = b.lastRequest(new RegExp(`^${method}`));
    assert.equal(passed.body.toString(), 'Signal=5');
    assert.equal(headerOf(passed, 'info-package'), 'dtmf');
    assert.deepEqual(b.answer(passed, 200), [`200 ${method}`]);
  }
  assert.deepEqual(b.inDialog('PUBLISH', bob), ['405 PUBLISH']);
});

test('a phone that moves is reached at its new Contact', () => {
  const b = bridgeBench();
  const bob = b.callUp();
  const headers = ['Contact: <sip:bob@10.9.9.9:5099>'];
  b.inDialog('INVITE', bob, { body: sdp('bob'), headers });
  b.answer(b.lastRequest(/^INVITE/), 200, { body: sdp('ann') });
  b.inDialog('ACK', bob);
  assert.deepEqual(b.inDialog('BYE', 'ann'), ['200 BYE', 'BYE sip:bob@10.9.9.9:5099']);
});

test('while the call is not up yet a request within it waits: 491', () => {
  const b = bridgeBench();
  b.invite();
  b.answer(b.lastRequest(/^INVITE/), 180);
  assert.deepEqual(b.inDialog('UPDATE', 'ann', { body: sdp('ann') }), ['491 UPDATE']);
});
