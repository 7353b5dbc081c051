import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import { certificate, register } from './edge-phone.js';
import { byeOfCallee, contactUri, establish, useScenes, within } from './scene.js';
import type { Received, SipPeer } from './sip-peer.js';
import { header, openPeer, request } from './sip-peer.js';
import type { StreamPhoneOptions } from './stream-phone.js';
import { openStreamPhone, PRIVATE_HOST } from './stream-phone.js';

const { scene, opened } = useScenes();

/** A request of the calling side, which a media node sends straight to the edge. */
function ofCaller(media: SipPeer, method: string, answer: Received): string {
  return request(method, {
    from: media,
    uri: contactUri(answer.text),
    callId: header(answer.text, 'Call-ID')[0] ?? '',
    toTag: /;tag=(.+)/.exec(header(answer.text, 'To')[0] ?? '')?.[1] ?? '',
    cseq: method === 'ACK' ? 1 : 2,
    branch: `inside-${method}`,
    headers: header(answer.text, 'Record-Route')
      .reverse()
      .map((route) => `Route: ${route}`),
  });
}

for (const transport of ['TCP', 'TLS'] as const) {
  test(`a phone on ${transport} behind a NAT is called over the connection it registered on`, async () => {
    const env = transport === 'TLS' ? await certificate() : {};
    const s = await scene({ outbound: 1, registrars: 1, env });
    const [outbound] = s.outbound;
    const [media] = s.media;
    assert.ok(outbound && media);
    const options: StreamPhoneOptions = {
      host: s.spare(0),
      edge: s.loadBalancer,
      port: transport === 'TLS' ? 5061 : 5060,
      transport,
    };
    const phone = await opened(openStreamPhone(options));
    const path = await register(s, phone);
    assert.match(
      path,
      new RegExp(`^<sip:${s.loadBalancer};lr;received=sip:${options.host}:\\d+%3B`),
    );

    const contact = `sip:tester@${PRIVATE_HOST}:5060;transport=${transport.toLowerCase()}`;
    outbound.send(
      request('INVITE', {
        from: outbound,
        uri: contact,
        callId: 'ring',
        headers: [`Route: ${path}`],
      }),
      s.loadBalancer,
    );
    const invite = await phone.until(/^INVITE /);
    const recorded = header(invite, 'Record-Route');
    assert.equal(recorded.length, 2, 'one for each transport');
    for (const route of recorded) assert.match(route, /;r2=on/);
    phone.reply(invite, '200 OK', [`Contact: <${contact}>`]);
    const answer = await outbound.until(/^SIP\/2.0 200 /);

    media.send(ofCaller(media, 'ACK', answer), s.loadBalancer);
    const ack = await phone.until(/^ACK /);
    assert.doesNotMatch(ack, /alias=/, 'the phone finds its own Contact in the request line');
    phone.write(byeOfCallee({ host: PRIVATE_HOST, port: 5060 }, invite));
    outbound.reply(await outbound.until(/^BYE /), '200 OK');
    await phone.until(/^SIP\/2.0 200 [^]*BYE/);
  });
}

test('a call from a phone on TCP: in-dialog requests of the media node reach it over its connection', async () => {
  const s = await scene();
  const [media] = s.media;
  assert.ok(media);
  const phone = await opened(
    openStreamPhone({ host: s.spare(0), edge: s.loadBalancer, port: 5060, transport: 'TCP' }),
  );
  phone.send('INVITE', { uri: 'sip:echo@carna.test', callId: 'out' });
  const invite = await media.until(/^INVITE /);
  assert.match(
    contactUri(invite.text),
    new RegExp(`;alias=${s.spare(0).replaceAll('.', '\\.')}~\\d+~2$`),
  );
  media.reply(invite, '200 OK', [`Contact: <sip:media@${media.host}:${media.port}>`]);
  const answer = await phone.until(/^SIP\/2.0 200 /);
  phone.send('ACK', {
    ...within({ text: answer, host: '', port: 0 }, 'out'),
    cseq: 1,
    branch: 'out-ack',
  });
  await media.until(/^ACK /);
  media.send(byeOfCallee(media, invite.text), s.loadBalancer);
  const bye = await phone.until(/^BYE /);
  phone.reply(bye, '200 OK');
  await media.until(/^SIP\/2.0 200 [^]*BYE/);
});

