import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import type { Callers } from './callers-scene.js';
import { ALICE, BOB, DISPATCHER, startCallers, status } from './callers-scene.js';
import type { Telephony } from './dispatcher-scene.js';
import { callWithPassword, finalAnswer, sendCall } from './dispatcher-scene.js';
import type { Node } from './platform.js';
import type { SipPeer } from './sip-peer.js';

let scene: Callers;
let db: Telephony;
let dispatcher: Node;
let edge: SipPeer;

before(async () => {
  scene = await startCallers();
  ({ db, dispatcher, edge } = scene);
});
after(() => scene.stop());

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

test('no bytes of a name, and no question that PostgreSQL refuses, let anybody take it for away', async () => {
  const named = async (callId: string, user: string): Promise<string> =>
    status(
      (
        await callWithPassword(
          edge,
          DISPATCHER,
          { callId, from: 'nobody', to: BOB },
          { user, password: 'x' },
        )
      ).text,
    );
  assert.equal(await named('name-nul', 'a\0b'), '400', 'no head holds a NUL');
  assert.equal(await named('name-no-utf8', 'a\xff'), '403');
  assert.equal(await named('name-quote', "a'"), '403');
  assert.equal(await named('name-before', 'nobody'), '403');
  await db.sql('revoke select on carna.credential from carna_dispatcher');
  assert.equal(await named('name-refused', 'nobody'), '503');
  await db.sql('grant select on carna.credential to carna_dispatcher');
  assert.equal(await named('name-after', 'nobody'), '403', 'who knows is asked at once');
  assert.doesNotMatch(readFileSync(dispatcher.logFile, 'utf8'), /database does not answer/);
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
