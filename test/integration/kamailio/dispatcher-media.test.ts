import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet } from '../../support/resources.js';
import type { Telephony } from './dispatcher-scene.js';
import {
  answerAll,
  finalAnswer,
  sendCall,
  startDispatcher,
  startTelephony,
} from './dispatcher-scene.js';
import type { Node } from './platform.js';
import type { SipPeer } from './sip-peer.js';
import { header, openPeer } from './sip-peer.js';

const net = loopbackNet();
const DISPATCHER = `${net}.20`;
const NEAR = [`${net}.30`, `${net}.31`] as const;
const FAR = `${net}.130`;
const OUTBOUND = [`${net}.40`, `${net}.41`] as const;
/** Calls from here need no password. */
const SRC = '192.0.2.99:5060';

let db: Telephony;
let dispatcher: Node;
let edge: SipPeer;
let media: Map<string, SipPeer>;
let outbound: readonly SipPeer[];
let taken: Map<string, ReturnType<typeof answerAll>>;

before(async () => {
  db = await startTelephony();
  await db.sql("insert into carna.trunk (name, host, source) values ('load', '192.0.2.99', true)");
  for (const [setid, host] of [
    [10, DISPATCHER],
    [30, NEAR[0]],
    [30, NEAR[1]],
    [130, FAR],
    [40, OUTBOUND[0]],
    [40, OUTBOUND[1]],
    [50, `${net}.10`],
  ] as const) {
    await db.row(setid, host);
  }
  edge = await openPeer(`${net}.10`);
  media = new Map();
  taken = new Map();
  for (const host of [...NEAR, FAR]) await start(host);
  outbound = await Promise.all(OUTBOUND.map((host) => openPeer(host)));
  dispatcher = await startDispatcher(db, DISPATCHER);
});
after(async () => {
  for (const one of taken.values()) one.stop();
  await dispatcher.kill();
  for (const peer of [edge, ...media.values(), ...outbound]) await peer.close();
  await db.stop();
});

/** A media node that gives every call the answer. */
async function start(
  host: string,
  status = '200 OK',
  headers: readonly string[] = [],
): Promise<void> {
  const peer = media.get(host) ?? (await openPeer(host));
  media.set(host, peer);
  taken.get(host)?.stop();
  taken.set(host, answerAll(peer, status, headers));
}

async function stop(host: string): Promise<void> {
  taken.get(host)?.stop();
  await media.get(host)?.close();
  media.delete(host);
}

/** Sets what the dispatcher holds of a node; the table is read by conferences alone. */
async function state(letters: string, setid: number, host: string): Promise<void> {
  await dispatcher.rpc('dispatcher.set_state', letters, String(setid), `sip:${host}:5060`);
}

let count = 0;
interface Outcome {
  readonly status: string;
  readonly text: string;
  /** Media nodes that were offered the call. */
  readonly hosts: string[];
  readonly invites: string[];
}

async function dial(to: string): Promise<Outcome> {
  const callId = `call-${count++}`;
  sendCall(edge, DISPATCHER, { callId, to: `sip:${to}@carna.test`, src: SRC });
  return outcome(callId);
}

async function outcome(callId: string, cseq = 1): Promise<Outcome> {
  const { text } = await finalAnswer(edge, callId, cseq);
  const hosts: string[] = [];
  const invites: string[] = [];
  for (const [host, { invites: all }] of taken) {
    const own = all.filter((invite) => header(invite.text, 'Call-ID')[0] === callId);
    if (own.length > 0) hosts.push(host);
    invites.push(...own.map((invite) => invite.text));
  }
  return { status: text.slice(8, 11), text, hosts, invites };
}

test('calls go to another data centre while ours has no media node, and come home by themselves', async () => {
  const home = async (): Promise<boolean> => (await dial('echo')).hosts[0] !== FAR;
  assert.ok(await home());
  for (const host of NEAR) await state('dx', 30, host);
  assert.deepEqual((await dial('echo')).hosts, [FAR]);
  await state('ap', 30, NEAR[0]);
  assert.deepEqual((await dial('echo')).hosts, [NEAR[0]]);
  await state('ap', 30, NEAR[1]);
});

test('a call that all our media nodes refuse is taken by another data centre; one about itself is not', async () => {
  for (const host of NEAR) await start(host, '503 Service Unavailable');
  const far = await dial('echo');
  assert.deepEqual([far.status, [...far.hosts].sort()], ['200', [...NEAR, FAR].sort()]);
  for (const host of NEAR) await start(host, '404 Not Found');
  const none = await dial('echo');
  assert.deepEqual([none.status, none.hosts.length], ['404', 1]);
  for (const host of [...NEAR, FAR]) await start(host, '503 Service Unavailable');
  assert.equal((await dial('echo')).status, '500');
  for (const host of [...NEAR, FAR]) await start(host);
});

test('a call goes past an outbound node that has not heard of this dispatcher; any other 403 is an answer', async () => {
  const caller = media.get(NEAR[0]);
  assert.ok(caller);
  const dialTwice = async (refusal: string): Promise<string[]> => {
    const all = outbound.map((peer, i) => answerAll(peer, i === 0 ? refusal : '200 OK'));
    const heard: string[] = [];
    // In turn: one of two calls is offered first to the node that refuses.
    for (const callId of [`call-${count++}`, `call-${count++}`]) {
      sendCall(caller, DISPATCHER, { callId, to: 'sip:bob@carna.test' });
      heard.push((await finalAnswer(caller, callId)).text.slice(8, 11));
    }
    for (const one of all) one.stop();
    return heard.sort();
  };
  assert.deepEqual(await dialTwice('403 Unknown Source'), ['200', '200']);
  assert.deepEqual(await dialTwice('403 Forbidden'), ['200', '403']);
});

