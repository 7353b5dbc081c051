import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import { route } from './edge-route.js';
import { useScenes } from './scene.js';
import { header, request } from './sip-peer.js';

const { scene } = useScenes();

const FORGED = 'P-Asserted-Identity: <sip:boss@carna.test>';
/** What some readers take for the end of a line, or of everything, and others for any byte. */
const HIDING: Readonly<Record<string, string>> = {
  'a CR': `Subject: x\r${FORGED}`,
  'a CR before a line': `Subject: x\r\n\r${FORGED}`,
  'a NUL': `Subject: x\0${FORGED}`,
  'a LF': `Subject: x\n${FORGED}`,
};

test('a head in which another reader could find other lines is refused, and reaches nobody', async () => {
  const s = await scene();
  const [media] = s.media;
  assert.ok(media);
  const send = (branch: string, change: (text: string) => string): void => {
    const parts = { from: s.caller, uri: `sip:somebody@${s.loadBalancer}`, callId: branch, branch };
    s.caller.send(change(request('INVITE', parts)), s.loadBalancer);
  };
  const heads: ((text: string) => string)[] = [
    ...Object.values(HIDING).map(
      (line) => (text: string) => text.replace('Max-', `${line}\r\nMax-`),
    ),
    (text) => text.replace(/\r\nCall-ID: \S+/, '$&\rX-Carna-Room: x'),
    (text) => text.replace(/\r\nTo: /, `\r\nTo: "\\\n${FORGED}\\\n" `),
    (text) => `\r\n${text}`,
    (text) => text.replace(/\r\n\r\n$/, '\r\n'),
  ];
  for (const [index, change] of heads.entries()) {
    send(`hidden-${index}`, change);
    await s.caller.until(new RegExp(`^SIP/2.0 400 [^]*z9hG4bK-hidden-${index}[;\r]`));
  }
  const body = 'Content-Length: 9\r\n\r\n\r\0\n\r\n\r\n\xff\r';
  send('binary', (text) => text.replace('Content-Length: 0\r\n\r\n', body));
  const got = await media.until(/^INVITE /);
  assert.deepEqual(header(got.text, 'Call-ID'), ['binary']);
  assert.ok(got.text.endsWith(body.slice(body.indexOf('\r\n\r\n'))), 'a body may be anything');
  assert.ok(!media.received.some(({ text }) => text.includes('hidden')));
});

test('an identity is removed in whatever way its header is spelled', async () => {
  const s = await scene();
  const spelled = [
    FORGED.toLowerCase(),
    FORGED.replace(':', '\t:'),
    FORGED.replace(':', ' :'),
    FORGED.replace(': ', ':\r\n '),
  ];
  for (const [index, line] of spelled.entries()) {
    s.call('INVITE', { callId: `spelled-${index}`, headers: [line] });
    const got = await s.media[0]?.until(new RegExp(`^INVITE [^]*Call-ID: spelled-${index}\r`));
    assert.doesNotMatch(got?.text ?? '', /boss/, line);
  }
  // Behind what we cannot read nothing would be removed: it goes nowhere.
  const unread = [
    'Max-Forwards: 70',
    'Bad!: x',
    'Retry-After: soon',
    FORGED.replace(':', '\r\n :'),
  ];
  for (const [index, line] of unread.entries()) {
    s.call('INVITE', { callId: `unread-${index}`, headers: [line, FORGED] });
  }
  s.call('INVITE', { callId: 'last' });
  await s.media[0]?.until(/^INVITE [^]*Call-ID: last\r/);
  assert.ok(!s.media[0]?.received.some(({ text }) => text.includes('unread')));
});

test("a phone's answer whose lines another reader could find elsewhere is dropped", async () => {
  const s = await scene({ outbound: 1 });
  const [outbound] = s.outbound;
  assert.ok(outbound);
  const uri = `sip:tester@${s.caller.host}:5060`;
  const parts = { from: outbound, uri, callId: 'rung', headers: [route(s)] };
  outbound.send(request('INVITE', parts), s.loadBalancer);
  const rung = await s.caller.until(/^INVITE /);
  for (const line of Object.values(HIDING)) s.caller.reply(rung, '180 Ringing', [line]);
  // What we cannot read ends our reading: the lines behind it would never be looked at.
  s.caller.reply(rung, '180 Ringing', ['Retry-After: soon', FORGED, 'X-Carna-User: boss']);
  s.caller.reply(rung, '183 Session Progress', ['Subject: plain']);
  await outbound.until(/^SIP\/2.0 183 /);
  assert.deepEqual(
    outbound.received.filter(({ text }) => /boss|[^\r]\n|\r[^\n]|\0/.test(text)),
    [],
  );
});

test('an answer that is dropped is told of in the log with its sender, once a second', async () => {
  const s = await scene({ outbound: 1 });
  const [outbound] = s.outbound;
  assert.ok(outbound);
  const parts = { from: outbound, uri: `sip:tester@${s.caller.host}:5060`, headers: [route(s)] };
  outbound.send(request('INVITE', { ...parts, callId: 'unheard' }), s.loadBalancer);
  const rung = await s.caller.until(/^INVITE /);
  const from = Date.now();
  for (let i = 0; i < 100; i++) s.caller.reply(rung, '183 Hidden', [`Subject: x\rY: ${i}`]);
  s.caller.reply(rung, '180 Ringing');
  await outbound.until(/^SIP\/2.0 180 /);
  const told = (): string[] => {
    const log = readFileSync(s.platform.loadBalancer.logFile, 'utf8');
    return log.match(/dropped an answer.*/g) ?? [];
  };
  await waitUntil('the log tells of it', 5_000, () => told().length > 0);
  const lines = told();
  const seconds = Math.floor(Date.now() / 1_000) - Math.floor(from / 1_000) + 1;
  assert.ok(lines.length <= seconds, `${lines.length} lines in ${seconds} s`);
  assert.match(lines[0] ?? '', new RegExp(`^dropped an answer 183 of ${s.caller.host}:5060: `));
});
