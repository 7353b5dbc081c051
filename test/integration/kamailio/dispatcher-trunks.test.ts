import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet } from '../../support/resources.js';
import type { Telephony } from './dispatcher-scene.js';
import { finalAnswer, sendCall, startDispatcher, startTelephony } from './dispatcher-scene.js';
import type { Node } from './platform.js';
import type { Received, SipPeer } from './sip-peer.js';
import { header, openPeer } from './sip-peer.js';

const net = loopbackNet();
const DISPATCHER = `${net}.20`;

let db: Telephony;
let dispatcher: Node;
let media: SipPeer;
/** The load-balancers stand for the trunks behind them: answers by the name of the trunk. */
let edges: readonly SipPeer[];
let answers: Record<string, readonly [string, ...string[]]> = {};
let timer: NodeJS.Timeout;
let offered: { readonly trunk: string; readonly edge: string; readonly invite: Received }[] = [];

before(async () => {
  db = await startTelephony();
  for (const [setid, host] of [
    [10, DISPATCHER],
    [30, `${net}.30`],
    [50, `${net}.10`],
    [50, `${net}.11`],
  ] as const) {
    await db.row(setid, host);
  }
  media = await openPeer(`${net}.30`);
  edges = [await openPeer(`${net}.10`), await openPeer(`${net}.11`)];
  const seen = edges.map(() => 0);
  timer = setInterval(
    () => edges.forEach((edge, i) => (seen[i] = answerTrunks(edge, seen[i] ?? 0))),
    2,
  );
  dispatcher = await startDispatcher(db, DISPATCHER);
});
after(async () => {
  clearInterval(timer);
  await dispatcher.kill();
  for (const peer of [media, ...edges]) await peer.close();
  await db.stop();
});

function answerTrunks(edge: SipPeer, from: number): number {
  let at = from;
  for (; at < edge.received.length; at++) {
    const invite = edge.received[at];
    if (invite === undefined || !invite.text.startsWith('INVITE ')) continue;
    const trunk = (header(invite.text, 'X-Carna-Trunk')[0] ?? '').replace(/;.*/, '');
    offered.push({ trunk, edge: edge.host, invite });
    const [status, ...headers] = answers[trunk] ?? ['200 OK'];
    edge.reply(invite, status, [...headers, `Contact: <sip:trunk@${edge.host}:5060>`]);
  }
  return at;
}

/** The trunks as given and no others, once the dispatcher has them: then calls to `probe` take that way. */
async function trunks(values: readonly string[], probe: string, expected: string): Promise<void> {
  answers = {};
  await db.sql(
    'begin; delete from carna.trunk; ' +
      values
        .map(
          (v) =>
            `insert into carna.trunk (name, host, prefix, priority, weight, cap, strip, add_prefix) values (${v})`,
        )
        .join('; ') +
      '; commit',
  );
  await waitUntil('the trunks are in use', 15_000, async () => {
    const { names } = await dial(probe);
    return names.includes(expected);
  });
}

let count = 0;
async function dial(
  number: string,
): Promise<{ names: string[]; status: string; text: string; invites: Received[] }> {
  const callId = `out-${count++}`;
  sendCall(media, DISPATCHER, { callId, to: `sip:${number}@carna.test` });
  const { text } = await finalAnswer(media, callId);
  const own = offered.filter(({ invite }) => header(invite.text, 'Call-ID')[0] === callId);
  return {
    names: own.map(({ trunk }) => trunk),
    invites: own.map(({ invite }) => invite),
    status: text.slice(8, 11),
    text,
  };
}

test('a call to a number leaves by the trunk of the longest prefix, through a load-balancer that counts it', async () => {
  await trunks(
    ["'all', '192.0.2.1', '', 0, 1, 0, 0, ''", "'german', '192.0.2.2', '+49', 0, 1, 7, 3, '00'"],
    '+4930555',
    'german',
  );
  const german = await dial('+4930123456');
  assert.deepEqual([german.status, german.names], ['200', ['german']]);
  const invite = german.invites[0];
  assert.match(invite?.text ?? '', /^INVITE sip:0030123456@192\.0\.2\.2:5060 SIP/);
  assert.deepEqual(header(invite?.text ?? '', 'X-Carna-Trunk'), ['german;cap=7']);
  assert.match(
    header(invite?.text ?? '', 'Route')[0] ?? '',
    new RegExp(`^<sip:${net}\\.1[01]:5060;lr>$`),
  );
  assert.deepEqual(header(invite?.text ?? '', 'Record-Route'), []);
  assert.deepEqual((await dial('+33199999')).names, ['all']);
});

test('the calls of a trunk are counted in one place: all leave by one load-balancer', async () => {
  offered = [];
  for (let i = 0; i < 10; i++) await dial(`+4930${1000 + i}`);
  const places = new Set(offered.filter(({ trunk }) => trunk === 'german').map(({ edge }) => edge));
  assert.equal(places.size, 1);
});

