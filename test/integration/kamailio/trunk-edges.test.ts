import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet } from '../../support/resources.js';
import type { Telephony } from './dispatcher-scene.js';
import { finalAnswer, sendCall, startDispatcher, startTelephony } from './dispatcher-scene.js';
import type { Node } from './platform.js';
import type { SipPeer } from './sip-peer.js';
import { header, openPeer } from './sip-peer.js';

const net = loopbackNet();
const DISPATCHER = `${net}.20`;
const EDGES = [`${net}.10`, `${net}.11`, `${net}.12`];
const NUMBER = '+4930555';

let db: Telephony;
let dispatcher: Node;
let media: SipPeer;
let edges: readonly SipPeer[];
let timer: NodeJS.Timeout;

interface Offer {
  readonly callId: string;
  readonly trunk: string;
  readonly edge: string;
  readonly text: string;
}
const offers: Offer[] = [];
/** What a load-balancer says to a call for a trunk; null = nothing. */
let answerOf: (offer: Offer) => string | null;
/** The load-balancer that calls for the trunk `carrier` go to when all is well. */
let home = '';

before(async () => {
  db = await startTelephony();
  await db.row(10, DISPATCHER);
  await db.row(30, `${net}.30`);
  for (const edge of EDGES) await db.row(50, edge);
  await db.sql(
    `insert into carna.trunk (name, host, prefix, priority, strip) values
       ('broken', '192.0.2.1', '', 1, 0), ('carrier', '192.0.2.2', '', 0, 1),
       ('merging', '192.0.2.3', '+33', 0, 0)`,
  );
  media = await openPeer(`${net}.30`);
  edges = await Promise.all(EDGES.map((host) => openPeer(host)));
  const seen = edges.map(() => 0);
  timer = setInterval(() => edges.forEach((edge, i) => (seen[i] = answer(edge, seen[i] ?? 0))), 2);
  // Without pings only a call that a load-balancer leaves unanswered takes it out of the list, and
  // only our word brings it back. What a busy machine holds up for a moment is no silence.
  dispatcher = await startDispatcher(db, DISPATCHER, {
    CARNA_PING_INTERVAL: '3600',
    CARNA_FR_TIMER_MS: '3000',
  });
});
beforeEach(async () => {
  for (const edge of EDGES) {
    await dispatcher.rpc('dispatcher.set_state', 'ap', '50', `sip:${edge}:5060`);
  }
  await waitUntil('all load-balancers are in use', 5_000, async () => {
    const list = await dispatcher.rpc('dispatcher.list');
    return EDGES.every((edge) => new RegExp(`sip:${edge}:5060\\s+FLAGS: AP`).test(list));
  });
  home = await edgeOfCarrier();
});
after(async () => {
  clearInterval(timer);
  await dispatcher.kill();
  for (const peer of [media, ...edges]) await peer.close();
  await db.stop();
});

function answer(edge: SipPeer, from: number): number {
  for (const request of edge.received.slice(from)) {
    const { text } = request;
    const callId = header(text, 'Call-ID')[0] ?? '';
    const trunk = (header(text, 'X-Carna-Trunk')[0] ?? '').replace(/;.*/, '');
    const offer = { callId, trunk, edge: edge.host, text };
    // A silent one gets it again until the dispatcher gives up.
    const isFirst = !offers.some(
      (one) => one.callId === callId && one.edge === edge.host && one.trunk === trunk,
    );
    if (!text.startsWith('INVITE ')) continue;
    if (isFirst) offers.push(offer);
    const status = answerOf(offer);
    if (status !== null) edge.reply(request, status, [`Contact: <sip:trunk@${edge.host}:5060>`]);
  }
  return edge.received.length;
}

let count = 0;
interface Outcome {
  readonly status: string;
  readonly offers: readonly Offer[];
}
/** Calls while a load-balancer says `refusal` to calls for the trunk `carrier`, and all others take them. */
async function dial(refusal: string | null, refusing = home): Promise<Outcome> {
  answerOf = ({ trunk, edge }) => {
    if (trunk === 'broken') return '500 Oops';
    return edge === refusing ? refusal : '200 OK';
  };
  return callTo(NUMBER);
}

async function callTo(number: string): Promise<Outcome> {
  const callId = `out-${count++}`;
  sendCall(media, DISPATCHER, { callId, to: `sip:${number}@carna.test` });
  const { text } = await finalAnswer(media, callId);
  return { status: text.slice(8, 11), offers: offers.filter((one) => one.callId === callId) };
}

async function edgeOfCarrier(): Promise<string> {
  const { offers: made } = await dial(null, '');
  return made.find(({ trunk }) => trunk === 'carrier')?.edge ?? '';
}

for (const [what, refusal] of [
  ['drains', '503 Draining'],
  ['has not heard of this dispatcher', '403 Preloaded Route Denied'],
  ['says nothing', null],
] as const) {
  test(`a trunk is called by another load-balancer when its own ${what}`, async () => {
    const { status, offers: made } = await dial(refusal);
    const names = made.map(({ trunk }) => trunk);
    assert.deepEqual([status, names], ['200', ['broken', 'carrier', 'carrier']]);
    const [, first, second] = made;
    assert.equal(first?.edge, home);
    assert.notEqual(second?.edge, home);
    // As it was told the first one: not the number as the trunk before it gets it.
    assert.match(second?.text ?? '', /^INVITE sip:4930555@192\.0\.2\.2:5060 /);
    assert.deepEqual(header(second?.text ?? '', 'Route'), [`<sip:${second?.edge}:5060;lr>`]);
    assert.deepEqual(header(second?.text ?? '', 'X-Carna-Trunk'), ['carrier;cap=0']);
  });
}

test('while the load-balancer of a trunk is away, its calls are counted at one other', async () => {
  const edgesOf = new Set<string | undefined>();
  // The second one takes it out of the list.
  for (const refusal of ['503 Draining', null, null]) {
    edgesOf.add((await dial(refusal)).offers.at(-1)?.edge);
  }
  assert.equal(edgesOf.size, 1);
  assert.ok(!edgesOf.has(home));
});

test('what a trunk itself refuses is offered to it by no other load-balancer, nor is a call beyond its cap', async () => {
  for (const refusal of ['503 Service Unavailable', '503 Trunk Full', '408 Request Timeout']) {
    const { status, offers: made } = await dial(refusal);
    assert.deepEqual([status, made.map(({ trunk }) => trunk)], ['480', ['broken', 'carrier']]);
  }
});

test('a trunk that has the call from a load-balancer that was only slow is followed by the next', async () => {
  for (const [ofFirst, status, trunks] of [
    ['503 Draining', '482', ['merging', 'merging']],
    [null, '200', ['merging', 'merging', 'broken', 'carrier']],
  ] as const) {
    answerOf = ({ callId, trunk, edge }) => {
      if (trunk !== 'merging') return trunk === 'broken' ? '500 Oops' : '200 OK';
      const first = offers.find((one) => one.callId === callId);
      return edge === first?.edge ? ofFirst : '482 Request Merged';
    };
    const { status: heard, offers: made } = await callTo('+33199999');
    assert.deepEqual([heard, made.map(({ trunk }) => trunk)], [status, trunks]);
  }
});