test('a phone behind a NAT by UDP: requests of the media node go where it sent from', async () => {
  const s = await scene();
  const [media] = s.media;
  assert.ok(media);
  const phone = s.caller;
  const text = request('INVITE', {
    from: phone,
    uri: `sip:echo@${s.loadBalancer}`,
    callId: 'nat',
  }).replace(/Contact: .*/, 'Contact: <sip:me@10.1.2.3:5062;alias=127.0.0.1~9~1>');
  phone.send(text, s.loadBalancer);
  const invite = await media.until(/^INVITE /);
  assert.equal(
    contactUri(invite.text),
    `sip:me@10.1.2.3:5062;alias=${phone.host}~5060~1`,
    'an alias of the phone itself counts for nothing',
  );
  media.reply(invite, '200 OK', [`Contact: <sip:media@${media.host}:${media.port}>`]);
  await phone.until(/^SIP\/2.0 200 /);
  media.send(byeOfCallee(media, invite.text), s.loadBalancer);
  assert.match((await phone.until(/^BYE /)).text, /^BYE sip:me@10\.1\.2\.3:5062 SIP/);
});

test('a phone whose connection is gone is not reachable, and the answer comes at once', async () => {
  const s = await scene({ outbound: 1, registrars: 1 });
  const [outbound] = s.outbound;
  assert.ok(outbound);
  const phone = await opened(
    openStreamPhone({ host: s.spare(0), edge: s.loadBalancer, port: 5060, transport: 'TCP' }),
  );
  const path = await register(s, phone);
  await phone.close();
  const uri = `sip:tester@${PRIVATE_HOST}:5060;transport=tcp`;
  await waitUntil('the edge has seen the end of the connection', 5_000, async () =>
    /opened_connections: 0/.test(await s.platform.loadBalancer.rpc('core.tcp_info')),
  );
  outbound.send(
    request('INVITE', { from: outbound, uri, callId: 'gone', headers: [`Route: ${path}`] }),
    s.loadBalancer,
  );
  await outbound.until(/^SIP\/2.0 480 /);
  await waitUntil('no dialog is left', 8_000, async () =>
    /all: 0/.test(await s.platform.loadBalancer.rpc('dlg.stats_active')),
  );
});

test('without TCP nobody listens there, with an advertised name Record-Route and Path carry it', async () => {
  const s = await scene({ registrars: 1, env: { CARNA_TCP: '0', CARNA_ADVERTISE: 'localhost' } });
  const options = { host: s.spare(0), edge: s.loadBalancer, port: 5060, transport: 'TCP' } as const;
  await assert.rejects(openStreamPhone(options), /ECONNREFUSED/);
  s.call('REGISTER', { callId: 'named' });
  const registered = await s.registrars[0]?.until(/^REGISTER /);
  assert.match(header(registered?.text ?? '', 'Path')[0] ?? '', /^<sip:localhost(:5060)?;lr/);
  const { invite } = await establish(s, 'named-call');
  assert.match(header(invite.text, 'Record-Route')[0] ?? '', /^<sip:localhost(:5060)?;lr/);
});

test('two phones at one address, on two ports, are two addresses to the registrar', async () => {
  const s = await scene({ registrars: 1 });
  const [registrar] = s.registrars;
  assert.ok(registrar);
  const second = await opened(openPeer(s.spare(0)));
  s.call('REGISTER', { callId: 'first' });
  second.send(
    request('REGISTER', { from: second, uri: 'sip:carna.test', callId: 'second' }),
    s.loadBalancer,
  );
  const sources = ['first', 'second'].map(async (callId) => {
    const got = await registrar.until(new RegExp(`^REGISTER [^]*Call-ID: ${callId}\r`));
    return header(got.text, 'X-Carna-Src')[0];
  });
  assert.deepEqual(await Promise.all(sources), [`${s.caller.host}:5060`, `${second.host}:5060`]);
});