test('a trunk that fails hands the call to the next priority, and to a shorter prefix at last', async () => {
  await trunks(
    [
      "'first', '192.0.2.1', '+49', 10, 1, 0, 0, ''",
      "'second', '192.0.2.2', '+49', 5, 1, 0, 1, ''",
      "'rest', '192.0.2.3', '', 0, 1, 0, 0, ''",
    ],
    '+4930555',
    'first',
  );
  assert.deepEqual((await dial('+4930555')).names, ['first']);
  answers = { first: ['503 Service Unavailable'] };
  const second = await dial('+4930555');
  assert.deepEqual([second.status, second.names], ['200', ['first', 'second']]);
  assert.match(second.invites[1]?.text ?? '', /^INVITE sip:4930555@192\.0\.2\.2:5060 /);
  assert.equal(header(second.invites[1]?.text ?? '', 'Route').length, 1);
  assert.deepEqual(header(second.invites[1]?.text ?? '', 'X-Carna-Trunk'), ['second;cap=0']);
  answers = { first: ['500 Oops'], second: ['408 Request Timeout'] };
  assert.deepEqual((await dial('+4930555')).names, ['first', 'second', 'rest']);
  const moved = ['302 Moved Temporarily', 'Contact: <sip:+1900555@carna.test>'] as const;
  for (const failure of [moved, ['478 Unresolvable destination'], ['477 Unfortunately']] as const) {
    answers = { first: failure };
    const next = await dial('+4930555');
    assert.deepEqual([next.status, next.names], ['200', ['first', 'second']], failure[0]);
  }
  answers = { first: moved, second: moved, rest: moved };
  const none = await dial('+4930555');
  assert.deepEqual([none.status, none.names], ['480', ['first', 'second', 'rest']]);
  assert.deepEqual(header(none.text, 'Contact'), []);
  answers = { first: ['486 Busy Here'] };
  const busy = await dial('+4930555');
  assert.deepEqual([busy.status, busy.names], ['486', ['first']]);
});

/** What the media node hears of a call that the trunk `first` lets ring and then refuses. */
async function refusedAfterRinging(
  callId: string,
  ...refusal: [string, ...string[]]
): Promise<string> {
  answers = { first: ['180 Ringing'] };
  sendCall(media, DISPATCHER, { callId, to: 'sip:+4930555@carna.test' });
  await media.until(new RegExp(`^SIP/2\\.0 180 [^]*${callId}`));
  const given = offered.find(({ invite }) => header(invite.text, 'Call-ID')[0] === callId);
  assert.ok(given);
  const [status, ...headers] = refusal;
  edges.find(({ host }) => host === given.edge)?.reply(given.invite, status, headers);
  return (await finalAnswer(media, callId)).text;
}

test('a trunk that rings and then sends the call elsewhere is not followed', async () => {
  const moved = ['302 Moved Temporarily', 'Contact: <sip:+1900555@carna.test>'] as const;
  const text = await refusedAfterRinging('rings-and-moves', ...moved);
  assert.deepEqual([text.slice(8, 11), header(text, 'Contact')], ['480', []]);
});

test('a trunk that rings and then gives up is not taken for silent, at which a media node calls again', async () => {
  const text = await refusedAfterRinging('rings-in-vain', '408 Request Timeout');
  assert.equal(text.slice(8, 11), '480');
});

test('when every trunk is full the caller hears so; when one failed otherwise it does not', async () => {
  const full = ['503 Trunk Full', 'X-Carna-Reason: cap'] as const;
  answers = { first: full, second: full, rest: full };
  const busy = await dial('+4930555');
  assert.deepEqual([busy.status, busy.names], ['480', ['first', 'second', 'rest']]);
  assert.deepEqual(header(busy.text, 'Reason'), ['SIP;cause=480;text="All Trunks Busy"']);
  answers = { first: full, second: ['503 Service Unavailable'], rest: full };
  const failed = await dial('+4930555');
  assert.deepEqual([failed.status, header(failed.text, 'Reason')], ['480', []]);
  answers = {};
});

test('trunks of one rank share the calls as their weights say', async () => {
  await trunks(
    ["'big', '192.0.2.1', '', 0, 3, 0, 0, ''", "'small', '192.0.2.2', '', 0, 1, 0, 0, ''"],
    '+4930555',
    'small',
  );
  offered = [];
  const calls = 200;
  for (let i = 0; i < calls; i++) await dial('+4930555');
  const big = offered.filter(({ trunk }) => trunk === 'big').length;
  // 3 of 4 expected: 150, and six times the standard deviation of fair draws.
  assert.ok(Math.abs(big - 150) < 37, `${big} of ${calls} calls`);
  answers = { big: ['503 Service Unavailable'] };
  const one = await dial('+4930555');
  assert.equal(one.status, '200');
});

test('a number that no trunk carries is told so', async () => {
  await trunks(["'german', '192.0.2.2', '49', 0, 1, 0, 0, ''"], '+4930555', 'german');
  assert.equal((await dial('+33199999')).status, '404');
});

test('with the database away trunks are used as before', async () => {
  db.signal('SIGKILL');
  try {
    assert.deepEqual((await dial('+4930555')).names, ['german']);
  } finally {
    await db.start();
  }
  await trunks(["'other', '192.0.2.2', '49', 0, 1, 0, 0, ''"], '+4930555', 'other');
});

test('the last trunk can go', async () => {
  await db.sql('delete from carna.trunk');
  await waitUntil(
    'no trunk is left',
    15_000,
    async () => (await dial('+4930555')).status === '404',
  );
});
