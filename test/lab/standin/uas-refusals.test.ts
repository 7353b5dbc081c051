import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_DIALOGS } from '../../../src/lab/standin/dialog.js';
import { SDP, bench, request } from './uas-bench.js';

test('a call: 100, 180, 200 with SDP, ACK, BYE, 200', () => {
  const b = bench();
  assert.deepEqual(b.take(request('INVITE')), ['SIP/2.0 100 Trying', 'SIP/2.0 180 Ringing']);
  b.time.advance(20);
  const ok = b.sent.at(-1)?.text ?? '';
  assert.match(ok, /^SIP\/2\.0 200 OK\r\n/);
  assert.match(ok, /\r\nm=audio \d+ RTP\/AVP 8\r\n/);
  assert.match(ok, /\r\nContact: <sip:mod_sofia@127\.0\.0\.1:5060;transport=udp>\r\n/);
  assert.match(ok, /\r\nX-Carna-Node: media-1\r\n/);
  const toTag = b.tag();
  assert.equal(b.core.active, 1);
  assert.deepEqual(b.take(request('ACK', { branch: 'z9hG4bK-2', toTag })), []);
  b.time.advance(60_000);
  assert.equal(b.sent.length, 3, 'after its ACK the 200 is not repeated');
  assert.deepEqual(b.take(request('BYE', { branch: 'z9hG4bK-3', cseq: 2, toTag })), [
    'SIP/2.0 200 OK',
  ]);
  assert.equal(b.core.active, 0);
  assert.equal(b.uas.dialogCount, 0);
  assert.deepEqual(b.events, [
    'CHANNEL_CREATE',
    'CHANNEL_PROGRESS',
    'CHANNEL_ANSWER',
    'CHANNEL_HANGUP',
    'CHANNEL_HANGUP_COMPLETE',
    'CHANNEL_DESTROY',
  ]);
  b.time.advance(40_000);
  assert.equal(b.uas.transactionCount, 0);
  assert.equal(b.time.pending, 0, 'every timer ends');
});

test('paused, full, too fast, stopping: 503 with Retry-After, and OPTIONS says the same where it should', () => {
  const refused = (b: ReturnType<typeof bench>, n: number): void => {
    const firsts = b.take(request('INVITE', { branch: `z9hG4bK-r${n}`, callId: `r${n}` }));
    assert.deepEqual(firsts, ['SIP/2.0 100 Trying', 'SIP/2.0 503 Maximum Calls In Progress']);
    assert.match(b.sent.at(-1)?.text ?? '', /\r\nRetry-After: 300\r\n/);
  };
  const options = (b: ReturnType<typeof bench>): string => b.take(request('OPTIONS'))[0] ?? '';

  const paused = bench();
  assert.equal(options(paused), 'SIP/2.0 200 OK');
  paused.core.setPaused(['outbound'], true);
  assert.equal(options(paused), 'SIP/2.0 200 OK');
  paused.core.setPaused(['inbound'], true);
  assert.match(options(paused), /503 Maximum Calls In Progress/);
  refused(paused, 1);
  paused.core.setPaused(['inbound'], false);
  assert.equal(options(paused), 'SIP/2.0 200 OK');

  const full = bench({ maxSessions: 3 });
  full.callUp({ branch: 'z9hG4bK-a', callId: 'a' });
  assert.equal(options(full), 'SIP/2.0 200 OK');
  full.callUp({ branch: 'z9hG4bK-b', callId: 'b' });
  assert.match(options(full), /503/);
  refused(full, 2);
  assert.equal(full.core.active, 2);

  const fast = bench({ sessionsPerSecond: 3 });
  fast.callUp({ branch: 'z9hG4bK-a', callId: 'a' });
  fast.callUp({ branch: 'z9hG4bK-b', callId: 'b' });
  refused(fast, 3);
  assert.equal(options(fast), 'SIP/2.0 200 OK', 'the rate is not told by OPTIONS');
  fast.time.advance(1000);
  fast.callUp({ branch: 'z9hG4bK-c', callId: 'c' });
  assert.equal(fast.core.active, 3);
});

test('OPTIONS within a dialog tells whether the call stands here, also while paused', () => {
  const b = bench();
  const asked = (branch: string, toTag: string): string | undefined =>
    b.take(request('OPTIONS', { branch, cseq: 1, toTag }))[0];
  const toTag = b.callUp();
  b.core.setPaused(['inbound'], true);
  assert.equal(asked('z9hG4bK-o1', toTag), 'SIP/2.0 200 OK');
  assert.match(asked('z9hG4bK-o2', 'of-another-life') ?? '', /481/);
  b.take(request('BYE', { branch: 'z9hG4bK-end', cseq: 2, toTag }));
  assert.match(asked('z9hG4bK-o3', toTag) ?? '', /481/);
});