test('a call that rings is not tried elsewhere', async () => {
  for (const host of [...NEAR, FAR]) taken.get(host)?.stop();
  const callId = 'ringing';
  sendCall(edge, DISPATCHER, { callId, to: 'sip:echo@carna.test', src: SRC });
  const peers = [...media.values()];
  const offered = (): SipPeer[] =>
    peers.filter(({ received }) => received.some(({ text }) => /^INVITE [^]*ringing/.test(text)));
  await waitUntil('the call is offered', 10_000, () => offered().length > 0, 5);
  const [ringing] = offered();
  const invite = await ringing?.until(/^INVITE [^]*ringing/);
  assert.ok(invite);
  ringing?.reply(invite, '180 Ringing');
  await edge.until(/^SIP\/2\.0 180 [^]*ringing/);
  ringing?.reply(invite, '503 Service Unavailable');
  assert.match((await outcome(callId)).status, /^50[03]$/);
  assert.equal(offered().length, 1);
  for (const host of [...NEAR, FAR]) await start(host);
});

test('everybody in a room meets on one media node, and another room may be elsewhere', async () => {
  const first = await dial('conf-red');
  assert.equal(first.status, '200');
  const [home] = first.hosts;
  for (let i = 0; i < 5; i++) assert.deepEqual((await dial('conf-red')).hosts, [home]);
  const blue = await dial('conf-blue');
  assert.notDeepEqual(blue.hosts, [home]);
  const [invite = ''] = first.invites;
  assert.match(
    invite,
    new RegExp(`^INVITE sip:ct_[0-9a-f]{32}@${home?.replaceAll('.', '\\.')}:5060 `),
  );
  assert.deepEqual(header(invite, 'X-Carna-Room'), ['red']);
  const tokens = await db.sql('select 1 from carna.conference_token where used_at is null');
  assert.deepEqual(tokens, []);
});

test('a room moves when its media node is out of use, or does not take the call', async () => {
  const [home = ''] = (await dial('conf-red')).hosts;
  const other = NEAR.find((host) => host !== home) ?? '';
  await start(home, '503 Service Unavailable');
  const moved = await dial('conf-red');
  assert.deepEqual([moved.status, [...moved.hosts].sort()], ['200', [...NEAR].sort()]);
  await start(home);
  assert.deepEqual((await dial('conf-red')).hosts, [other]);
  await db.sql(`update dispatcher set flags = 9 where destination = 'sip:${other}:5060'`);
  assert.deepEqual((await dial('conf-red')).hosts, [home]);
  await db.sql(`update dispatcher set flags = 8 where destination = 'sip:${other}:5060'`);
});

test('a media node moves a call by a token, once; a forged, used, late or foreign one opens nothing', async () => {
  const mint = async (room: string): Promise<{ token: string; host: string }> => {
    const [row] = await db.sql(`select token, node from carna.enter_conference('${room}')`);
    return { token: String(row?.['token']), host: String(row?.['node']).slice(4, -5) };
  };
  const { token, host } = await mint('green');
  const other = NEAR.find((one) => one !== host) ?? '';
  const follow = async (contact: string): Promise<Outcome> => {
    await start(other, '302 Moved Temporarily', [`Contact: <${contact}>`]);
    // In turn: one of two calls is offered to the node that hands it on.
    const result = await dial('echo');
    return result.hosts.includes(other) ? result : dial('echo');
  };
  const good = await follow(`sip:${token}@${host}:5060`);
  assert.deepEqual([good.status, [...good.hosts].sort()], ['200', [...NEAR].sort()]);
  assert.ok(good.invites.some((text) => header(text, 'X-Carna-Room')[0] === 'green'));
  assert.equal((await follow(`sip:${token}@${host}:5060`)).status, '403', 'used');
  assert.equal((await follow(`sip:ct_${'0'.repeat(32)}@${host}:5060`)).status, '403', 'forged');
  const fresh = await mint('green');
  assert.equal(
    (await follow(`sip:${fresh.token}@${other}:5060`)).status,
    '403',
    'for another node',
  );
  await db.sql('update carna.conference_token set expires_at = now() where used_at is null');
  assert.equal((await follow(`sip:${fresh.token}@${host}:5060`)).status, '403', 'too late');
  assert.equal((await follow('sip:boss@192.0.2.1')).status, '480', 'no token');
  await start(other);
});

test('with the database away a room is still one node', async () => {
  db.signal('SIGKILL');
  try {
    const [home] = (await dial('conf-dark')).hosts;
    assert.ok(home !== undefined);
    for (let i = 0; i < 5; i++) assert.deepEqual((await dial('conf-dark')).hosts, [home]);
  } finally {
    await db.start();
  }
});

test('a silent media node costs its callers a moment, the next one takes the call', async () => {
  await stop(NEAR[0]);
  for (let i = 0; i < 4; i++) assert.equal((await dial('echo')).status, '200');
});
