import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { wait, waitUntil } from '../../../src/util/wait.js';
import { loopbackNet } from '../../support/resources.js';
import type { Telephony } from './dispatcher-scene.js';
import {
  answerAll,
  callWithPassword,
  finalAnswer,
  sendCall,
  startDispatcher,
  startTelephony,
} from './dispatcher-scene.js';
import type { Node } from './platform.js';
import type { SipPeer } from './sip-peer.js';
import { openPeer } from './sip-peer.js';

const net = loopbackNet();
const DISPATCHER = `${net}.20`;
const BOB = 'sip:bob@carna.test';
const ALICE = { user: 'alice', password: 'wonderland' };
const CALLS_PER_SECOND = 20;
const FROZEN_SECONDS = 15;
/** What a caller of a known user may wait, at most, while the database hangs. */
const ANSWER_MS = 1_500;

let db: Telephony;
let dispatcher: Node;
let edge: SipPeer;
let media: SipPeer;
let outbound: SipPeer;
let taken: ReturnType<typeof answerAll>[] = [];

before(async () => {
  db = await startTelephony();
  for (const [setid, host] of [
    [10, DISPATCHER],
    [30, `${net}.30`],
    [40, `${net}.40`],
    [50, `${net}.10`],
  ] as const) {
    await db.row(setid, host);
  }
  await db.user(ALICE.user, ALICE.password);
  edge = await openPeer(`${net}.10`);
  media = await openPeer(`${net}.30`);
  outbound = await openPeer(`${net}.40`);
  taken = [answerAll(media, '200 OK'), answerAll(outbound, '486 Busy Here')];
  dispatcher = await startDispatcher(db, DISPATCHER);
});
after(async () => {
  for (const one of taken) one.stop();
  await dispatcher.kill();
  for (const peer of [edge, media, outbound]) await peer.close();
  await db.stop();
});

async function logged(callId: string): Promise<string[]> {
  const rows = await db.sql(
    `select method, sip_code, sip_reason, caller, callee, leg_of, to_tag from acc where callid = '${callId}' order by id`,
  );
  return rows.map((row) => Object.values(row).join(' | '));
}

async function end(name: string, seconds: number, callId = name): Promise<void> {
  const info = `end-of-${name}`;
  sendCall(edge, DISPATCHER, {
    callId: info,
    to: `sip:call-ended@${DISPATCHER}`,
    method: 'INFO',
    headers: [`X-Carna-Call: ${callId}`, `X-Carna-Duration: ${seconds}`],
  });
  assert.match((await finalAnswer(edge, info)).text, /^SIP\/2\.0 200 /);
}

test('start, answer and end of a call are logged, and a call record is made', async () => {
  await callWithPassword(edge, DISPATCHER, { callId: 'whole', to: BOB }, ALICE);
  await end('whole', 12);
  await end('whole', 12);
  await waitUntil('the call is logged', 15_000, async () => (await logged('whole')).length >= 3);
  assert.deepEqual(await logged('whole'), [
    'INVITE | 100 | start | alice@carna.test | sip:bob@carna.test | whole | ',
    'INVITE | 200 | answer | alice@carna.test | sip:bob@carna.test | whole | peer',
    'BYE | 200 | end | alice@carna.test | sip:bob@carna.test | whole | peer',
  ]);
  const records = await db.sql(
    "select caller, duration, extract(epoch from end_time - start_time)::int as long from acc_cdrs where callid = 'whole'",
  );
  assert.deepEqual(records, [{ caller: 'alice@carna.test', duration: 12, long: 12 }]);
});

test('the second leg of a call names the first; a failed one has its code', async () => {
  const headers = ['X-Carna-Call: whole'];
  sendCall(media, DISPATCHER, { callId: 'leg-b', to: BOB, headers });
  assert.match((await finalAnswer(media, 'leg-b')).text, /^SIP\/2\.0 486 /);
  await waitUntil('the leg is logged', 15_000, async () => (await logged('leg-b')).length >= 2);
  assert.deepEqual(await logged('leg-b'), [
    'INVITE | 100 | start | alice@carna.test | sip:bob@carna.test | whole | ',
    'INVITE | 486 | fail | alice@carna.test | sip:bob@carna.test | whole | ',
  ]);
});

test('no bytes of a caller break out of the log, or keep an event out of it', async () => {
  const callId = `it's"},{"x':--`;
  await callWithPassword(edge, DISPATCHER, { callId, to: "sip:b'--@carna.test" }, ALICE);
  const rows = async (): Promise<number> =>
    (await db.store.query({ text: 'select 1 from acc where callid = $1', values: [callId] }))
      .length;
  await waitUntil('the call is logged', 15_000, async () => (await rows()) >= 2);
});

test('no length keeps an event out of the log: it is cut to what the tables hold', async () => {
  const callId = `long-${'c'.repeat(3_000)}`;
  const to = `sip:${'b'.repeat(5_000)}@carna.test`;
  await callWithPassword(edge, DISPATCHER, { callId, to }, ALICE);
  await end('long', 1, callId);
  const kept = callId.slice(0, 255);
  await waitUntil('the call is logged', 15_000, async () => (await logged(kept)).length >= 3);
  assert.deepEqual(
    await logged(kept),
    ['INVITE | 100 | start', 'INVITE | 200 | answer', 'BYE | 200 | end'].map(
      (what, index) =>
        `${what} | alice@carna.test | ${to.slice(0, 255)} | ${kept} | ${index === 0 ? '' : 'peer'}`,
    ),
  );
});

test('while the database hangs every call of a known user is answered at once, and logged afterwards', async () => {
  const sent = new Map<string, number>();
  const late: string[] = [];
  const failed: string[] = [];
  const one = async (callId: string): Promise<void> => {
    sent.set(callId, performance.now());
    const answer = await callWithPassword(edge, DISPATCHER, { callId, to: BOB }, ALICE);
    const tookMs = performance.now() - (sent.get(callId) ?? 0);
    if (!answer.text.startsWith('SIP/2.0 200')) failed.push(callId);
    if (tookMs > ANSWER_MS) late.push(`${callId}: ${Math.round(tookMs)} ms`);
  };
  const calls: Promise<void>[] = [];
  // Names that only the database could know: whoever asks for them must hold up nobody else.
  const asked: Promise<string>[] = [];
  const stranger = async (callId: string): Promise<string> => {
    const call = { callId, from: 'nobody', to: BOB };
    const who = { user: 'nobody', password: 'x' };
    return (await callWithPassword(edge, DISPATCHER, call, who)).text.slice(8, 11);
  };
  db.signal('SIGSTOP');
  try {
    for (let i = 0; i < CALLS_PER_SECOND * FROZEN_SECONDS; i++) {
      calls.push(one(`frozen-${i}`));
      if (i % 4 === 0) asked.push(stranger(`stranger-${i}`));
      await wait(1_000 / CALLS_PER_SECOND);
    }
    await Promise.all(calls);
  } finally {
    db.signal('SIGCONT');
  }
  assert.deepEqual(failed, []);
  assert.deepEqual(late, []);
  assert.deepEqual([...new Set(await Promise.all(asked))], ['503']);
  await waitUntil('all of them are logged', 30_000, async () => {
    const rows = await db.sql(
      "select count(*)::int as n from acc where callid like 'frozen-%' and sip_reason = 'answer'",
    );
    return rows[0]?.['n'] === calls.length;
  });
});
