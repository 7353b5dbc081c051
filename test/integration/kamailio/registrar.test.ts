import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import type { Phones, Registration } from './phones.js';
import { authorization, openPhones, status } from './phones.js';
import type { LocationPlatform } from './registrations.js';
import { startLocationPlatform } from './registrations.js';
import { request } from './sip-peer.js';

const PATIENCE_MS = 10_000;
let platform: LocationPlatform;
let edges: readonly Phones[];

before(async () => {
  platform = await startLocationPlatform({ CARNA_MAX_CONTACTS: '3', CARNA_MAX_EXPIRES: '900' });
  await platform.database.store.query({
    text: `INSERT INTO subscriber (username, domain, password, ha1, ha1b)
           SELECT 'u' || i, 'carna.test', '', md5('u' || i || ':carna.test:u' || i || '-pw'), ''
             FROM generate_series(1, 30) i`,
  });
  edges = [
    await openPhones(`${platform.net}.10`, 5060),
    await openPhones(`${platform.net}.11`, 5060),
  ];
  for (const node of [...platform.registrars, ...platform.outbounds]) {
    await node.start();
    await platform.join(node);
  }
});

after(async () => {
  for (const edge of edges) await edge.close();
  await platform.stop();
});

const register = (parts: Registration): Promise<string | null> =>
  platform.dispatcher.register(platform.registrars[0].host, parts);

const invite = async (user: string): Promise<number> =>
  status(await platform.dispatcher.invite(platform.outbounds[0].host, `${user}@carna.test`));

const viaEdge = (index: number, received = ''): readonly string[] => [
  `Path: <sip:${platform.net}.${10 + index}:5060;lr${received}>`,
];

const invitesTo = (user: string): string[] =>
  edges.flatMap((edge, index) =>
    edge.received
      .filter((m) => m.text.startsWith('INVITE ') && m.text.includes(`To: <sip:${user}@`))
      .map((m) => `${index} ${/^INVITE (\S+)/.exec(m.text)?.[1]}`),
  );

test('a wrong password and an unknown user get the same answer', async () => {
  const wrong = await register({ user: 'u1', password: 'guess' });
  const unknown = await register({ user: 'nobody' });
  assert.equal(status(wrong), 403);
  assert.equal(unknown?.split('\r\n')[0], wrong?.split('\r\n')[0]);
});

test('nobody registers for somebody else', async () => {
  assert.equal(status(await register({ user: 'u2', login: 'u2' })), 200);
  assert.equal(status(await register({ user: 'u2', password: 'u3-pw', callId: 'other' })), 403);
  const others = { user: 'u2', contact: 'sip:u3@10.9.9.9:5060', callId: 'another' };
  assert.equal(status(await register({ ...others, login: 'u3' })), 403);
  const left = await register({ user: 'u2', contact: null, callId: 'asks' });
  assert.deepEqual(left?.match(/sip:u\d@10\.9\.9\.9/g), ['sip:u2@10.9.9.9']);
});

test('an answer to a challenge is good once', async () => {
  const parts = { user: 'u13', password: null };
  const challenge = (await register(parts)) ?? '';
  assert.equal(status(challenge), 401);
  const headers = [authorization(challenge, 'sip:carna.test', 'u13', 'u13-pw')];
  assert.equal(status(await register({ ...parts, headers, cseq: 2 })), 200);
  const again = await register({ ...parts, headers, cseq: 3, callId: 'thief' });
  assert.equal(status(again), 401);
  assert.match(again ?? '', /^WWW-Authenticate: .*stale=true/im);
  assert.doesNotMatch(again ?? '', /^Contact:/m);
});

test('whoever is no node of ours is refused', async () => {
  const stranger = await openPhones(`${platform.net}.99`, 5060);
  try {
    const [registrar] = platform.registrars;
    assert.equal(status(await stranger.register(registrar.host, { user: 'u1' })), 403);
    const [outbound] = platform.outbounds;
    assert.equal(status(await stranger.invite(outbound.host, 'u1@carna.test')), 403);
  } finally {
    await stranger.close();
  }
});

test('too short is 423 with the shortest time, too long is lowered', async () => {
  const short = await register({ user: 'u3', expires: 10 });
  assert.equal(status(short), 423);
  assert.match(short ?? '', /^Min-Expires: 60\r$/m);
  assert.match((await register({ user: 'u3', cseq: 5, expires: 5000 })) ?? '', /;expires=900\r$/m);
});

