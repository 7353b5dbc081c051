import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { callWithPassword, DOMAIN, finalAnswer, sendCall } from './dispatcher-scene.js';
import type { Watch } from './presence-phones.js';
import { watch, watchHeaders } from './presence-phones.js';
import type { PresenceScene } from './presence-scene.js';
import { answerByes, callBob, startPresence } from './presence-scene.js';
import { within } from './scene.js';
import type { SipPeer } from './sip-peer.js';
import { header, request } from './sip-peer.js';

/** Two keepalives of 30 s without an answer, ten seconds of grace, and what a busy machine adds. */
const ENDED_MS = 120_000;

let s: PresenceScene;
let alice: SipPeer;
let bob: SipPeer;
let carol: SipPeer;

before(async () => {
  s = await startPresence();
  [alice, bob, carol] = [await s.phone(60), await s.phone(61), await s.phone(62)];
  await s.register('bob', bob);
});
after(() => s.stop());

const carolWatches = (user: string, callId: string): Promise<Watch> =>
  watch(carol, s.edge, { watcher: 'carol', user, callId });

test('the lamps of both ends follow a call: ringing, answered, over', async () => {
  const [ofAlice, ofBob] = [
    await carolWatches('alice', 'w-alice'),
    await carolWatches('bob', 'w-bob'),
  ];
  assert.match(ofAlice.answer.text, /^SIP\/2.0 200/);
  await ofAlice.until('terminated');
  await ofBob.until('terminated');
  const call = await callBob(s, alice, bob, 'story');
  call.ring();
  await ofAlice.until('early');
  await ofBob.until('early');
  await call.answer();
  await ofAlice.until('confirmed');
  await ofBob.until('confirmed');
  call.hangUp();
  await ofAlice.until('terminated');
  await ofBob.until('terminated');
  assert.deepEqual(ofAlice.history(), ['terminated', 'early', 'confirmed', 'terminated']);
  assert.deepEqual(ofBob.history(), ['terminated', 'early', 'confirmed', 'terminated']);
  ofAlice.stop();
  ofBob.stop();
});

test('a call that nobody takes puts its lamps out', async () => {
  const ofBob = await carolWatches('bob', 'w-untaken');
  const call = await callBob(s, alice, bob, 'untaken');
  call.ring();
  await ofBob.until('early');
  call.refuse();
  await ofBob.until('terminated');
  ofBob.stop();
});

test('who calls with a name and no password lights nobody', async () => {
  const ofAlice = await carolWatches('alice', 'w-spoofed');
  await ofAlice.until('terminated');
  sendCall(bob, s.edge, { callId: 'spoofed', to: `sip:echo@${DOMAIN}`, from: 'alice' });
  assert.match((await finalAnswer(bob, 'spoofed')).text, /^SIP\/2.0 407/);
  const call = await callBob(s, alice, bob, 'after-spoofed');
  call.ring();
  await ofAlice.until('early');
  call.refuse();
  await ofAlice.until('terminated');
  assert.deepEqual(ofAlice.history(), ['terminated', 'early', 'terminated']);
  ofAlice.stop();
});

test('a watcher at either registrar sees the same, with PostgreSQL frozen as well', async () => {
  const watches = new Map<string, Watch>();
  for (let i = 0; i < 40 && watches.size < 2; i++) {
    const seen = await carolWatches('alice', `w-either-${i}`);
    const registrar =
      /@?(127\.[\d.]+)/.exec(header(seen.answer.text, 'Contact')[0] ?? '')?.[1] ?? '';
    if (watches.has(registrar)) seen.stop();
    else watches.set(registrar, seen);
  }
  assert.deepEqual([...watches.keys()].sort(), [...s.registrars].sort());
  s.db.signal('SIGSTOP');
  try {
    const call = await callBob(s, alice, bob, 'either');
    call.ring();
    for (const seen of watches.values()) await seen.until('early');
    await call.answer();
    for (const seen of watches.values()) await seen.until('confirmed');
    call.hangUp();
    for (const seen of watches.values()) await seen.until('terminated');
  } finally {
    s.db.signal('SIGCONT');
  }
  for (const seen of watches.values()) seen.stop();
});

