import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byeOfCallee, establish, useScenes, within } from './scene.js';
import { header, openPeer, request } from './sip-peer.js';
import { route } from './edge-route.js';

const { scene, opened } = useScenes();

const IDENTITIES = [
  'P-Asserted-Identity: <sip:boss@carna.test>',
  'P-Preferred-Identity: <sip:boss@carna.test>',
  'Remote-Party-ID: <sip:boss@carna.test>',
];

const IDENTITY = /\r\n(P-Asserted-Identity|P-Preferred-Identity|Remote-Party-ID):/;

test('an identity from outside is removed, one from inside is told, except where privacy is asked', async () => {
  const s = await scene({ outbound: 1 });
  const [outbound] = s.outbound;
  assert.ok(outbound);
  s.call('INVITE', { callId: 'claims', headers: IDENTITIES });
  assert.doesNotMatch((await s.media[0]?.until(/^INVITE /))?.text ?? '', IDENTITY);
  const uri = `sip:tester@${s.caller.host}:5060`;
  const [known = ''] = IDENTITIES;
  const ring = (callId: string, headers: readonly string[]): void =>
    outbound.send(
      request('INVITE', { from: outbound, uri, callId, headers: [route(s), known, ...headers] }),
      s.loadBalancer,
    );
  ring('told', ['X-Carna-Call: inner', 'User-Agent: inner/1.0']);
  const told = await s.caller.until(/^INVITE [^]*Call-ID: told\r/);
  assert.match(told.text, /\r\nP-Asserted-Identity: /);
  assert.doesNotMatch(told.text, /X-Carna-|User-Agent|\r\nRoute:/);
  s.caller.reply(told, '180 Ringing', ['X-Carna-User: forged', ...IDENTITIES]);
  const ringing = await outbound.until(/^SIP\/2.0 180 /);
  assert.doesNotMatch(ringing.text, /X-Carna-/);
  assert.doesNotMatch(ringing.text, IDENTITY);
  ring('hidden', ['Privacy: id']);
  const hidden = await s.caller.until(/^INVITE [^]*Call-ID: hidden\r/);
  assert.doesNotMatch(hidden.text, IDENTITY);
});

test('a way prescribed from outside is refused, unless it is a phone that names us as its proxy', async () => {
  const s = await scene({ env: { CARNA_SIP_DOMAIN: 'carna.test' } });
  const victim = await opened(openPeer(s.spare(0)));
  const proxy = `<sip:${s.loadBalancer};lr>`;
  const refused: readonly (readonly [string, string, readonly string[]])[] = [
    ['elsewhere', `sip:x@${victim.host}`, [`Route: ${proxy}`]],
    ['further', 'sip:x@carna.test', [`Route: ${proxy}, <sip:${victim.host};lr>`]],
    ['more', 'sip:x@carna.test', [`Route: ${proxy}`, `Route: <sip:${victim.host};lr>`]],
    [
      'received',
      'sip:x@carna.test',
      [`Route: <sip:${s.loadBalancer};lr;received=sip:${victim.host}:5060>`],
    ],
    ['foreign', 'sip:x@carna.test', [`Route: <sip:${victim.host};lr>`]],
  ];
  for (const [callId, uri, headers] of refused) {
    s.call('INVITE', { callId, uri, headers });
    await s.caller.until(new RegExp(`^SIP/2.0 403 Preloaded Route Denied[^]*Call-ID: ${callId}\r`));
  }
  s.call('INVITE', { callId: 'proxy', uri: 'sip:echo@carna.test', headers: [`Route: ${proxy}`] });
  const invite = await s.media[0]?.until(/^INVITE /);
  assert.deepEqual(header(invite?.text ?? '', 'Call-ID'), ['proxy']);
  assert.deepEqual(header(invite?.text ?? '', 'Route'), []);
  assert.deepEqual(victim.received, []);
});

test('a Record-Route that this edge never wrote leads nowhere, its own does', async () => {
  const s = await scene({ env: { CARNA_ROUTE_SECRET: 'of-this-test-only' } });
  const victim = await opened(openPeer(s.spare(0)));
  const uri = `sip:+49301234@${victim.host}:5060`;
  const { answer } = await establish(s, 'real');
  const [own = ''] = header(answer.text, 'Record-Route');
  assert.match(own, /;k=o[0-9a-f]{32}/);
  const forged = [
    `<sip:${s.loadBalancer};lr>`,
    `<sip:${s.loadBalancer};lr;k=o>`,
    own, // of another call
    own.replace(';k=o', ';k=i'),
  ];
  for (const [index, given] of forged.entries()) {
    const callId = `forged-${index}`;
    s.call('INVITE', { callId, uri, toTag: 'any', headers: [`Route: ${given}`] });
    await s.caller.until(new RegExp(`^SIP/2.0 403 [^]*Call-ID: ${callId}\r`));
  }
  // The way of a strict router: the proxy in the request line, the target as the last Route.
  s.call('INVITE', {
    callId: 'strict',
    uri: `sip:${s.loadBalancer}:5060`,
    toTag: 'any',
    headers: [`Route: <sip:${victim.host}:5060;lr>, <${uri}>`],
  });
  await s.caller.until(/^SIP\/2.0 4\d\d [^]*Call-ID: strict\r/);
  s.call('BYE', within(answer, 'real'));
  await s.media[0]?.until(/^BYE /);
  assert.deepEqual(victim.received, []);
});