test('one contact more than allowed is 403, and the others stay', async () => {
  for (const port of [1, 2, 3]) {
    const contact = `sip:u4@10.9.9.9:${port}`;
    assert.equal(status(await register({ user: 'u4', callId: `c${port}`, contact })), 200);
  }
  const beyond = { user: 'u4', callId: 'c4', contact: 'sip:u4@10.9.9.9:4' };
  assert.equal(status(await register(beyond)), 403);
  const all = await register({ user: 'u4', callId: 'c5', contact: null });
  assert.equal(all?.match(/sip:u4@10\.9\.9\.9/g)?.length, 3);
  const none = await register({ user: 'u4', callId: 'c6', contact: '*', expires: 0 });
  assert.equal(status(none), 200);
  assert.doesNotMatch(none ?? '', /^Contact:/m);
});

test('quotes and other bytes harm neither the row nor the database', async () => {
  const contact = "sip:u5'--\\x@10.9.9.9:5060";
  const answer = await register({ user: 'u5', contact, headers: ["User-Agent: it's \\' \xff"] });
  assert.equal(status(answer), 200);
  const [row] = await platform.database.store.query<{ contact: string }>({
    text: `SELECT contact FROM location WHERE username = 'u5'`,
  });
  assert.equal(row?.contact, contact);
});

test('the way over the edge is kept: Route and request URI of a call', async () => {
  const received = `;received=sip:192.0.2.7:40000`;
  assert.equal(status(await register({ user: 'u6', headers: viaEdge(1, received) })), 200);
  await waitUntil('u6 is reachable', PATIENCE_MS, async () => (await invite('u6')) === 200);
  const call = edges[1]?.received.find((m) => m.text.includes('To: <sip:u6@'));
  assert.match(call?.text ?? '', /^INVITE sip:u6@10\.9\.9\.9:5060 SIP/);
  assert.match(
    call?.text ?? '',
    new RegExp(`^Route: <sip:${platform.net}\\.11:5060;lr;received=`, 'm'),
  );
  assert.doesNotMatch(call?.text ?? '', /^Record-Route:/m);
  const [row] = await platform.database.store.query<{ path: string; received: string }>({
    text: `SELECT path, received FROM location WHERE username = 'u6'`,
  });
  assert.match(row?.path ?? '', /received=sip:192\.0\.2\.7:40000/);
});

test('an unknown user is 404, one without a phone 480', async () => {
  assert.equal(await invite('nobody'), 404);
  assert.equal(await invite('u29'), 480);
});

test('a copy of a refused call is refused too, although the phone has registered since', async () => {
  const from = { host: `${platform.net}.20`, port: 5060 };
  const call = request('INVITE', { from, uri: 'sip:u28@carna.test', callId: 'copied' });
  const outbound = platform.outbounds[0].host;
  assert.equal(status(await platform.dispatcher.request(call, outbound)), 480);
  assert.equal(status(await register({ user: 'u28', headers: viaEdge(0) })), 200);
  await waitUntil('a new call rings', PATIENCE_MS, async () => (await invite('u28')) === 200);
  assert.equal(status(await platform.dispatcher.request(call, outbound)), 480);
  assert.ok(edges.every(({ received }) => received.every(({ text }) => !text.includes('copied'))));
});

test('phones of one q ring together, those of a lower one afterwards', async () => {
  const phones = [
    ['a', 0, ';q=0.9'],
    ['b', 1, ';q=0.9'],
    ['c', 0, ';q=0.1'],
  ] as const;
  for (const [name, edge, parameters] of phones) {
    const contact = `sip:${name}@10.9.9.9:5060`;
    const parts = { user: 'u8', callId: `q-${name}`, contact, parameters, headers: viaEdge(edge) };
    assert.equal(status(await register(parts)), 200);
  }
  for (const edge of edges) {
    edge.onRequest((request) => {
      if (request.text.startsWith('ACK ')) return;
      edge.reply(request, /^INVITE sip:c@/.test(request.text) ? '200 OK' : '486 Busy Here');
    });
  }
  await waitUntil('the bus told of u8', PATIENCE_MS, async () => (await invite('u8')) === 200);
  const order = invitesTo('u8').slice(-3);
  assert.deepEqual([...order].sort(), [
    '0 sip:a@10.9.9.9:5060',
    '0 sip:c@10.9.9.9:5060',
    '1 sip:b@10.9.9.9:5060',
  ]);
  const ofFirst = (edges[0]?.received ?? [])
    .filter((m) => m.text.startsWith('INVITE ') && m.text.includes('To: <sip:u8@'))
    .map((m) => m.text.slice(0, 12));
  assert.deepEqual(ofFirst.slice(-2), ['INVITE sip:a', 'INVITE sip:c']);
});

