import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import { establish, invites, useScenes, within } from './scene.js';
import { route } from './edge-route.js';
import { header, openPeer, request } from './sip-peer.js';

const { scene, opened, net } = useScenes();

test('a node that says 503 is passed over, a busy callee is not', async () => {
  const s = await scene({ media: 2 });
  for (const media of s.media) {
    void media
      .until(/^INVITE [^]*Call-ID: full/)
      .then((i) => media.reply(i, '503 Full'))
      .catch(() => undefined);
  }
  s.call('INVITE', { callId: 'full' });
  const given = await s.caller.until(/^SIP\/2.0 5\d\d /);
  assert.match(given.text, /^SIP\/2.0 503 /, 'the edge speaks for itself');
  assert.match(given.text, /\r\nRetry-After: \d+\r\n/);
  for (const media of s.media) assert.equal(invites(media, 'full'), 1);

  s.call('INVITE', { callId: 'busy' });
  await waitUntil('one of them rings', 5_000, () => s.media.some((m) => invites(m, 'busy') > 0));
  const asked = s.media.find((m) => invites(m, 'busy') > 0);
  asked?.reply(await asked.until(/^INVITE [^]*Call-ID: busy/), '486 Busy Here');
  await s.caller.until(/^SIP\/2.0 486 /);
  assert.equal(
    s.media.reduce((sum, m) => sum + invites(m, 'busy'), 0),
    1,
  );
});

test('a destination to which the kernel cannot send is passed over like a silent one', async () => {
  const s = await scene({ media: 1, unreachableMedia: ['240.0.0.1', '240.0.0.2'] });
  for (const callId of ['one', 'two', 'three']) {
    s.call('INVITE', { callId });
    await s.media[0]?.until(new RegExp(`^INVITE [^]*Call-ID: ${callId}\r`));
  }
});

test('an address that floods is cut off, unless the limit is switched off', async () => {
  for (const [limit, isCut] of [
    ['5', true],
    ['0', false],
  ] as const) {
    const s = await scene({ env: { CARNA_PIKE_REQUESTS: limit } });
    const calls = 60;
    for (let i = 0; i < calls; i++) s.call('MESSAGE', { callId: `flood-${limit}-${i}` });
    const answered = (): number =>
      s.caller.received.filter((m) => m.text.startsWith('SIP/2.0 405 ')).length;
    if (isCut) {
      // In dialog it still serves: the answer to this, sent last, says that all before was seen.
      s.call('BYE', { callId: 'after', toTag: 'nobody' });
      await s.caller.until(/^SIP\/2.0 481 /);
      assert.ok(answered() < calls, `${answered()} of ${calls} answered`);
    } else {
      await waitUntil('every request is answered', 8_000, () => answered() === calls);
    }
  }
});

/** The part of a list that shows the media nodes. */
function mediaOf(list: string): string {
  return /ID: 30\b(?:(?!\tID: )[^])*/.exec(list)?.[0] ?? '';
}

const silentMedia = {
  'without weights': [],
  'of a small weight': Array.from({ length: 4 }, () => 'weight=1;rweight=1'),
};

for (const [kind, mediaAttrs] of Object.entries(silentMedia)) {
  test(`silent media nodes ${kind} are tried at most three at a time, marked, and the caller is told to retry`, async () => {
    const s = await scene({ media: 0, deadMedia: 4, mediaAttrs });
    s.call('INVITE', { callId: 'silence' });
    const given = await s.caller.until(/^SIP\/2.0 [3-6]\d\d /);
    assert.match(given.text, /^SIP\/2.0 503 [^]*\r\nRetry-After: \d+\r\n/);
    const [dispatcher] = s.platform.dispatchers;
    const list = mediaOf((await dispatcher?.rpc('dispatcher.list')) ?? '');
    assert.equal(list.match(/FLAGS: IP/g)?.length, 3, list);
    assert.equal(list.match(/FLAGS: AP/g)?.length, 1, list);
  });
}

test('a node disabled while a call waits for it stays disabled', async () => {
  const s = await scene({ media: 0, deadMedia: 1 });
  const [dispatcher] = s.platform.dispatchers;
  assert.ok(dispatcher);
  const silent = await opened(
    openPeer(
      /sip:(127\.[\d.]+):5060/.exec(mediaOf(await dispatcher.rpc('dispatcher.list')))?.[1] ?? '',
    ),
  );
  s.call('INVITE', { callId: 'drained' });
  await silent.until(/^INVITE /);
  await dispatcher.rpc('dispatcher.set_state', 'd', '30', `sip:${silent.host}:5060`);
  await s.caller.until(/^SIP\/2.0 503 /);
  assert.match(await dispatcher.rpc('dispatcher.list'), /FLAGS: DX/);
});

test('a silent dispatcher costs one try; with none left the edge answers 503 and Retry-After', async () => {
  const s = await scene({ dispatchers: 2 });
  const [first, second] = s.platform.dispatchers;
  assert.ok(first && second);
  await first.kill();
  const seen = new Set<string>();
  for (let i = 0; i < 6; i++) {
    s.call('INVITE', { callId: `alive-${i}` });
    const invite = await s.media[0]?.until(new RegExp(`^INVITE [^]*Call-ID: alive-${i}\r`));
    seen.add(invite?.host ?? '');
  }
  assert.deepEqual([...seen], [second.host]);
  await second.kill();
  s.call('INVITE', { callId: 'nobody' });
  const given = await s.caller.until(/^SIP\/2.0 503 [^]*Call-ID: nobody/);
  assert.match(given.text, /\r\nRetry-After: 5\r\n/);
  s.call('INVITE', { callId: 'nobody-marked' });
  await s.caller.until(/^SIP\/2.0 503 [^]*Call-ID: nobody-marked/);
});