test('within a dialog only what dialogs are made of is passed on: nobody speaks on the bus by way of us', async () => {
  const s = await scene({ env: { CARNA_ROUTE_SECRET: 'of-this-test-only' } });
  const member = await opened(openPeer(s.spare(0)));
  const { answer } = await establish(s, 'ladder');
  const parts = { ...within(answer, 'ladder'), uri: `sip:htable@${member.host}:5060` };
  const methods = ['KDMQ', 'PUBLISH', 'REGISTER', 'UNHEARD'];
  for (const [index, method] of methods.entries()) {
    s.call(method, { ...parts, cseq: 10 + index });
    const refused = await s.caller.until(new RegExp(`^SIP/2.0 405 [^]*CSeq: \\d+ ${method}\r`));
    assert.match(refused.text, /\r\nAllow: .*INVITE/);
  }
  s.call('BYE', within(answer, 'ladder'));
  await s.media[0]?.until(/^BYE /);
  assert.deepEqual(member.received, []);
});

test('who says within a dialog that he is the far side must be it: his identity is not believed', async () => {
  const s = await scene({ env: { CARNA_ROUTE_SECRET: 'of-this-test-only' } });
  const [media] = s.media;
  assert.ok(media);
  const { invite, answer } = await establish(s, 'sides');
  const parts = within(answer, 'sides');
  const claiming = (cseq: number): string =>
    request('INVITE', {
      ...parts,
      from: s.caller,
      cseq,
      headers: [...(parts.headers ?? []), ...IDENTITIES],
    });
  const turned = [
    claiming(11).replace(/;ftag=[^;>]+/, ';ftag=other'),
    claiming(12).replace(/(\r\nFrom: .*;tag=).*/, '$1other'),
  ];
  for (const [index, text] of turned.entries()) {
    s.caller.send(text, s.loadBalancer);
    await s.caller.until(new RegExp(`^SIP/2.0 403 [^]*CSeq: ${11 + index} INVITE\r`));
  }
  s.caller.send(claiming(13), s.loadBalancer);
  const plain = await media.until(/^INVITE [^]*CSeq: 13 INVITE\r/);
  assert.doesNotMatch(plain.text, IDENTITY);
  const changed = byeOfCallee(media, invite.text)
    .replaceAll('BYE', 'UPDATE')
    .replace('Content-Length', `${IDENTITIES[0]}\r\nContent-Length`);
  media.send(changed, s.loadBalancer);
  assert.match((await s.caller.until(/^UPDATE /)).text, IDENTITY, 'the far side is believed');
  const seen = media.received.filter(({ text }) => /^INVITE [^]*CSeq: 1[12] /.test(text));
  assert.deepEqual(seen, []);
});

test('a Call-ID or tag longer than the call log holds is refused', async () => {
  const s = await scene();
  const send = (branch: string, callId: string, tag: string): void => {
    const parts = { from: s.caller, uri: `sip:x@${s.loadBalancer}`, callId, branch };
    const text = request('INVITE', parts).replace(/(\r\nFrom: .*;tag=).*/, `$1${tag}`);
    s.caller.send(text, s.loadBalancer);
  };
  send('call', 'c'.repeat(256), 'tag');
  await s.caller.until(/^SIP\/2.0 400 [^]*z9hG4bK-call[;\r]/);
  send('tag', 'short', 't'.repeat(129));
  await s.caller.until(/^SIP\/2.0 400 [^]*z9hG4bK-tag[;\r]/);
  send('held', 'c'.repeat(255), 't'.repeat(128));
  await s.media[0]?.until(/^INVITE [^]*z9hG4bK-held[;\r]/);
  assert.equal(s.media[0]?.received.length, 1);
});

test('what stands alone goes to the dispatchers; a subscription keeps its way', async () => {
  const s = await scene({ dispatchers: 0, dispatcherPeers: 1 });
  const [dispatcher] = s.dispatcherPeers;
  assert.ok(dispatcher);
  for (const method of ['SUBSCRIBE', 'PUBLISH', 'MESSAGE', 'NOTIFY', 'INFO']) {
    s.call(method, { callId: `alone-${method}`, uri: 'sip:bob@carna.test' });
  }
  await s.caller.until(/^SIP\/2.0 405 [^]*Call-ID: alone-INFO/);
  for (const method of ['PUBLISH', 'MESSAGE', 'NOTIFY', 'SUBSCRIBE']) {
    const got = await dispatcher.until(new RegExp(`^${method} `));
    assert.equal(header(got.text, 'Record-Route').length, method === 'SUBSCRIBE' ? 1 : 0, method);
    dispatcher.reply(got, '202 Accepted', [`Contact: <sip:${dispatcher.host}:5060>`]);
    await s.caller.until(new RegExp(`^SIP/2.0 202 [^]*CSeq: 1 ${method}`));
  }
  const subscribe = await dispatcher.until(/^SUBSCRIBE /);
  dispatcher.send(
    byeOfCallee(dispatcher, subscribe.text).replaceAll('BYE', 'NOTIFY'),
    s.loadBalancer,
  );
  await s.caller.until(/^NOTIFY /);
});