test('a silent edge and a failing phone are 480, a decline ends everything', async () => {
  const silent = [`Path: <sip:${platform.net}.98:5060;lr>`];
  assert.equal(status(await register({ user: 'u9', headers: silent })), 200);
  assert.equal(await invite('u9'), 480);
  for (const edge of edges) {
    edge.onRequest((request) => {
      if (!request.text.startsWith('ACK '))
        edge.reply(request, /To: <sip:u10@/.test(request.text) ? '500 Oops' : '603 Decline');
    });
  }
  assert.equal(status(await register({ user: 'u10', headers: viaEdge(0) })), 200);
  assert.equal(await invite('u10'), 480);
  for (const q of [0.9, 0.1]) {
    const parts = { user: 'u11', callId: `d${q}`, contact: `sip:d${q * 10}@10.9.9.9:5060` };
    const answer = await register({ ...parts, parameters: `;q=${q}`, headers: viaEdge(0) });
    assert.equal(status(answer), 200);
  }
  await waitUntil('u11 declined', PATIENCE_MS, async () => (await invite('u11')) === 603);
  assert.ok(!invitesTo('u11').includes('0 sip:d1@10.9.9.9:5060'));
});

test('a node that drains says so; the number of contacts stands in its answer', async () => {
  const [, registrar] = platform.registrars;
  const ask = (): Promise<string | null> =>
    platform.dispatcher.invite(registrar.host, `${registrar.host}:5060`, { method: 'OPTIONS' });
  assert.match((await ask()) ?? '', /^X-Carna-Contacts: \d+\r$/m);
  await registrar.rpc('pv.shvSet', 'drain', 'int', '1');
  assert.equal(status(await platform.dispatcher.register(registrar.host, { user: 'u12' })), 503);
  await registrar.rpc('pv.shvSet', 'drain', 'int', '0');
  assert.equal(status(await platform.dispatcher.register(registrar.host, { user: 'u12' })), 200);
});

test('a caller who gives up stops every phone that rings', async () => {
  for (const [index, edge] of edges.entries()) {
    const contact = `sip:ring${index}@10.9.9.9:5060`;
    const parts = { user: 'u14', callId: `ring${index}`, contact, headers: viaEdge(index) };
    assert.equal(status(await register(parts)), 200);
    edge.onRequest((request) => {
      if (request.text.startsWith('INVITE ')) edge.reply(request, '180 Ringing');
      if (!request.text.startsWith('CANCEL ')) return;
      edge.reply(request, '200 OK');
      const branch = /branch=[^;\s]+/.exec(request.text)?.[0] ?? 'none';
      const invite = edge.received.find(
        ({ text }) => text.startsWith('INVITE ') && text.includes(branch),
      );
      if (invite !== undefined) edge.reply(invite, '487 Request Terminated');
    });
  }
  const [outbound] = platform.outbounds;
  await waitUntil('the bus told of both phones', PATIENCE_MS, async () =>
    /ring0.*ring1|ring1.*ring0/s.test(
      await outbound.rpc('ul.lookup', 'location', 'u14@carna.test'),
    ),
  );
  const head = `Via: SIP/2.0/UDP ${platform.net}.20:5060;branch=z9hG4bKgives-up\r\nCall-ID: gives-up\r\nMax-Forwards: 70\r\nFrom: <sip:caller@carna.test>;tag=g\r\nTo: <sip:u14@carna.test>\r\nContent-Length: 0\r\n`;
  const line = (method: string): string =>
    `${method} sip:u14@carna.test SIP/2.0\r\n${head}CSeq: 1 ${method}\r\n\r\n`;
  const answer = platform.dispatcher.request(line('INVITE'), outbound.host);
  await waitUntil('both ring', PATIENCE_MS, () => new Set(invitesTo('u14')).size === 2);
  assert.equal(status(await platform.dispatcher.request(line('CANCEL'), outbound.host)), 200);
  assert.equal(status(await answer), 487);
  for (const { received } of edges)
    assert.ok(received.some(({ text }) => text.startsWith('CANCEL sip:ring')));
});
