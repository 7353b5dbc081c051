import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import type { Telephony } from './dispatcher-scene.js';
import {
  answerAll,
  finalAnswer,
  sendCall,
  startDispatcher,
  startTelephony,
} from './dispatcher-scene.js';
import type { Node } from './platform.js';
import { invites, useScenes } from './scene.js';
import type { SipPeer } from './sip-peer.js';
import { header, openPeer } from './sip-peer.js';

// Copies of one request that wait in the socket of workers that hung are read all at once, while the world
// changes: whatever the first was told, all are told.

/** Scenes have the addresses below 240. */
const { scene, net } = useScenes();
const DISPATCHER = `${net}.240`;
const EDGE = `${net}.241`;
const MEDIA = [`${net}.242`, `${net}.243`] as const;
/** Calls from here need no password. */
const SRC = '192.0.2.99:5060';

let db: Telephony;
let dispatcher: Node;
let edge: SipPeer;
let media: readonly [SipPeer, SipPeer];

before(async () => {
  db = await startTelephony();
  await db.sql("insert into carna.trunk (name, host, source) values ('load', '192.0.2.99', true)");
  for (const [setid, host] of [
    [10, DISPATCHER],
    ...MEDIA.map((host) => [30, host] as const),
    [50, EDGE],
  ] as const) {
    await db.row(setid, host);
  }
  edge = await openPeer(EDGE);
  media = [await openPeer(MEDIA[0]), await openPeer(MEDIA[1])];
  dispatcher = await startDispatcher(db, DISPATCHER);
});
after(async () => {
  await dispatcher.kill();
  for (const peer of [edge, ...media]) await peer.close();
  await db.stop();
});

const allMedia = async (letters: string): Promise<void> => {
  for (const host of MEDIA) {
    await dispatcher.rpc('dispatcher.set_state', letters, '30', `sip:${host}:5060`);
  }
};

/** The final answers that the edge has got to a call; the same one is repeated until it is acknowledged. */
function answers(callId: string): string[] {
  const own = edge.received.filter(({ text }) => header(text, 'Call-ID')[0] === callId);
  return own.map(({ text }) => text.slice(8, 11)).filter((status) => status >= '200');
}

test('a copy of a refused call is refused too, although a media node could take it now', async () => {
  const call = { callId: 'copied', to: 'sip:echo@carna.test', src: SRC };
  await allMedia('dx');
  sendCall(edge, DISPATCHER, call);
  assert.match((await finalAnswer(edge, 'copied')).text, /^SIP\/2\.0 503 /);
  await allMedia('ap');
  sendCall(edge, DISPATCHER, call);
  await waitUntil('the copy is answered', 5_000, () => answers('copied').length > 1);
  // A later call that is through tells that the copy would be through as well.
  const taking = media.map((peer) => answerAll(peer, '200 OK'));
  sendCall(edge, DISPATCHER, { ...call, callId: 'later' });
  assert.match((await finalAnswer(edge, 'later')).text, /^SIP\/2\.0 200 /);
  for (const one of taking) one.stop();
  assert.deepEqual(
    media.map((peer) => invites(peer, 'copied')),
    [0, 0],
  );
  assert.deepEqual([...new Set(answers('copied'))], ['503']);
});

test('a call that the edge asks for again goes to another node when one has it already', async () => {
  for (const [callId, headers, status, offers] of [
    ['first-try', [], '482', 1],
    ['second-try', ['X-Carna-Again: 1'], '200', 2],
  ] as const) {
    const merging = answerAll(media[0], '482 Request merged');
    const taking = answerAll(media[1], '200 OK');
    try {
      await beginWith(callId, headers);
      assert.equal((await finalAnswer(edge, callId)).text.slice(8, 11), status);
      const offered = media.map((peer) => invites(peer, callId));
      assert.deepEqual(offered, [1, offers - 1]);
      const all = media.flatMap((peer) => peer.received).map(({ text }) => text);
      assert.ok(
        !all.some((text) => /^X-Carna-Again/im.test(text)),
        'it is no word for a media node',
      );
    } finally {
      merging.stop();
      taking.stop();
    }
  }
});

/** Calls that are offered to the media nodes in turn: one before, where the next would begin with the second. */
async function beginWith(callId: string, headers: readonly string[]): Promise<void> {
  for (let i = 0; i < 2; i++) {
    const probe = `${callId}-turn-${i}`;
    sendCall(edge, DISPATCHER, { callId: probe, to: 'sip:echo@carna.test', src: SRC });
    await finalAnswer(edge, probe);
    if (invites(media[1], probe) === 1) break;
  }
  sendCall(edge, DISPATCHER, { callId, to: 'sip:echo@carna.test', src: SRC, headers });
}

test('a copy of a call that the edge has refused is refused too', async () => {
  const s = await scene({ dispatchers: 0, dispatcherPeers: 1 });
  const [peer] = s.dispatcherPeers;
  assert.ok(peer);
  const edgeState = (letters: string): Promise<string> =>
    s.platform.loadBalancer.rpc('dispatcher.set_state', letters, '10', `sip:${peer.host}:5060`);
  await edgeState('dx');
  s.call('INVITE', { callId: 'copied' });
  await s.caller.until(/^SIP\/2\.0 503 /);
  await edgeState('ap');
  s.call('INVITE', { callId: 'copied' });
  const refused = (): number =>
    s.caller.received.filter(({ text }) => text.startsWith('SIP/2.0 503 ')).length;
  await waitUntil('the copy is answered', 5_000, () => refused() > 1);
  s.call('INVITE', { callId: 'later' });
  await peer.until(/^INVITE [^]*Call-ID: later/);
  assert.equal(invites(peer, 'copied'), 0);
});

test('the edge tells the second dispatcher that it asks again; nobody outside can say so', async () => {
  const s = await scene({ dispatchers: 0, dispatcherPeers: 2 });
  const got = (): readonly SipPeer[] => s.dispatcherPeers.filter((p) => invites(p, 'call') > 0);
  s.call('INVITE', { callId: 'call', headers: ['X-Carna-Again: 1'] });
  await waitUntil('one of them is asked', 5_000, () => got().length === 1);
  const [first] = got();
  assert.ok(first);
  const invite = await first.until(/^INVITE /);
  assert.doesNotMatch(invite.text, /X-Carna-Again/);
  first.reply(invite, '503 Draining');
  const second = s.dispatcherPeers.find((peer) => peer !== first);
  assert.match((await second?.until(/^INVITE /))?.text ?? '', /\r\nX-Carna-Again: 1\r\n/);
});
