import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import type { Callers } from './callers-scene.js';
import { ALICE, BOB, DISPATCHER, EDGE, SECOND, startCallers, status } from './callers-scene.js';
import {
  answerTo,
  callWithPassword,
  finalAnswer,
  sendCall,
  startDispatcher,
} from './dispatcher-scene.js';
import type { SipPeer } from './sip-peer.js';
import { header } from './sip-peer.js';

let scene: Callers;
let edge: SipPeer;
let stranger: SipPeer;

before(async () => {
  scene = await startCallers();
  ({ edge, stranger } = scene);
});
after(() => scene.stop());

const inviteOf = (callId: string): string => scene.inviteOf(callId);

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
  const second = await startDispatcher(scene.db, SECOND);
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
  assert.equal(await call('in-1', `sip:+4930111222@${EDGE}`), '200');
  assert.match(inviteOf('in-1'), /^INVITE sip:alice@carna\.test /);
  assert.deepEqual(header(inviteOf('in-1'), 'X-Carna-User'), ['trunk:carrier']);
  assert.equal(await call('in-2', `sip:4930111222@${EDGE}:5060`), '200');
  assert.equal(await call('in-3', `sip:+33155555@${EDGE}`), '404');
  assert.equal(await call('in-4', `sip:echo@${EDGE}`), '200');
  assert.match(inviteOf('in-4'), /^INVITE sip:echo@carna\.test /);
  assert.equal(await call('in-5', `sip:ct_${'0'.repeat(32)}@carna.test`), '403');
});

test('an escaped character in a request URI is the character: it hides no number and no name', async () => {
  const src = '192.0.2.99:5080';
  const call = async (callId: string, user: string): Promise<string> => {
    sendCall(edge, DISPATCHER, { callId, to: `sip:${user}@${EDGE}`, src, from: '+33199' });
    return status((await finalAnswer(edge, callId)).text);
  };
  assert.equal(await call('in-6', '%2B33155555'), '404');
  assert.equal(await call('in-7', '%2B4930111222'), '200');
  assert.match(inviteOf('in-7'), /^INVITE sip:alice@carna\.test /);
  assert.equal(await call('in-8', '%63onf-room'), '200');
  assert.deepEqual(header(inviteOf('in-8'), 'X-Carna-Room'), ['room']);
  assert.equal(await call('in-9', `%63t_${'0'.repeat(32)}`), '403');
  assert.equal(await call('in-10', '*21%23'), '200');
  assert.match(inviteOf('in-10'), /^INVITE sip:\*21#@carna\.test /);
});

test('escapes that hide a second escape, the end of the name or no text at all are refused', async () => {
  const src = '192.0.2.99:5080';
  const users = [
    '%252B33155555',
    'a%40evil.test',
    'a%00',
    'a%0d%0a',
    'a%7f',
    'a%C3%BC',
    'a%4',
    'a%zz',
    '%',
  ];
  for (const [i, user] of users.entries()) {
    const callId = `escaped-${i}`;
    sendCall(edge, DISPATCHER, { callId, to: `sip:${user}@${EDGE}`, src, from: '+33199' });
    assert.equal(status((await finalAnswer(edge, callId)).text), '400', user);
    assert.equal(inviteOf(callId), '', user);
  }
});

test('a call to nobody is refused: a media node would call whom its To names', async () => {
  const src = '192.0.2.99:5080';
  sendCall(edge, DISPATCHER, { callId: 'no-name', to: `sip:${EDGE}`, src, from: '+33199' });
  assert.equal(status((await finalAnswer(edge, 'no-name')).text), '484');
  assert.equal(inviteOf('no-name'), '');
});

test('a phone dials by escapes as without them', async () => {
  const to = `sip:%2B4930111222@${EDGE}`;
  const answer = await callWithPassword(edge, DISPATCHER, { callId: 'escaped', to }, ALICE);
  assert.equal(status(answer.text), '200');
  assert.match(inviteOf('escaped'), /^INVITE sip:alice@carna\.test /);
});
