import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import type { Incoming, Phones } from './phones.js';
import { openPhones, status } from './phones.js';
import type { LocationPlatform } from './registrations.js';
import { startLocationPlatform } from './registrations.js';
import { header } from './sip-peer.js';

const PATIENCE_MS = 10_000;
const RINGING_MS = 1_000;
/** Phones that one call may be sent to. */
const CALLED_AT_MOST = 24;
let platform: LocationPlatform;
/** The load-balancer by which every phone is registered. */
let edge: Phones;

before(async () => {
  platform = await startLocationPlatform({ CARNA_MAX_CONTACTS: String(CALLED_AT_MOST) });
  await platform.database.store.query({
    text: `INSERT INTO subscriber (username, domain, password, ha1, ha1b)
           SELECT 'u' || i, 'carna.test', '', md5('u' || i || ':carna.test:u' || i || '-pw'), ''
             FROM generate_series(1, 12) i`,
  });
  edge = await openPhones(`${platform.net}.10`, 5060);
  for (const node of [platform.registrars[0], platform.outbounds[0]]) {
    await node.start();
    await platform.join(node);
  }
});

after(async () => {
  await edge.close();
  await platform.stop();
});

/** Registers a phone of the user for each name, with its q, until outbound knows them so. */
async function register(user: string, phones: Readonly<Record<string, number>>): Promise<void> {
  const qOf = (known: string, name: string): number =>
    Number(new RegExp(`sip:${name}@[^]*?Q: ([\\d.]+)`).exec(known)?.[1]);
  let cseq = 0;
  await waitUntil(`outbound knows the phones of ${user}`, PATIENCE_MS, async () => {
    for (const [name, q] of Object.entries(phones)) {
      const answer = await platform.dispatcher.register(platform.registrars[0].host, {
        user,
        callId: `${user}-${name}`,
        cseq: (cseq += 2),
        contact: `sip:${name}@10.9.9.9:5060`,
        parameters: `;q=${q}`,
        headers: [`Path: <sip:${platform.net}.10:5060;lr>`],
      });
      assert.equal(status(answer), 200);
    }
    const known = await platform.outbounds[0].rpc('ul.lookup', 'location', `${user}@carna.test`);
    return Object.entries(phones).every(([name, q]) => qOf(known, name) === q);
  });
}

/** What the edge answers for a phone: a status line and headers. */
function answering(
  answerOf: (phone: string, request: string) => readonly [status: string, ...string[]],
): void {
  edge.onRequest((request: Incoming) => {
    if (request.text.startsWith('ACK ')) return;
    const phone = /^\w+ sip:(\w+)@/.exec(request.text)?.[1] ?? '';
    const [line, ...headers] = answerOf(phone, request.text);
    edge.reply(request, line, headers);
  });
}

const call = (user: string): Promise<string | null> =>
  platform.dispatcher.invite(platform.outbounds[0].host, `${user}@carna.test`);

/** What the edge says while it drains: for phones with no other way, `last`. */
const draining = (request: string, last: string): string =>
  header(request, 'X-Carna-Last').length === 0 ? '503 Draining' : last;