test('a registrar that was started again learns which lamps are lit', async () => {
  const call = await callBob(s, alice, bob, 'restart');
  call.ring();
  await call.answer();
  for (const registrar of s.registrars) {
    await s.kill(registrar);
    await s.startAgain(registrar);
  }
  const ofAlice = await carolWatches('alice', 'w-restart');
  await ofAlice.until('confirmed');
  call.hangUp();
  await ofAlice.until('terminated');
  ofAlice.stop();
});

test('what is refused: publishing from outside, other events, wrong passwords, users that nobody has', async () => {
  const ask = async (callId: string, method: string, user: string, headers: readonly string[]) => {
    const call = { callId, method, to: `sip:${user}@${DOMAIN}`, from: 'carol', headers };
    const who = { user: 'carol', password: 'carol-pw', method };
    return (await callWithPassword(carol, s.edge, call, who)).text.split('\r\n')[0];
  };
  const published = ['Event: dialog', 'Expires: 60', 'Content-Type: application/dialog-info+xml'];
  assert.match((await ask('r-publish', 'PUBLISH', 'alice', published)) ?? '', / 403 /);
  assert.match((await ask('r-event', 'SUBSCRIBE', 'alice', ['Event: presence'])) ?? '', / 489 /);
  assert.match((await ask('r-no-event', 'SUBSCRIBE', 'alice', [])) ?? '', / 489 /);
  assert.match((await ask('r-nobody', 'SUBSCRIBE', 'nobody', watchHeaders)) ?? '', / 404 /);
  const call = { callId: 'r-wrong', method: 'SUBSCRIBE', to: `sip:alice@${DOMAIN}`, from: 'carol' };
  const wrong = { user: 'carol', password: 'wrong', method: 'SUBSCRIBE' };
  const parts = { ...call, headers: watchHeaders };
  assert.match((await callWithPassword(carol, s.edge, parts, wrong)).text, /^SIP\/2.0 403/);
  const notHers = { user: 'bob', password: 'bob-pw', method: 'SUBSCRIBE' };
  const asCarol = { ...parts, callId: 'r-not-hers' };
  assert.match((await callWithPassword(carol, s.edge, asCarol, notHers)).text, /^SIP\/2.0 403/);
});

test('a watcher goes on without a password, and ends it', async () => {
  const seen = await carolWatches('alice', 'w-ends');
  await seen.until('terminated');
  const subscribe = (cseq: number, expires: number): void => {
    const parts = within(seen.answer, 'w-ends');
    const headers = [...(parts.headers ?? []), 'Event: dialog', `Expires: ${expires}`];
    const text = request('SUBSCRIBE', { ...parts, from: carol, cseq, headers })
      .replace(/\r\nFrom: .*/, `\r\nFrom: ${header(seen.answer.text, 'From')[0]}`)
      .replace(/\r\nTo: .*/, `\r\nTo: ${header(seen.answer.text, 'To')[0]}`);
    carol.send(text, s.edge);
  };
  subscribe(11, 300);
  assert.match((await finalAnswer(carol, 'w-ends', 11)).text, /^SIP\/2.0 20[02]/);
  subscribe(12, 0);
  assert.match((await finalAnswer(carol, 'w-ends', 12)).text, /^SIP\/2.0 20[02]/);
  await carol.until(/^NOTIFY [^]*Call-ID: w-ends\r[^]*Subscription-State: terminated/);
  seen.stop();
});

test('the lamps of an edge that died go out', async () => {
  const ofAlice = await carolWatches('alice', 'w-dead-edge');
  const call = await callBob(s, alice, bob, 'dead-edge');
  call.ring();
  await call.answer();
  await ofAlice.until('confirmed');
  await s.kill(s.edge);
  await s.startAgain(s.edge);
  await ofAlice.until('terminated', 40_000);
  ofAlice.stop();
});

test('the lamps of a call go out when the media node that carried it dies', async () => {
  const [ofAlice, ofBob] = [
    await carolWatches('alice', 'w-dead-a'),
    await carolWatches('bob', 'w-dead-b'),
  ];
  const call = await callBob(s, alice, bob, 'dead-media');
  call.ring();
  await call.answer();
  await ofAlice.until('confirmed');
  await ofBob.until('confirmed');
  await s.media.close();
  const hangingUp = [answerByes(alice), answerByes(bob)];
  await ofAlice.until('terminated', ENDED_MS);
  await ofBob.until('terminated', ENDED_MS);
  ofAlice.stop();
  ofBob.stop();
  for (const stop of hangingUp) stop();
});
