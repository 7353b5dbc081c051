import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_DIALOGS } from '../../../src/lab/standin/dialog.js';
import { MediaSwitch } from '../../../src/lab/standin/media-switch.js';
import type { SipAddress } from '../../../src/lab/standin/sip-response.js';
import { Uas } from '../../../src/lab/standin/uas.js';
import { FakeTime } from './fake-timers.js';
import { quiet, testConfig } from './running.js';

const CALLER: SipAddress = { host: '127.0.0.9', port: 5070 };
const SDP = 'v=0\r\no=u 1 1 IN IP4 127.0.0.9\r\ns=-\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0\r\n';

interface RequestParts {
  readonly branch?: string;
  readonly callId?: string;
  readonly cseq?: number;
  readonly toTag?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly via?: string;
}

function request(method: string, parts: RequestParts = {}): Buffer {
  const { branch = 'z9hG4bK-1', callId = 'call-1', cseq = 1, toTag, headers = [] } = parts;
  const body = parts.body ?? (method === 'INVITE' ? SDP : '');
  const lines = [
    `${method} sip:park@127.0.0.1:5060 SIP/2.0`,
    `Via: ${parts.via ?? `SIP/2.0/UDP 127.0.0.9:5070;branch=${branch}`}`,
    ...headers,
    `From: "Ann" <sip:ann@127.0.0.9:5070>;tag=from-1`,
    `To: <sip:park@127.0.0.1:5060>${toTag === undefined ? '' : `;tag=${toTag}`}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    'Contact: <sip:ann@127.0.0.9:5070>',
    'Max-Forwards: 70',
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
    `Content-Length: ${body.length}`,
    '',
    body,
  ];
  return Buffer.from(lines.join('\r\n'));
}

interface Sent {
  readonly text: string;
  readonly first: string;
  readonly to: SipAddress;
  readonly atMs: number;
}

function bench(
  change: { readonly maxSessions?: number; readonly sessionsPerSecond?: number } = {},
) {
  const time = new FakeTime();
  const core = new MediaSwitch(testConfig(change), time);
  const sent: Sent[] = [];
  const events: string[] = [];
  core.bus.subscribe((event) => events.push(event.name));
  const uas = new Uas({
    local: { host: '127.0.0.1', port: 5060 },
    nodeName: 'media-1',
    profileName: 'carna',
    ringMs: 20,
    switch: core,
    timers: time,
    log: quiet,
    send: (bytes, to) => {
      const text = bytes.toString();
      sent.push({ text, first: text.split('\r\n')[0] ?? '', to, atMs: time.nowMs });
    },
  });
  const firsts = (): string[] => sent.map((s) => s.first);
  const take = (bytes: Buffer, from = CALLER): string[] => {
    const before = sent.length;
    uas.receive(bytes, from);
    return firsts().slice(before);
  };
  const tag = (): string => /^To: .*;tag=(\S+)/m.exec(sent.at(-1)?.text ?? '')?.[1] ?? '';
  /** A call that is up and acknowledged: its To-tag. */
  const callUp = (parts: RequestParts = {}): string => {
    take(request('INVITE', parts));
    time.advance(20);
    const toTag = tag();
    take(request('ACK', { ...parts, branch: `${parts.branch ?? 'z9hG4bK-1'}-ack`, toTag }));
    return toTag;
  };
  return { time, core, uas, sent, events, firsts, take, tag, callUp };
}

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