/** `count` phones of one q, named after the user. */
const phonesOf = (user: string, count: number, q: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${user}x${i}`, q]));

/** How often the edge was asked to ring a phone, copies left out. */
function calls(phone: string): number {
  const invites = edge.received.filter(({ text }) => text.startsWith(`INVITE sip:${phone}@`));
  return new Set(invites.map(({ text }) => header(text, 'Via')[0])).size;
}

/** The INVITE that the edge got for a phone. */
const inviteOf = (phone: string): string =>
  edge.received.find(({ text }) => text.startsWith(`INVITE sip:${phone}@`))?.text ?? '';

test('the edge hears when no other phone is left to try, and not before', async () => {
  await register('u1', { desk: 0.9, mobile: 0.1 });
  answering((phone) => [phone === 'desk' ? '503 Draining' : '200 OK']);
  assert.equal(status(await call('u1')), 200);
  assert.deepEqual(header(inviteOf('desk'), 'X-Carna-Last'), []);
  assert.deepEqual(header(inviteOf('mobile'), 'X-Carna-Last'), ['1']);
  await register('u2', { alone: 1 });
  assert.equal(status(await call('u2')), 200);
  assert.deepEqual(header(inviteOf('alone'), 'X-Carna-Last'), ['1']);
});

test('phones that a draining edge left to others are called after all when of the others none rang', async () => {
  await register('u5', { desk5: 0.9, mobile5: 0.1 });
  answering((phone, text) => [
    phone === 'desk5' ? draining(text, '200 OK') : '480 Connection Gone',
  ]);
  assert.equal(status(await call('u5')), 200);
  answering((phone) => [phone === 'desk5' ? '503 Draining' : '480 Connection Gone']);
  assert.equal(status(await call('u5')), 480, 'once, and no more');
  await register('u6', { desk6: 0.9, mobile6: 0.1 });
  edge.onRequest((request: Incoming) => {
    if (request.text.startsWith('ACK ')) return;
    if (!request.text.startsWith('INVITE sip:mobile6@')) {
      return edge.reply(request, draining(request.text, '200 OK'));
    }
    edge.reply(request, '180 Ringing');
    setTimeout(() => edge.reply(request, '480 No Answer'), RINGING_MS);
  });
  assert.equal(status(await call('u6')), 480, 'nobody rings twice');
});

test('of them each is called, however many they are', async () => {
  await register('u7', { ...phonesOf('u7', 6, 0.9), mobile7: 0.1 });
  for (const left of Object.keys(phonesOf('u7', 6, 0.9))) {
    answering((phone, text) => [phone === left ? draining(text, '200 OK') : '480 Gone']);
    assert.equal(status(await call('u7')), 200, left);
  }
  const ten = phonesOf('u8', 9, 0.9);
  await register('u8', { ...ten, mobile8: 0.1 });
  answering((phone, text) => [phone in ten ? draining(text, '480 Gone') : '480 Gone']);
  assert.equal(status(await call('u8')), 480);
  assert.deepEqual(
    Object.keys(ten).map((phone) => calls(phone)),
    Object.keys(ten).map(() => 2),
  );
});

test('when no further phone can be called the caller hears 480, not what the last one said', async () => {
  const many = phonesOf('u9', CALLED_AT_MOST - 1, 0.9);
  await register('u9', { ...many, mobile9: 0.1 });
  answering((phone, text) => [phone in many ? draining(text, '200 OK') : '500 Oops']);
  assert.equal(status(await call('u9')), 480);
});

test('a phone that refused the call is not called again with those that a draining edge left', async () => {
  await register('u10', { desk10: 0.9, soft10: 0.9, mobile10: 0.1 });
  const answers: Readonly<Record<string, string>> = { soft10: '486 Busy', mobile10: '480 Gone' };
  const refusing = (last: string): void =>
    answering((phone, text) => [answers[phone] ?? draining(text, last)]);
  refusing('200 OK');
  assert.equal(status(await call('u10')), 200);
  assert.deepEqual([calls('desk10'), calls('soft10'), calls('mobile10')], [2, 1, 1]);
  // The same phone by another way.
  refusing('482 Request Merged');
  assert.equal(status(await call('u10')), 480);
});

test('a phone sends nobody anywhere: its 3xx is a phone that cannot be reached, and its Contact stays inside', async () => {
  await register('u3', { forwards: 1 });
  for (const redirect of ['300 Multiple Choices', '302 Moved Temporarily', '380 Alternative']) {
    answering(() => [redirect, 'Contact: <sip:+1900555@carna.test>']);
    const answer = await call('u3');
    assert.equal(status(answer), 480, redirect);
    assert.deepEqual(header(answer ?? '', 'Contact'), []);
  }
  await register('u4', { desk4: 0.9, mobile4: 0.1 });
  answering((phone) =>
    phone === 'desk4' ? ['302 Moved', 'Contact: <sip:u4@carna.test>'] : ['200 OK'],
  );
  assert.equal(status(await call('u4')), 200, 'the next phone is tried');
});
