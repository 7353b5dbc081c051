import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import type { PresenceScene, Watch } from './presence-scene.js';
import { callBob, startPresence, watch } from './presence-scene.js';
import type { SipPeer } from './sip-peer.js';

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
