import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCalls } from '../../../src/lab/calls/calls.js';
import type { CallProgress } from '../../../src/lab/calls/report.js';
import { waitUntil } from '../../../src/util/wait.js';
import { testDir } from '../../support/resources.js';
import { startMediaUas } from './media-uas.js';
import type { Scene } from './scene.js';
import { byeOfCallee, establish, useScenes, within } from './scene.js';
import type { Received, SipPeer } from './sip-peer.js';
import { header, request } from './sip-peer.js';

const { scene, opened } = useScenes();

/** Two keepalives of 30 s without an answer, ten seconds of grace, and what a busy machine adds. */
const ENDED_MS = 100_000;

async function activeCalls(s: Scene): Promise<string> {
  return /all: (\d+)/.exec(await s.platform.loadBalancer.rpc('dlg.stats_active'))?.[1] ?? '';
}

test('a load-balancer started again on its address: both sides hang up, old registrations are reached', async () => {
  const s = await scene({
    outbound: 1,
    registrars: 1,
    env: { CARNA_ROUTE_SECRET: 'of-this-test-only' },
  });
  const [media] = s.media;
  const [outbound] = s.outbound;
  const [registrar] = s.registrars;
  assert.ok(media && outbound && registrar);
  s.call('REGISTER', { callId: 'before' });
  const register = await registrar.until(/^REGISTER /);
  registrar.reply(register, '200 OK');
  const { answer } = await establish(s, 'caller-ends');
  const { invite } = await establish(s, 'callee-ends');

  await s.platform.loadBalancer.kill();
  const again = await s.platform.startLoadBalancerAgain();
  s.call('BYE', within(answer, 'caller-ends'));
  media.reply(await media.until(/^BYE /), '200 OK');
  await s.caller.until(/^SIP\/2.0 200 [^]*CSeq: 2 BYE/);
  media.send(byeOfCallee(media, invite.text), s.loadBalancer);
  s.caller.reply(await s.caller.until(/^BYE /), '200 OK');
  await media.until(/^SIP\/2.0 200 [^]*BYE/);
  outbound.send(
    request('INVITE', {
      from: outbound,
      uri: `sip:tester@10.0.0.9:5060`,
      callId: 'old-path',
      headers: [`Route: ${header(register.text, 'Path')[0]}`],
    }),
    s.loadBalancer,
  );
  await s.caller.until(/^INVITE [^]*Call-ID: old-path/);
  assert.match(await again.rpc('core.uptime'), /uptime/);
});

test('kill -9 and start of a load-balancer under calls of sipp: every established call hangs up', async () => {
  const s = await scene({ media: 0, deadMedia: 1, pingInterval: 1 });
  const uas = await startMediaUas(
    mediaHosts(await s.platform.dispatchers[0]?.rpc('dispatcher.list'))[0] ?? '',
  );
  await opened(Promise.resolve({ close: () => uas.kill() }));
  let progress: CallProgress | null = null;
  const run = startCalls({
    target: { host: s.loadBalancer, port: 5060 },
    localHost: s.spare(0),
    rate: 20,
    amount: { calls: 40 },
    callMs: 4_000,
    runDir: testDir('calls'),
    env: process.env,
    onProgress: (p) => (progress = p),
  });
  await waitUntil('all calls are up', 15_000, async () => {
    return progress?.sent === 40 && (await activeCalls(s)) === '40';
  });
  await s.platform.loadBalancer.kill();
  await s.platform.startLoadBalancerAgain();
  const report = await run.result;
  assert.deepEqual(report.failed, []);
  assert.equal(report.completed, 40);
});

/** The hosts of media nodes in what `kamcmd dispatcher.list` prints. */
function mediaHosts(list = ''): string[] {
  const media = /ID: 30\b(?:(?!\tID: )[^])*/.exec(list)?.[0] ?? '';
  return [...media.matchAll(/sip:(127\.[\d.]+):5060/g)].map(([, host]) => host ?? '');
}

test('the calls of a media node that died are ended at the phones, those of a healthy one are not', async () => {
  const s = await scene({ media: 1, deadMedia: 1, outbound: 1, pingInterval: 1 });
  const [media] = s.media;
  const [caller] = s.outbound; // Where the phone's call comes from: its media end.
  assert.ok(media && caller);
  const hosts = mediaHosts(await s.platform.dispatchers[0]?.rpc('dispatcher.list'));
  const uasHost = hosts.find((host) => host !== media.host);
  const uas = await startMediaUas(uasHost ?? '');
  await opened(Promise.resolve({ close: () => uas.kill() }));

  const calls = new Map<string, string>();
  for (let i = 0; i < 20 && new Set(calls.values()).size < 2; i++) {
    calls.set(`call-${i}`, await callOf(s, media, `call-${i}`));
  }
  const dying = [...calls].filter(([, host]) => host === uas.host).map(([callId]) => callId);
  const healthy = [...calls].filter(([, host]) => host === media.host).map(([callId]) => callId);
  assert.ok(dying.length > 0 && healthy.length > 0);
  const headers = [`Route: <sip:${s.loadBalancer};lr>`];
  const uri = `sip:tester@${s.caller.host}:5060`;
  caller.send(request('INVITE', { from: caller, uri, callId: 'called', headers }), s.loadBalancer);
  s.caller.reply(await s.caller.until(/^INVITE /), '200 OK', [`Contact: <${uri}>`]);
  const answer = await caller.until(/^SIP\/2.0 200 /);
  caller.send(
    request('ACK', { ...within(answer, 'called'), from: caller, cseq: 1, branch: 'called-ack' }),
    s.loadBalancer,
  );
  await s.caller.until(/^ACK /);

  await uas.kill();
  await caller.close();
  const ended = (): string[] => [
    ...new Set(s.caller.received.filter((m) => m.text.startsWith('BYE ')).map(callId)),
  ];
  await waitUntil('the phone hears of every death', ENDED_MS, () => {
    for (const m of s.caller.received.filter((r) => r.text.startsWith('BYE '))) {
      s.caller.reply(m, '200 OK');
    }
    return ended().length >= dying.length + 1;
  });
  assert.deepEqual(ended().sort(), [...dying, 'called'].sort());
  await waitUntil('the healthy calls are left', 60_000, async () => {
    return (await activeCalls(s)) === String(healthy.length);
  });
});

const callId = (message: Received): string => header(message.text, 'Call-ID')[0] ?? '';

/** A call of the scene's caller, answered and acknowledged; gives the host of the media node that took it. */
async function callOf(s: Scene, media: SipPeer, id: string): Promise<string> {
  s.call('INVITE', { callId: id });
  const mine = new RegExp(`^INVITE [^]*Call-ID: ${id}\r`);
  const isAnswered = (): boolean =>
    s.caller.received.some((m) => m.text.startsWith('SIP/2.0 200 ') && callId(m) === id);
  await waitUntil(`${id} is answered`, 8_000, () => {
    const invite = media.received.find((m) => mine.test(m.text));
    if (invite) media.reply(invite, '200 OK', [`Contact: <sip:media@${media.host}:5060>`]);
    return isAnswered();
  });
  const answer = await s.caller.until(new RegExp(`^SIP/2.0 200 [^]*Call-ID: ${id}\r`));
  s.call('ACK', { ...within(answer, id), cseq: 1, branch: `${id}-ack` });
  return /@(127[\d.]+):/.exec(header(answer.text, 'Contact')[0] ?? '')?.[1] ?? '';
}
