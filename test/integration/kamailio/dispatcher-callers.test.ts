import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet } from '../../support/resources.js';
import type { Telephony } from './dispatcher-scene.js';
import {
  answerAll,
  answerTo,
  callWithPassword,
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
const SECOND = `${net}.21`;
const BOB = 'sip:bob@carna.test';
const ALICE = { user: 'alice', password: 'wonderland' };

let db: Telephony;
let dispatcher: Node;
let edge: SipPeer;
let stranger: SipPeer;
let media: SipPeer;
let taken: ReturnType<typeof answerAll>;

before(async () => {
  db = await startTelephony();
  for (const [setid, host] of [
    [10, DISPATCHER],
    [10, SECOND],
    [30, `${net}.30`],
    [50, `${net}.10`],
  ] as const) {
    await db.row(setid, host);
  }
  await db.user(ALICE.user, ALICE.password);
  await db.sql(
    "insert into carna.trunk (name, host, source) values ('carrier', '192.0.2.99', true)",
  );
  await db.sql(
    "insert into dbaliases (alias_username, alias_domain, username, domain) values ('+4930111222', 'carna.test', 'alice', 'carna.test')",
  );
  edge = await openPeer(`${net}.10`);
  stranger = await openPeer(`${net}.99`);
  media = await openPeer(`${net}.30`);
  taken = answerAll(media, '200 OK');
  dispatcher = await startDispatcher(db, DISPATCHER);
});
after(async () => {
  taken.stop();
  await dispatcher.kill();
  for (const peer of [edge, stranger, media]) await peer.close();
  await db.stop();
});

const inviteOf = (callId: string): string =>
  taken.invites.find(({ text }) => header(text, 'Call-ID')[0] === callId)?.text ?? '';
const status = (text: string): string => text.slice(8, 11);

test('a caller is asked for a password; with it the call goes to a media node that is told who calls', async () => {
  sendCall(edge, DISPATCHER, { callId: 'plain', to: BOB });
  const challenge = await finalAnswer(edge, 'plain');
  assert.match(
    challenge.text,
    /^SIP\/2\.0 407 [^]*Proxy-Authenticate: Digest realm="carna\.test"[^]*qop="auth"/,
  );
  assert.doesNotMatch(challenge.text, /stale=true/i);
  const answer = await callWithPassword(edge, DISPATCHER, { callId: 'known', to: BOB }, ALICE);
  assert.equal(status(answer.text), '200');
  const invite = inviteOf('known');
  assert.deepEqual(header(invite, 'X-Carna-User'), ['alice@carna.test']);
  assert.deepEqual(header(invite, 'X-Carna-Call'), ['known']);
  assert.deepEqual(header(invite, 'X-Carna-Back'), [`sip:${DISPATCHER}:5060`]);
  assert.deepEqual(header(invite, 'P-Asserted-Identity'), ['<sip:alice@carna.test>']);
  assert.deepEqual(header(invite, 'Proxy-Authorization'), []);
  assert.deepEqual(header(invite, 'Record-Route'), []);
});

test('a wrong password and an unknown name get the very same answer', async () => {
  const wrong = { user: 'alice', password: 'looking-glass' };
  const nobody = { user: 'nobody', password: 'x' };
  const one = await callWithPassword(edge, DISPATCHER, { callId: 'wrong', to: BOB }, wrong);
  const other = await callWithPassword(
    edge,
    DISPATCHER,
    { callId: 'nobody', from: 'nobody', to: BOB },
    nobody,
  );
  assert.match(one.text, /^SIP\/2\.0 403 Forbidden\r\n/);
  const shape = (text: string): string =>
    text.replaceAll(/nobody|alice|wrong|(?:tag|branch)=\S+/g, '·');
  assert.equal(shape(other.text), shape(one.text));
});

test('a replayed answer to a challenge is asked again and told that its nonce is stale', async () => {
  sendCall(edge, DISPATCHER, { callId: 'replay', to: BOB });
  const challenge = await finalAnswer(edge, 'replay');
  const headers = [answerTo(challenge.text, BOB, { ...ALICE, nc: 1 })];
  sendCall(edge, DISPATCHER, { callId: 'replay', to: BOB, cseq: 2, headers });
  assert.equal(status((await finalAnswer(edge, 'replay', 2)).text), '200');
  sendCall(edge, DISPATCHER, { callId: 'replay-2', to: BOB, cseq: 3, headers });
  assert.match((await finalAnswer(edge, 'replay-2', 3)).text, /^SIP\/2\.0 407 [^]*stale=true/i);
});

test('a phone that does not count uses of a nonce can use each nonce once', async () => {
  sendCall(edge, DISPATCHER, { callId: 'old-phone', to: BOB });
  const headers = [answerTo((await finalAnswer(edge, 'old-phone')).text, BOB, ALICE)];
  sendCall(edge, DISPATCHER, { callId: 'old-phone', to: BOB, cseq: 2, headers });
  assert.equal(status((await finalAnswer(edge, 'old-phone', 2)).text), '200');
  sendCall(edge, DISPATCHER, { callId: 'old-phone-2', to: BOB, cseq: 3, headers });
  assert.match((await finalAnswer(edge, 'old-phone-2', 3)).text, /^SIP\/2\.0 407 [^]*stale=true/i);
});

test('a nonce of another dispatcher is no wrong password', async () => {
  const second = await startDispatcher(db, SECOND);
  try {
    sendCall(edge, SECOND, { callId: 'foreign', to: BOB });
    const challenge = await finalAnswer(edge, 'foreign');
    const headers = [answerTo(challenge.text, BOB, { ...ALICE, nc: 1 })];
    sendCall(edge, DISPATCHER, { callId: 'foreign', to: BOB, cseq: 2, headers });
    assert.match((await finalAnswer(edge, 'foreign', 2)).text, /^SIP\/2\.0 407 [^]*stale=true/i);
    // Two are in service now: a media node is told of the other as well.
    let round = 0;
    await waitUntil('a media node is told of the second dispatcher', 10_000, async () => {
      const callId = `two-ways-${round++}`;
      await callWithPassword(edge, DISPATCHER, { callId, to: BOB }, ALICE);
      return header(inviteOf(callId), 'X-Carna-Back-2')[0] === `sip:${SECOND}:5060`;
    });
  } finally {
    await second.kill();
  }
});

test('what a caller says of the inside or of its identity is not believed', async () => {
  const headers = [
    'X-Carna-User: root@carna.test',
    'X-Carna-Room: secret',
    'P-Asserted-Identity: <sip:root@carna.test>',
    'Remote-Party-ID: <sip:root@carna.test>',
    'Privacy: id',
  ];
  await callWithPassword(edge, DISPATCHER, { callId: 'spoof', to: BOB, headers }, ALICE);
  const invite = inviteOf('spoof');
  assert.deepEqual(header(invite, 'X-Carna-User'), ['alice@carna.test']);
  assert.deepEqual(header(invite, 'X-Carna-Room'), []);
  assert.deepEqual(header(invite, 'P-Asserted-Identity'), ['<sip:alice@carna.test>']);
  assert.deepEqual(header(invite, 'Remote-Party-ID'), []);
  assert.deepEqual(header(invite, 'Privacy'), ['id']);
});

test('nobody calls by the name of another, but by an alias of its own', async () => {
  const as = async (callId: string, from: string): Promise<string> =>
    status((await callWithPassword(edge, DISPATCHER, { callId, from, to: BOB }, ALICE)).text);
  assert.equal(await as('as-root', 'root'), '403');
  assert.equal(await as('as-number', '+4930111222'), '200');
});

test('who is none of our nodes is refused, whatever it says of its source', async () => {
  sendCall(stranger, DISPATCHER, { callId: 'stranger', to: BOB, src: '192.0.2.99:5060' });
  assert.equal(status((await finalAnswer(stranger, 'stranger')).text), '403');
  const info = { callId: 'stranger-end', to: 'sip:call-ended@carna.test', method: 'INFO' };
  sendCall(stranger, DISPATCHER, { ...info, headers: ['X-Carna-Call: known'] });
  assert.equal(status((await finalAnswer(stranger, 'stranger-end')).text), '403');
});

test('a trunk is known by its address: its calls reach users by their numbers, and no other number', async () => {
  const src = '192.0.2.99:5080';
  const call = async (callId: string, to: string): Promise<string> => {
    sendCall(edge, DISPATCHER, { callId, to, src, from: '+33199' });
    return status((await finalAnswer(edge, callId)).text);
  };
  assert.equal(await call('in-1', `sip:+4930111222@${net}.10`), '200');
  assert.match(inviteOf('in-1'), /^INVITE sip:alice@carna\.test /);
  assert.deepEqual(header(inviteOf('in-1'), 'X-Carna-User'), ['trunk:carrier']);
  assert.equal(await call('in-2', `sip:4930111222@${net}.10:5060`), '200');
  assert.equal(await call('in-3', `sip:+33155555@${net}.10`), '404');
  assert.equal(await call('in-4', `sip:echo@${net}.10`), '200');
  assert.match(inviteOf('in-4'), /^INVITE sip:echo@carna\.test /);
  assert.equal(await call('in-5', `sip:ct_${'0'.repeat(32)}@carna.test`), '403');
});

test('users, passwords and sources change within moments, without a reload', async () => {
  const carol = { user: 'carol', password: 'first' };
  const dial = async (callId: string, password: string): Promise<string> =>
    status(
      (
        await callWithPassword(
          edge,
          DISPATCHER,
          { callId, from: 'carol', to: BOB },
          { ...carol, password },
        )
      ).text,
    );
  assert.equal(await dial('carol-0', 'first'), '403');
  await db.user('carol', 'first');
  assert.equal(await dial('carol-1', 'first'), '200', 'a new user, at the very next call');
  await db.user('carol', 'second');
  assert.equal(await dial('carol-2', 'second'), '200', 'a new password, at the very next call');
  let round = 0;
  await waitUntil(
    'the old password is refused',
    10_000,
    async () => (await dial(`old-${round++}`, 'first')) === '403',
  );
  await db.sql("delete from subscriber where username = 'carol'");
  await waitUntil(
    'the user is gone',
    10_000,
    async () => (await dial(`gone-${round++}`, 'second')) === '403',
  );
  await db.sql("delete from carna.trunk where name = 'carrier'");
  await waitUntil('the trunk is asked for a password', 10_000, async () => {
    const callId = `src-${round++}`;
    sendCall(edge, DISPATCHER, { callId, to: 'sip:echo@carna.test', src: '192.0.2.99:5060' });
    return status((await finalAnswer(edge, callId)).text) === '407';
  });
});

test('thousands of users at once are known, and forgotten, within moments', async () => {
  const isKnown = (n: number): Promise<boolean> =>
    dispatcher.rpc('htable.get', 'credential', `bulk-${n}@carna.test`).then(
      (text) => text.includes(`bulk-${n}@`),
      () => false,
    );
  await db.sql(
    'insert into subscriber (username, domain, ha1) ' +
      "select 'bulk-' || n, 'carna.test', md5(n::text) from generate_series(1, 3000) as n",
  );
  await waitUntil(
    'the first and the last are known',
    15_000,
    async () => (await isKnown(1)) && (await isKnown(3000)),
  );
  await db.sql("delete from subscriber where username like 'bulk-%'");
  await waitUntil(
    'they are forgotten',
    15_000,
    async () => !(await isKnown(1)) && !(await isKnown(3000)),
  );
});

test('with the database frozen or dead known users call, unknown ones are told to try later', async () => {
  const nobody = { user: 'nobody', password: 'x' };
  const known = async (callId: string): Promise<string> =>
    status((await callWithPassword(edge, DISPATCHER, { callId, to: BOB }, ALICE)).text);
  const unknown = async (callId: string): Promise<string> =>
    (await callWithPassword(edge, DISPATCHER, { callId, from: 'nobody', to: BOB }, nobody)).text;
  for (const [name, signal] of [
    ['frozen', 'SIGSTOP'],
    ['dead', 'SIGKILL'],
  ] as const) {
    db.signal(signal);
    assert.match(await unknown(`${name}-unknown`), /^SIP\/2\.0 503 [^]*Retry-After: /);
    assert.equal(await known(`${name}-known`), '200');
    assert.match(await unknown(`${name}-unknown-2`), /^SIP\/2\.0 503 [^]*Retry-After: /);
    if (signal === 'SIGSTOP') db.signal('SIGCONT');
    else await db.start();
    let round = 0;
    await waitUntil('the database is asked again', 30_000, async () =>
      (await unknown(`${name}-back-${round++}`)).startsWith('SIP/2.0 403'),
    );
  }
});
