import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import type { Scene } from './scene.js';
import { byeOfCallee, contactUri, useScenes } from './scene.js';
import type { Received, SipPeer } from './sip-peer.js';
import { header, openPeer, request } from './sip-peer.js';
import { route } from './edge-route.js';

const { scene, opened } = useScenes();

test('a trunk says 503: the dispatcher hears it, and the next trunk counts the call', async () => {
  const s = await scene({ dispatchers: 0, dispatcherPeers: 1 });
  const [dispatcher] = s.dispatcherPeers;
  assert.ok(dispatcher);
  const trunk = await opened(openPeer(s.spare(0)));
  dial(s, dispatcher, trunk, 'full', 'TrunkA;cap=5');
  const invite = await trunk.until(/^INVITE /);
  trunk.reply(invite, '503 Service Unavailable');
  await dispatcher.until(/^SIP\/2.0 503 /);
  dial(s, dispatcher, s.caller, 'full', 'TrunkB;cap=1', 'next');
  s.caller.reply(await s.caller.until(/^INVITE /), '180 Ringing');
  await dispatcher.until(/^SIP\/2.0 180 /);
  const profile = s.platform.loadBalancer.rpc('dlg.profile_get_size', 'trunk', 'TrunkB');
  assert.equal((await profile).trim(), '1', 'counted for the trunk that has it now');
});

test('a trunk whose name nobody resolves: the dispatcher hears so, soon enough to try the next', async () => {
  const s = await scene({ dispatchers: 0, dispatcherPeers: 1 });
  const [dispatcher] = s.dispatcherPeers;
  assert.ok(dispatcher);
  dial(s, dispatcher, { host: 'no.such.invalid' }, 'nameless', 'TrunkA;cap=1');
  await dispatcher.until(/^SIP\/2.0 478 [^]*Call-ID: nameless/);
  const profile = s.platform.loadBalancer.rpc('dlg.profile_get_size', 'trunk', 'TrunkA');
  assert.equal((await profile).trim(), '0', 'its place is free again');
});

/** A call that a dispatcher sends to a trunk. */
function dial(
  s: Scene,
  from: SipPeer,
  trunk: Pick<SipPeer, 'host'>,
  callId: string,
  name: string,
  branch = callId,
): void {
  const uri = `sip:+49301234567@${trunk.host}:5060`;
  const headers = [route(s), `X-Carna-Trunk: ${name}`];
  from.send(request('INVITE', { from, uri, callId, branch, headers }), s.loadBalancer);
}

const answered = (callId: string, status: string): RegExp =>
  new RegExp(`^SIP/2.0 ${status} [^]*Call-ID: ${callId}\r`);

test('a trunk carries as many calls as its cap, and every end of a call gives the place back', async () => {
  const s = await scene({ dispatchers: 0, dispatcherPeers: 1 });
  const [dispatcher] = s.dispatcherPeers;
  assert.ok(dispatcher);
  const trunk = await opened(openPeer(s.spare(0)));
  const attempt = async (callId: string, name = 'TrunkA;cap=5'): Promise<Received> => {
    dial(s, dispatcher, trunk, callId, name);
    return trunk.until(new RegExp(`^INVITE [^]*Call-ID: ${callId}\r`));
  };
  const refused = async (callId: string): Promise<void> => {
    dial(s, dispatcher, trunk, callId, 'TrunkA;cap=5');
    const given = await dispatcher.until(answered(callId, '503'));
    assert.deepEqual(header(given.text, 'X-Carna-Reason'), ['cap']);
  };
  const contact = [`Contact: <sip:trunk@${trunk.host}:5060>`];
  for (let i = 1; i <= 3; i++) {
    trunk.reply(await attempt(`up-${i}`), '200 OK', contact);
    await dispatcher.until(answered(`up-${i}`, '200'));
  }
  const ringing = await attempt('ringing');
  trunk.reply(ringing, '180 Ringing', contact);
  const busy = await attempt('busy');
  assert.doesNotMatch(busy.text, /X-Carna-/);
  await refused('sixth');
  await attempt('other-trunk', 'TrunkB;cap=1');
  await attempt('no-cap', 'TrunkA');

  // "no-cap" counts for TrunkA as well: three ends leave three of five.
  trunk.reply(busy, '486 Busy Here');
  await dispatcher.until(answered('busy', '486'));
  dispatcher.send(
    request('CANCEL', {
      from: dispatcher,
      uri: requestUri(ringing),
      callId: 'ringing',
      branch: 'ringing',
    }),
    s.loadBalancer,
  );
  trunk.reply(await trunk.until(/^CANCEL /), '200 OK');
  trunk.reply(ringing, '487 Request Terminated');
  await dispatcher.until(answered('ringing', '487'));
  const up = await trunk.until(/^INVITE [^]*Call-ID: up-1\r/);
  trunk.send(byeOfCallee(trunk, up.text), s.loadBalancer);
  const bye = await dispatcher.until(/^BYE /);
  dispatcher.reply(bye, '200 OK');
  await trunk.until(/^SIP\/2.0 200 [^]*BYE/);
  await attempt('again-1');
  await attempt('again-2');
  await refused('full-again');
  await waitUntil('two calls up, four on their way', 5_000, async () =>
    /all: 6/.test(await s.platform.loadBalancer.rpc('dlg.stats_active')),
  );
});

