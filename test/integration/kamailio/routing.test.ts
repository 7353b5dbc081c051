import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import { invites, useScenes, within } from './scene.js';
import { header, openPeer, request } from './sip-peer.js';

const { scene, opened, addRow, net } = useScenes();

test('the way of a call: header contract, and nothing of the dialog passes a dispatcher', async () => {
  const s = await scene();
  const [media] = s.media;
  assert.ok(media);
  s.call('INVITE', {
    callId: 'contract',
    headers: ['X-Carna-Tenant: forged', 'x-carna-src: 9.9.9.9:9', 'X-Other: kept'],
  });
  const invite = await media.until(/^INVITE /);
  assert.deepEqual(header(invite.text, 'X-Carna-Tenant'), []);
  assert.deepEqual(header(invite.text, 'X-Carna-Src'), [`${s.caller.host}:${s.caller.port}`]);
  assert.deepEqual(header(invite.text, 'X-Carna-Node'), [`load-balancer-${s.loadBalancer}`]);
  assert.deepEqual(header(invite.text, 'X-Other'), ['kept']);
  const recorded = header(invite.text, 'Record-Route');
  assert.equal(recorded.length, 1);
  assert.ok(recorded[0]?.includes(s.loadBalancer), 'only the load-balancer records itself');

  media.reply(invite, '200 OK', [
    `Contact: <sip:media@${media.host}:${media.port}>`,
    'X-Carna-User: inside',
    'Server: Media/1.0',
    'User-Agent: Media/1.0',
  ]);
  const answer = await s.caller.until(/^SIP\/2.0 200 /);
  assert.doesNotMatch(answer.text, /X-Carna|Server:|User-Agent:/i);

  for (const dispatcher of s.platform.dispatchers) await dispatcher.kill();
  s.call('ACK', { ...within(answer, 'contract'), cseq: 1, branch: 'contract-ack' });
  const ack = await media.until(/^ACK /);
  assert.equal(
    ack.host,
    s.loadBalancer,
    'an in-dialog request comes from the load-balancer itself',
  );
  s.call('BYE', within(answer, 'contract'));
  media.reply(await media.until(/^BYE /), '200 OK');
  await s.caller.until(/^SIP\/2.0 200 [^]*CSeq: 2 BYE/);
});

test('a CANCEL follows its INVITE to the same media node', async () => {
  const s = await scene({ media: 3 });
  s.call('INVITE', { callId: 'cancel' });
  await waitUntil('somebody rings', 5_000, () => s.media.some((m) => m.received.length > 0));
  const ringing = s.media.find((m) => m.received.length > 0);
  assert.ok(ringing);
  const invite = await ringing.until(/^INVITE /);
  ringing.reply(invite, '180 Ringing');
  await s.caller.until(/^SIP\/2.0 180 /);
  s.call('CANCEL', { callId: 'cancel' });
  ringing.reply(await ringing.until(/^CANCEL /), '200 OK');
  ringing.reply(invite, '487 Request Terminated');
  await s.caller.until(/^SIP\/2.0 200 [^]*CSeq: 1 CANCEL/);
  await s.caller.until(/^SIP\/2.0 487 /);
  const others = s.media.filter((m) => m !== ringing);
  assert.deepEqual(
    others.flatMap((m) => m.received),
    [],
  );
  s.call('CANCEL', { callId: 'never-sent' });
  await s.caller.until(/^SIP\/2.0 481 /);
});

test('what cannot be: forged route, unknown dialog, unknown method, too many hops', async () => {
  const s = await scene();
  const route = `Route: <sip:${s.media[0]?.host};lr>`;
  s.call('INVITE', { callId: 'forged', headers: [route] });
  await s.caller.until(/^SIP\/2.0 403 /);
  s.call('BYE', { callId: 'unknown', toTag: 'nobody' });
  await s.caller.until(/^SIP\/2.0 481 /);
  s.call('MESSAGE', { callId: 'method' });
  assert.match((await s.caller.until(/^SIP\/2.0 405 /)).text, /\r\nAllow: INVITE/);
  const text = request('INVITE', {
    from: s.caller,
    uri: `sip:x@${s.loadBalancer}`,
    callId: 'hops',
  });
  s.caller.send(text.replace('Max-Forwards: 70', 'Max-Forwards: 0'), s.loadBalancer);
  await s.caller.until(/^SIP\/2.0 483 /);
  assert.deepEqual(s.media[0]?.received, []);
});

test('no answer of ours carries a banner', async () => {
  const s = await scene();
  const monitor = await opened(openPeer(`${net}.250`, false));
  monitor.send(
    request('OPTIONS', { from: monitor, uri: `sip:${s.loadBalancer}:5060`, callId: 'options' }),
    s.loadBalancer,
  );
  const answer = await monitor.until(/^SIP\/2.0 200 /);
  assert.doesNotMatch(answer.text, /kamailio|Server:|Warning:/i);
});

test('refused calls leave no dialog behind', async () => {
  const s = await scene({ media: 0 });
  s.call('INVITE', { callId: 'no-media' });
  await s.caller.until(/^SIP\/2.0 503 /);
  await waitUntil('no dialog is left', 8_000, async () =>
    /all: 0/.test(await s.platform.loadBalancer.rpc('dlg.stats_active')),
  );
});

test('a registration carries the Path of the load-balancer and has nowhere to go without registrars', async () => {
  const s = await scene({ media: 0 });
  await addRow(20, `${net}.252`);
  s.call('REGISTER', { callId: 'no-registrar' });
  const given = await s.caller.until(/^SIP\/2.0 503 /);
  assert.match(given.text, /\r\nRetry-After: 5\r\n/);

  const registrar = await opened(openPeer(`${net}.252`));
  await s.platform.dispatchers[0]?.rpc('dispatcher.reload');
  s.call('REGISTER', { callId: 'registrar' });
  const register = await registrar.until(/^REGISTER /);
  const path = header(register.text, 'Path')[0] ?? '';
  assert.ok(path.includes(s.loadBalancer), path);
  assert.ok(path.includes(s.caller.host), 'the way back through the NAT');
  assert.deepEqual(header(register.text, 'Record-Route'), []);
  registrar.reply(register, '200 OK');
  await s.caller.until(/^SIP\/2.0 200 [^]*Call-ID: registrar/);
});

test('a call that a media node makes goes to the outbound nodes, never back to media', async () => {
  const s = await scene({ media: 2 });
  const [media] = s.media;
  const [dispatcher] = s.platform.dispatchers;
  assert.ok(media && dispatcher);
  media.send(
    request('INVITE', { from: media, uri: `sip:b@${dispatcher.host}`, callId: 'leg-b' }),
    dispatcher.host,
  );
  const given = await media.until(/^SIP\/2.0 480 /);
  assert.match(given.text, /\r\nRetry-After: \d+\r\n/);
  assert.equal(
    s.media.reduce((sum, m) => sum + invites(m, 'leg-b'), 0),
    0,
  );
});
