import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLogin } from '../../../src/store/group-roles.js';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet, testDir } from '../../support/resources.js';
import type { Telephony } from './dispatcher-scene.js';
import {
  answerAll,
  finalAnswer,
  sendCall,
  startDispatcher,
  startTelephony,
} from './dispatcher-scene.js';
import type { Node } from './platform.js';
import { startNode } from './platform.js';
import type { Received, SipPeer } from './sip-peer.js';
import { header, openPeer, request } from './sip-peer.js';

const net = loopbackNet();
const EDGE = `${net}.10`;
const DISPATCHER = `${net}.20`;
const CAP = 5;

let db: Telephony;
let dispatcher: Node;
let edge: Node;
let media: SipPeer;
let trunk: SipPeer;
let caller: SipPeer;
let taken: ReturnType<typeof answerAll>[] = [];

before(async () => {
  db = await startTelephony();
  for (const [setid, host] of [
    [10, DISPATCHER],
    [30, `${net}.30`],
    [50, EDGE],
  ] as const) {
    await db.row(setid, host);
  }
  await db.sql(
    `insert into carna.trunk (name, host, cap) values ('carrier', '${net}.70', ${CAP}); ` +
      `insert into carna.trunk (name, host, source, weight) values ('load', '${net}.2', true, 0)`,
  );
  const password = 'for-this-test-only';
  await createLogin(db.store, { user: 'edge', password, role: 'carna_load_balancer' });
  media = await openPeer(`${net}.30`);
  trunk = await openPeer(`${net}.70`);
  caller = await openPeer(`${net}.2`);
  taken = [media, trunk].map((peer) => answerAll(peer, '200 OK'));
  dispatcher = await startDispatcher(db, DISPATCHER);
  edge = await startNode({
    role: 'load-balancer',
    host: EDGE,
    dir: testDir('edge'),
    env: { CARNA_KAMAILIO_DB_URL: db.kamailioUrl.replace('kamailio:', 'edge:') },
  });
});
after(async () => {
  for (const one of taken) one.stop();
  for (const node of [edge, dispatcher]) await node.kill();
  for (const peer of [media, trunk, caller]) await peer.close();
  await db.stop();
});

/** What a peer sends within a call that it made and that was answered: the route set is the edge alone. */
function within(method: string, peer: SipPeer, answer: Received, to: string, cseq: number): void {
  const callId = header(answer.text, 'Call-ID')[0] ?? '';
  const routes = header(answer.text, 'Record-Route').reverse();
  const lines = request(method, {
    from: peer,
    uri: to,
    callId,
    cseq,
    branch: `${callId}-${method}`,
  })
    .split('\r\n')
    .map((line) => (line.startsWith('To:') ? `To: ${header(answer.text, 'To')[0] ?? ''}` : line))
    .map((line) =>
      line.startsWith('From:') ? `From: ${header(answer.text, 'From')[0] ?? ''}` : line,
    );
  lines.splice(2, 0, ...routes.map((route) => `Route: ${route}`));
  peer.send(lines.join('\r\n'), EDGE);
}

test('a trunk carries as many calls as its cap; the next is told that all trunks are busy', async () => {
  const answers: Received[] = [];
  for (let i = 1; i <= CAP; i++) {
    sendCall(media, DISPATCHER, { callId: `cap-${i}`, to: 'sip:+4930555@carna.test' });
    answers.push(await finalAnswer(media, `cap-${i}`));
  }
  assert.ok(answers.every(({ text }) => text.startsWith('SIP/2.0 200 ')));
  const [invite] = taken[1]?.invites ?? [];
  assert.match(invite?.text ?? '', new RegExp(`^INVITE sip:\\+4930555@${net}\\.70:5060 `));
  assert.doesNotMatch(invite?.text ?? '', /X-Carna-/);
  sendCall(media, DISPATCHER, { callId: 'cap-over', to: 'sip:+4930555@carna.test' });
  const refused = await finalAnswer(media, 'cap-over');
  assert.match(refused.text, /^SIP\/2\.0 480 [^]*Reason: SIP;cause=480;text="All Trunks Busy"/);
});

test('a call through the edge is logged from its start to its end, which the edge tells', async () => {
  const to = `sip:echo@${EDGE}`;
  caller.send(request('INVITE', { from: caller, uri: to, callId: 'whole-call' }), EDGE);
  const answer = await finalAnswer(caller, 'whole-call');
  assert.match(answer.text, /^SIP\/2\.0 200 /);
  const contact = /<(sip:[^>]+)>/.exec(header(answer.text, 'Contact')[0] ?? '')?.[1] ?? '';
  within('ACK', caller, answer, contact, 1);
  await media.until(/^ACK [^]*whole-call/);
  within('BYE', caller, answer, contact, 2);
  const bye = await media.until(/^BYE [^]*whole-call/);
  media.reply(bye, '200 OK');
  await waitUntil('the call record is there', 15_000, async () => {
    const rows = await db.sql("select caller from acc_cdrs where callid = 'whole-call'");
    return rows[0]?.['caller'] === 'trunk:load';
  });
  const events = await db.sql("select sip_reason from acc where callid = 'whole-call' order by id");
  assert.deepEqual(
    events.map((row) => row['sip_reason']),
    ['start', 'answer', 'end'],
  );
});
