import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bench, request } from './uas-bench.js';

test('the 200 is repeated after 0.5, 1, 2, 4, 4 ... s until its ACK', () => {
  const b = bench();
  b.take(request('INVITE'));
  b.time.advance(20);
  const start = b.time.nowMs;
  b.time.advance(16_000);
  const times = b.sent.filter((s) => s.first.includes('200')).map((s) => s.atMs - start);
  assert.deepEqual(times, [0, 500, 1500, 3500, 7500, 11_500, 15_500]);
  b.take(request('ACK', { branch: 'z9hG4bK-2', toTag: b.tag() }));
  b.time.advance(10_000);
  assert.equal(b.sent.filter((s) => s.first.includes('200')).length, 7);
});

test('without an ACK the call is ended by BYE after 64*T1, and the BYE is repeated until answered', () => {
  const b = bench();
  b.take(request('INVITE'));
  b.time.advance(20 + 32_000);
  assert.match(b.firsts().at(-1) ?? '', /^BYE sip:ann@127\.0\.0\.9:5070 SIP\/2\.0$/);
  assert.equal(b.core.active, 0);
  b.time.advance(500);
  const byes = b.sent.filter((s) => s.first.startsWith('BYE'));
  assert.equal(byes.length, 2);
  const via = /Via: [^\r]*/.exec(byes[0]?.text ?? '')?.[0] ?? '';
  const answer = (byes[0]?.text ?? '').replace(/^BYE [^\r]*/, 'SIP/2.0 200 OK');
  assert.ok(answer.includes(via));
  b.take(Buffer.from(answer));
  b.time.advance(40_000);
  assert.equal(b.sent.filter((s) => s.first.startsWith('BYE')).length, 2);
  assert.equal(b.uas.dialogCount, 0);
  assert.equal(b.uas.pendingRequests, 0);
  assert.equal(b.time.pending, 0);
});

test('a repeated request is answered from its transaction', () => {
  const b = bench();
  b.take(request('INVITE'));
  assert.deepEqual(b.take(request('INVITE')), ['SIP/2.0 180 Ringing']);
  b.time.advance(20);
  assert.deepEqual(b.take(request('INVITE')), [], 'after the 200 its dialog repeats, not we');
  assert.equal(b.core.stats.total, 1);
  const toTag = b.tag();
  b.take(request('ACK', { branch: 'z9hG4bK-2', toTag }));
  const bye = request('BYE', { branch: 'z9hG4bK-3', cseq: 2, toTag });
  b.take(bye);
  assert.deepEqual(b.take(bye), ['SIP/2.0 200 OK']);
  assert.deepEqual(b.take(request('BYE', { branch: 'z9hG4bK-4', cseq: 3, toTag })), [
    'SIP/2.0 481 Call/Transaction Does Not Exist',
  ]);
});

test('CANCEL while it rings: 200 to the CANCEL, 487 to the INVITE, repeated until its ACK', () => {
  const b = bench();
  b.take(request('INVITE'));
  assert.deepEqual(b.take(request('CANCEL')), ['SIP/2.0 200 OK', 'SIP/2.0 487 Request Terminated']);
  assert.equal(b.core.active, 0);
  b.time.advance(500);
  assert.equal(b.firsts().filter((f) => f.includes('487')).length, 2);
  b.take(request('ACK', { toTag: b.tag() }));
  b.time.advance(60_000);
  assert.equal(b.firsts().filter((f) => f.includes('487')).length, 2);
  assert.ok(!b.firsts().some((f) => f.includes('200 OK') && f.includes('INVITE')));
  assert.equal(b.time.pending, 0);
});

test('CANCEL that fits no INVITE: 481; after the 200 it changes nothing', () => {
  const b = bench();
  assert.deepEqual(b.take(request('CANCEL')), ['SIP/2.0 481 Call/Transaction Does Not Exist']);
  b.callUp({ branch: 'z9hG4bK-x', callId: 'other' });
  b.take(request('CANCEL', { branch: 'z9hG4bK-x', callId: 'other' }));
  assert.equal(b.core.active, 1);
});

test('a hang-up of ours follows the route set and waits for the ACK', () => {
  const routes = {
    headers: [
      'Record-Route: <sip:127.0.0.2:5080;r2=on;lr>, <sip:127.0.0.2:5060;r2=on;lr>',
      'Record-Route: <sip:127.0.0.3;lr>',
    ],
  };
  const b = bench();
  b.take(request('INVITE', routes));
  b.time.advance(20);
  assert.equal(b.sent.at(-1)?.text.match(/^Record-Route: /gm)?.length, 3);
  const uuid = b.core.callIds[0] ?? '';
  b.uas.hangup(uuid, 'SYSTEM_SHUTDOWN');
  assert.ok(!b.firsts().some((f) => f.startsWith('BYE')), 'no BYE before the ACK');
  b.take(request('ACK', { branch: 'z9hG4bK-2', toTag: b.tag() }));
  const bye = b.sent.at(-1);
  assert.match(bye?.first ?? '', /^BYE sip:ann@127\.0\.0\.9:5070 /);
  assert.deepEqual(bye?.to, { host: '127.0.0.2', port: 5080 });
  assert.deepEqual(bye?.text.match(/^Route: .*$/gm), [
    'Route: <sip:127.0.0.2:5080;r2=on;lr>',
    'Route: <sip:127.0.0.2:5060;r2=on;lr>',
    'Route: <sip:127.0.0.3;lr>',
  ]);
  assert.match(bye?.text ?? '', /\r\nReason: SIP;cause=701;text="SYSTEM_SHUTDOWN"\r\n/);
});

test('the answer goes where Via says, with received and rport filled in', () => {
  const b = bench();
  const nat = { host: '127.0.0.77', port: 40_001 };
  const rport = 'SIP/2.0/UDP 10.0.0.1:5099;rport;branch=z9hG4bK-n';
  b.take(request('OPTIONS', { via: rport }), nat);
  assert.deepEqual(b.sent.at(-1)?.to, nat);
  assert.match(
    b.sent.at(-1)?.text ?? '',
    /;rport=40001;branch=z9hG4bK-n;received=127\.0\.0\.77\r\n/,
  );
  b.take(request('OPTIONS', { via: 'SIP/2.0/UDP 10.0.0.1:5099;branch=z9hG4bK-m' }), nat);
  assert.deepEqual(b.sent.at(-1)?.to, { host: '127.0.0.77', port: 5099 });
  assert.match(b.sent.at(-1)?.text ?? '', /;received=127\.0\.0\.77\r\n/);
});

test('two Vias come back in order, compact names are understood', () => {
  const b = bench();
  const text = request('OPTIONS', { headers: ['v: SIP/2.0/UDP 10.1.1.1;branch=z9hG4bK-far'] })
    .toString()
    .replace('Call-ID:', 'i:')
    .replace('From:', 'f:');
  assert.deepEqual(b.take(Buffer.from(text)), ['SIP/2.0 200 OK']);
  assert.deepEqual(
    b.sent
      .at(-1)
      ?.text.match(/^Via: .*?branch=[^;\r]*/gm)
      ?.map((via) => via.replace(/.*=/, '')),
    ['z9hG4bK-1', 'z9hG4bK-far'],
  );
});