test('a draining dispatcher takes no new call: the load-balancer goes to the next', async () => {
  const s = await scene({ dispatchers: 2 });
  const [first, second] = s.platform.dispatchers;
  assert.ok(first && second);
  await first.rpc('pv.shvSet', 'drain', 'int', '1');
  for (let i = 0; i < 8; i++) {
    s.call('INVITE', { callId: `drain-${i}` });
    const invite = await s.media[0]?.until(new RegExp(`^INVITE [^]*Call-ID: drain-${i}\r`));
    assert.equal(invite?.host, second.host);
  }
  await second.rpc('pv.shvSet', 'drain', 'int', '1');
  s.call('INVITE', { callId: 'all-drain' });
  const given = await s.caller.until(/^SIP\/2.0 503 [^]*Call-ID: all-drain/);
  assert.match(given.text, /\r\nRetry-After: 5\r\n/);
  await first.rpc('pv.shvSet', 'drain', 'int', '0');
  s.call('INVITE', { callId: 'undrained' });
  assert.equal((await s.media[0]?.until(/^INVITE [^]*Call-ID: undrained/))?.host, first.host);
});

test('a draining load-balancer refuses new calls and pings, and keeps serving its dialogs until none is left', async () => {
  const s = await scene();
  const balancer = s.platform.loadBalancer;
  const monitor = await opened(openPeer(`${net}.251`, false));
  const { answer } = await establish(s, 'kept');
  s.call('ACK', { ...within(answer, 'kept'), cseq: 1, branch: 'kept-ack' });
  await s.media[0]?.until(/^ACK /);
  await balancer.rpc('pv.shvSet', 'drain', 'int', '1');
  assert.match(await balancer.rpc('dlg.stats_active'), /all: 1/);

  s.call('INVITE', { callId: 'refused' });
  const given = await s.caller.until(/^SIP\/2.0 503 [^]*Call-ID: refused/);
  assert.match(given.text, /\r\nRetry-After: 2\r\n/);
  monitor.send(
    request('OPTIONS', { from: monitor, uri: `sip:${s.loadBalancer}:5060`, callId: 'ping' }),
    s.loadBalancer,
  );
  await monitor.until(/^SIP\/2.0 503 /);

  s.call('BYE', within(answer, 'kept'));
  s.media[0]?.reply(await s.media[0].until(/^BYE /), '200 OK');
  await s.caller.until(/^SIP\/2.0 200 [^]*CSeq: 2 BYE/);
  await waitUntil('no dialog is left', 8_000, async () =>
    /all: 0/.test(await balancer.rpc('dlg.stats_active')),
  );
});

test('a draining load-balancer takes a call to a phone that is reached through it alone, and none to a trunk', async () => {
  const s = await scene({ dispatchers: 0, dispatcherPeers: 1, outbound: 1 });
  const [dispatcher] = s.dispatcherPeers;
  const [outbound] = s.outbound;
  assert.ok(dispatcher && outbound);
  s.call('REGISTER', { callId: 'registered-here' });
  const register = await dispatcher.until(/^REGISTER /);
  dispatcher.reply(register, '200 OK');
  await s.platform.loadBalancer.rpc('pv.shvSet', 'drain', 'int', '1');
  const dial = (from: typeof outbound, callId: string, headers: readonly string[]): void =>
    from.send(
      request('INVITE', { from, uri: `sip:tester@${s.caller.host}:5060`, callId, headers }),
      s.loadBalancer,
    );
  const path = `Route: ${header(register.text, 'Path')[0]}`;
  dial(outbound, 'only-way', [path, 'X-Carna-Last: 1']);
  const invite = await s.caller.until(/^INVITE [^]*Call-ID: only-way/);
  assert.doesNotMatch(invite.text, /X-Carna-/);
  dial(outbound, 'other-phones-left', [path]);
  await outbound.until(/^SIP\/2.0 503 [^]*Call-ID: other-phones-left/);
  dial(dispatcher, 'trunk', [route(s), 'X-Carna-Trunk: TrunkA']);
  await dispatcher.until(/^SIP\/2.0 503 [^]*Call-ID: trunk/);
  s.call('INVITE', { callId: 'outside', headers: ['X-Carna-Last: 1'] });
  await s.caller.until(/^SIP\/2.0 503 [^]*Call-ID: outside/);
  assert.equal(invites(s.caller, 'other-phones-left') + invites(s.caller, 'trunk'), 0);

  s.caller.reply(invite, '200 OK', [`Contact: <sip:tester@${s.caller.host}:5060>`]);
  await outbound.until(/^SIP\/2.0 200 [^]*Call-ID: only-way/);
  const active = await s.platform.loadBalancer.rpc('dlg.stats_active');
  assert.match(active, /all: 1/, 'the drain waits for it');
});
