import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import { establish, useScenes, within } from './scene.js';
import type { SipPeer } from './sip-peer.js';
import { openPeer, request } from './sip-peer.js';

const { scene, opened } = useScenes();

const FLOOD_PER_S = 1_000;
const FLOOD_S = 4;

/** Answers every REGISTER that comes with 200. */
function serve(registrar: SipPeer, signal: AbortSignal): void {
  let next = 0;
  const timer = setInterval(() => {
    for (; next < registrar.received.length; next++) {
      const message = registrar.received[next];
      if (message?.text.startsWith('REGISTER ')) registrar.reply(message, '200 OK');
    }
  }, 5);
  signal.addEventListener('abort', () => clearInterval(timer));
}

/** Sends REGISTERs at a steady rate until its time is over. */
async function flood(from: SipPeer, to: string): Promise<number> {
  let sent = 0;
  const startedMs = Date.now();
  while (Date.now() - startedMs < FLOOD_S * 1_000) {
    for (; sent < ((Date.now() - startedMs) * FLOOD_PER_S) / 1_000; sent++) {
      const callId = `flood-${sent}`;
      from.send(request('REGISTER', { from, uri: 'sip:carna.test', callId }), to);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return sent;
}

test('1,000 REGISTERs a second from one address: it is banned, everybody else is served', async () => {
  const s = await scene({ registrars: 1 });
  const [registrar] = s.registrars;
  assert.ok(registrar);
  const flooder = await opened(openPeer(s.spare(0)));
  const serving = new AbortController();
  serve(registrar, serving.signal);
  const { answer } = await establish(s, 'during');
  const flooding = flood(flooder, s.loadBalancer);

  const good: string[] = [];
  let isOver = false;
  void flooding.then(() => (isOver = true));
  for (let i = 0; !isOver; i++) {
    const id = `good-${i}`;
    good.push(id);
    s.call('REGISTER', { callId: id });
    await s.caller.until(new RegExp(`^SIP/2.0 200 [^]*Call-ID: ${id}\r`));
    await establish(s, `call-${i}`);
  }
  const sent = await flooding;
  serving.abort();
  assert.ok(sent >= (FLOOD_PER_S * FLOOD_S) / 2 && good.length >= 5, `${sent}, ${good.length}`);
  const reached = registrar.received.filter((m) => m.text.includes('Call-ID: flood-')).length;
  assert.ok(reached <= 200, `${reached} of ${sent} got through: two seconds' worth at most`);

  const before = flooder.received.length;
  flooder.send(
    request('OPTIONS', { from: flooder, uri: `sip:${s.loadBalancer}`, callId: 'banned' }),
    s.loadBalancer,
  );
  s.call('BYE', within(answer, 'during'));
  await s.media[0]?.until(/^BYE /);
  assert.equal(flooder.received.length, before, 'no answer while banned');
  const log = readFileSync(s.platform.loadBalancer.logFile, 'utf8');
  assert.equal(log.match(/ banned 127\./g)?.length, 1, log);
});

test('a ban ends by itself', async () => {
  const s = await scene({
    registrars: 1,
    env: { CARNA_REGISTERS_PER_SECOND: '3', CARNA_BAN_SECONDS: '2' },
  });
  for (let i = 0; i < 20; i++) s.call('REGISTER', { callId: `many-${i}` });
  await waitUntil('the address is banned', 5_000, () =>
    / banned 127\./.test(readFileSync(s.platform.loadBalancer.logFile, 'utf8')),
  );
  let asked = 0;
  await waitUntil('it is heard again', 15_000, () => {
    s.call('OPTIONS', { callId: `after-${asked++}`, uri: `sip:${s.loadBalancer}` });
    return s.caller.received.some((m) => /^SIP\/2.0 200 [^]*Call-ID: after-/.test(m.text));
  });
  assert.ok(asked > 1, 'the first one met the ban');
});

test('odd and broken input: the edge lives, says nothing critical and serves', async () => {
  const s = await scene();
  const stranger = createSocket('udp4');
  await new Promise<void>((resolve) => stranger.bind(5060, s.spare(0), resolve));
  await opened(
    Promise.resolve({ close: () => new Promise<void>((done) => stranger.close(() => done())) }),
  );
  for (const bytes of oddities(s.caller, s.loadBalancer)) {
    await new Promise((resolve) => stranger.send(bytes, 5060, s.loadBalancer, resolve));
  }
  await establish(s, 'after-all');
  const log = readFileSync(s.platform.loadBalancer.logFile, 'utf8');
  assert.doesNotMatch(log, /CRITICAL|ALERT|BUG/);
  assert.match(await s.platform.loadBalancer.rpc('core.uptime'), /uptime/);
});

/** What RFC 4475 and bad neighbours send. */
function oddities(from: SipPeer, edge: string): Buffer[] {
  const valid = request('INVITE', { from, uri: `sip:x@${edge}`, callId: 'odd' });
  const register = request('REGISTER', { from, uri: 'sip:carna.test', callId: 'odd-register' });
  const changed = (pattern: RegExp | string, by: string, text = valid): string =>
    text.replace(pattern, by);
  const texts = [
    '',
    '\r\n\r\n',
    '\0\0\0\0',
    'INVITE',
    'INVITE sip:x SIP/2.0\r\n',
    valid.slice(0, 120),
    changed('SIP/2.0\r\n', 'SIP/7.0\r\n'),
    changed(/Content-Length: 0/, 'Content-Length: 9999999999'),
    changed(/Content-Length: 0/, 'Content-Length: -1'),
    changed(/CSeq: .*/, 'CSeq: 4294967297 INVITE'),
    changed(/CSeq: .*/, 'CSeq: 1 ACK'),
    changed(/Max-Forwards: 70/, 'Max-Forwards: 99999999999'),
    changed(/To: .*/, 'To: "unfinished <sip:x@y>'),
    changed(/From: .*/, 'From: <sip:@>;tag='),
    changed(/Contact: .*/, 'Contact: <sip:%00%ff@10.0.0.1;alias=~~~>'),
    changed(/Contact: .*\r\n/, ''),
    changed(/Contact: .*/, `Contact: <sip:${'x'.repeat(3_000)}@h>`),
    changed(/Via: .*\r\n/, ''),
    changed(/Via: .*/, 'Via: SIP/2.0/UDP [::1'),
    changed(/Call-ID: .*\r\n/, ''),
    changed(/To: .*/, `To: <sip:x@y>;tag=t\r\nRoute: <sip:${edge};lr;k=${'o'.repeat(500)}>`),
    changed(/To: .*/, 'To: <sip:x@y>;tag=t\r\nRoute: <<>>,,;;'),
    changed(
      /Max-Forwards: 70/,
      `X-Carna-Trunk: ;;;cap=\r\nPrivacy: \r\nX-Long: ${'a'.repeat(30_000)}`,
    ),
    changed(/Max-Forwards: 70/, Array.from({ length: 1_500 }, (_, i) => `X-${i}: v`).join('\r\n')),
    changed(/Contact: .*/, 'Contact: *', register),
    changed(/INVITE sip:\S+/, `INVITE sip:${edge}:99999;a=b?c=d`),
    changed(/INVITE sip:\S+/, 'INVITE tel:+1;phone-context=x'),
    changed(/INVITE sip:\S+/, 'INVITE sip:x@[::ffff:1.2.3.4'),
    'SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bK\r\n\r\n',
    'SIP/2.0 999 \r\n\r\n',
  ].map((text) => Buffer.from(text, 'latin1'));
  const junk = Array.from({ length: 40 }, (_, seed) =>
    Buffer.from(
      Array.from({ length: 1 + seed * 37 }, (_unused, i) => (i * 7919 + seed * 104_729) % 251),
    ),
  );
  const largest = Buffer.alloc(65_507, 'a');
  largest.write(valid.slice(0, -2) + 'X-Fill: ', 'latin1');
  return [...texts, ...junk, largest, Buffer.alloc(65_507, 0xff)];
}