test('a draining node keeps its calls: BYE and re-INVITE are answered while paused', () => {
  const b = bench();
  const toTag = b.callUp();
  b.core.setPaused(['inbound'], true);
  const again = request('INVITE', { branch: 'z9hG4bK-re', cseq: 2, toTag });
  assert.deepEqual(b.take(again), ['SIP/2.0 200 OK']);
  assert.match(b.sent.at(-1)?.text ?? '', /\r\nm=audio /);
  assert.deepEqual(b.take(request('INFO', { branch: 'z9hG4bK-i', cseq: 3, toTag })), [
    'SIP/2.0 200 OK',
  ]);
  assert.deepEqual(b.take(request('UPDATE', { branch: 'z9hG4bK-u', cseq: 4, toTag })), [
    'SIP/2.0 200 OK',
  ]);
  assert.deepEqual(b.take(request('BYE', { branch: 'z9hG4bK-b', cseq: 5, toTag })), [
    'SIP/2.0 200 OK',
  ]);
  assert.equal(b.core.active, 0);
});

test('unknown dialogs get 481, a second path of the same INVITE 482, an old CSeq 500', () => {
  const b = bench();
  for (const method of ['BYE', 'INVITE', 'INFO', 'UPDATE']) {
    const stray = request(method, { branch: `z9hG4bK-${method}`, toTag: 'nobody' });
    assert.match(b.take(stray).at(-1) ?? '', /481/, method);
  }
  const toTag = b.callUp({ cseq: 7 });
  const merged = request('INVITE', { branch: 'z9hG4bK-other-path', cseq: 7 });
  assert.match(b.take(merged).at(-1) ?? '', /482/);
  assert.match(b.take(request('BYE', { branch: 'z9hG4bK-o', cseq: 6, toTag })).at(-1) ?? '', /500/);
  assert.equal(b.core.active, 1);
});

test('unknown methods 405, required extensions 420, media we cannot play 488', () => {
  const b = bench();
  assert.match(b.take(request('REGISTER')).at(-1) ?? '', /405/);
  const needy = { branch: 'z9hG4bK-q', headers: ['Require: 100rel'] };
  assert.match(b.take(request('INVITE', needy)).at(-1) ?? '', /420/);
  assert.match(b.sent.at(-1)?.text ?? '', /\r\nUnsupported: 100rel\r\n/);
  const video = SDP.replace('m=audio 40000 RTP/AVP 8 0', 'm=video 40000 RTP/AVP 96');
  assert.match(b.take(request('INVITE', { branch: 'z9hG4bK-v', body: video })).at(-1) ?? '', /488/);
  assert.equal(b.core.active, 0);
});

test('malformed datagrams are counted and ignored', () => {
  const b = bench();
  const good = request('INVITE').toString();
  const bad = [
    'hello',
    'INVITE sip:x SIP/2.0\r\n\r\n',
    good.replace(/CSeq: 1 INVITE/, 'CSeq: 1 BYE'),
    good.replace(/Via: .*/, 'Via: nonsense'),
    good.replace(/Content-Length: \d+/, 'Content-Length: 9999'),
    good.replace(/;tag=from-1/, ''),
    good.replace(/\r\n\r\n[^]*/, ''),
    good.replace('Max-Forwards', `${'X: y\r\n'.repeat(300)}Max-Forwards`),
    good.replace('INVITE sip', 'INV ITE sip'),
  ];
  for (const text of bad) assert.deepEqual(b.take(Buffer.from(text)), [], text.slice(0, 60));
  assert.equal(b.uas.counters.malformed, bad.length);
  b.take(Buffer.from('\r\n\r\n'));
  assert.equal(b.uas.counters.keepalives, 1);
  for (let i = 1; i < good.length; i += 7) b.take(Buffer.from(good.slice(0, i)));
  assert.equal(b.uas.counters.malformed > bad.length, true);
  b.take(Buffer.from('SIP/2.0 200 OK' + good.slice(good.indexOf('\r\n'))));
  assert.equal(b.uas.counters.strayResponses, 1);
});

test('the table of calls has a limit of its own', () => {
  const b = bench({ maxSessions: 100_000, sessionsPerSecond: 100_000 });
  const call = (i: number): string =>
    b.take(request('INVITE', { branch: `z9hG4bK-${i}`, callId: `c${i}` })).at(-1) ?? '';
  for (let i = 0; i < MAX_DIALOGS; i += 1) assert.match(call(i), /180/);
  assert.match(call(MAX_DIALOGS), /503/);
  assert.equal(b.uas.dialogCount, MAX_DIALOGS);
  assert.equal(b.uas.counters.overLimit, 1);
});