function requestUri(received: Received): string {
  return received.text.split(' ')[1] ?? '';
}

test('calls that reach a trunk all at once: as many pass as its cap, not one more or less', async () => {
  const s = await scene({ dispatchers: 0, dispatcherPeers: 1, env: { CARNA_CHILDREN: '4' } });
  const [dispatcher] = s.dispatcherPeers;
  assert.ok(dispatcher);
  const trunk = await opened(openPeer(s.spare(0)));
  const calls = Array.from({ length: 60 }, (_, i) => `burst-${i}`);
  for (const callId of calls) dial(s, dispatcher, trunk, callId, 'TrunkA;cap=5');
  const refusals = (): Received[] =>
    dispatcher.received.filter((m) => /^SIP\/2.0 503 /.test(m.text));
  await waitUntil('all beyond the cap are refused', 8_000, () => refusals().length === 55);
  for (const given of refusals()) assert.deepEqual(header(given.text, 'X-Carna-Reason'), ['cap']);
  const tried = new Set(trunk.received.map((m) => header(m.text, 'Call-ID')[0]));
  assert.equal(tried.size, 5);
  const log = readFileSync(s.platform.loadBalancer.logFile, 'utf8');
  assert.doesNotMatch(log, /ERROR:|CRITICAL:/);
});

test('the branches of a forked call are dialogs of their own: the one that is answered stays', async () => {
  const s = await scene({ outbound: 1 });
  const [outbound] = s.outbound;
  assert.ok(outbound);
  const second = await opened(openPeer(s.spare(0)));
  const fork = (to: SipPeer, branch: string): void => {
    const uri = `sip:bob@${to.host}:5060`;
    const headers = [route(s)];
    outbound.send(
      request('INVITE', { from: outbound, uri, callId: 'fork', branch, headers }),
      s.loadBalancer,
    );
  };
  fork(s.caller, 'one');
  fork(second, 'two');
  const first = await s.caller.until(/^INVITE /);
  const taken = await second.until(/^INVITE /);
  second.reply(taken, '200 OK', [`Contact: <sip:bob@${second.host}:5060>`]);
  const answer = await outbound.until(answered('fork', '200'));
  s.caller.reply(first, '486 Busy Here');
  await outbound.until(answered('fork', '486'));
  await waitUntil('one dialog is left', 8_000, async () =>
    /all: 1/.test(await s.platform.loadBalancer.rpc('dlg.stats_active')),
  );
  second.send(byeOfCallee(second, taken.text), s.loadBalancer);
  outbound.reply(await outbound.until(/^BYE /), '200 OK');
  await waitUntil('none is left', 8_000, async () =>
    /all: 0/.test(await s.platform.loadBalancer.rpc('dlg.stats_active')),
  );
  assert.ok(contactUri(answer.text));
});

test('a cap that somebody outside writes counts nothing', async () => {
  const s = await scene();
  for (let i = 0; i < 3; i++) {
    s.call('INVITE', { callId: `claim-${i}`, headers: ['X-Carna-Trunk: TrunkA;cap=1'] });
    const invite = await s.media[0]?.until(new RegExp(`^INVITE [^]*Call-ID: claim-${i}\r`));
    assert.deepEqual(header(invite?.text ?? '', 'X-Carna-Trunk'), []);
    assert.ok(contactUri(invite?.text ?? ''));
  }
});
