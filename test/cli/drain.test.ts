import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IntentRecord } from '../../src/topology/node.js';
import { ServerUnavailableError } from '../../src/util/errors.js';
import { keepingIntents } from './keeping-intents.js';
import * as p from './support.js';

test('drain says what it does to calls, asks, and writes the intent', async () => {
  const { data, intents } = keepingIntents();
  const { code, out } = await p.carna('drain media-1 --why update --deadline 30m', data, {
    columns: 100,
    input: 'y\n',
  });
  assert.equal(
    out,
    `media-1 (media) takes no new calls; the other nodes of its role get them.
It waits up to 30 min for the 61 calls on it; what is left then is lost when the server is stopped.
Set 30 keeps 2 media nodes for 183 calls, room for 1,600 with 25 % headroom.
Drain media-1? [y/N] media-1: drain asked. Progress: carna drain media-1 --wait. Undo: carna undrain media-1
`,
  );
  assert.equal(code, 0);
  assert.deepEqual(intents.get('media-1'), {
    ...{ schema: 1, nodeId: 'media-1', want: 'drain', by: 'bob', why: 'update', since: p.NOW },
    ...{ deadline: p.NOW + 30 * 60_000, now: false },
  });
});

for (const input of ['n\n', '\n', '']) {
  test(`drain answered with ${JSON.stringify(input)} changes nothing`, async () => {
    const { data, intents } = keepingIntents();
    const { code, err, listeners } = await p.carna('drain media-1', data, { columns: 80, input });
    assert.deepEqual([code, err, intents.size, listeners], [1, 'nothing was changed\n', 0, 0]);
  });
}

test('where nobody can be asked, --yes is needed', async () => {
  const { data, intents } = keepingIntents();
  const refused = await p.carna('drain media-1', data);
  assert.equal(refused.code, 2);
  assert.match(refused.err, /expected a terminal or --yes, found neither/);
  assert.equal(intents.size, 0);
  const { code } = await p.carna('drain media-1 --yes', data);
  assert.deepEqual([code, intents.size], [0, 1]);
});

test('an unknown node is answered with those that exist, the closest first', async () => {
  const { code, err } = await p.carna('drain medai-2 --yes');
  assert.equal(code, 1);
  assert.match(err, /no node is called medai-2\n {2}there are: media-2, /);
});

/** One media node that is up, with 61 calls on it. */
const LAST = [p.LB, p.DISP1, p.DISP2, p.MEDIA1, { ...p.MEDIA2, state: 'down' as const }];

test('the last node of a role that is up is kept by a guard, but for --force', async () => {
  const { data, intents } = keepingIntents({
    readTopology: async () => p.topology({ nodes: LAST }),
  });
  const refused = await p.carna('drain media-1 --yes', data);
  assert.deepEqual(
    [refused.code, refused.err, refused.out, intents.size],
    [
      4,
      `refused (exit 4): set 30 would keep no media nodes for new calls, at least 1 is asked for.
Nothing was changed. Bring another media node up first, or: carna drain media-1 --force
`,
      '',
      0,
    ],
  );
  const forced = await p.carna('drain media-1 --yes --force', data);
  assert.match(forced.out, /--force although set 30 would keep no media nodes for new calls/);
  assert.deepEqual([forced.code, intents.size], [0, 1]);
});

test('a drain that leaves too little room is refused with numbers', async () => {
  const { data, intents } = keepingIntents({
    readAgentHealth: async () => ({ nodeId: null, state: 'up', calls: 600, drain: null }),
  });
  const refused = await p.carna('drain media-1 --yes', data);
  assert.match(
    refused.err,
    /set 30 would keep 2 media nodes for 1,800 calls, room for 1,600 with the 25 % headroom asked for\./,
  );
  assert.deepEqual([refused.code, intents.size], [4, 0]);
  assert.equal((await p.carna('drain media-1 --yes --headroom 10', data)).code, 0);
});

test('floor and headroom come from the environment, the command line says otherwise', async () => {
  const { data, intents } = keepingIntents();
  const env = { CARNA_DRAIN_FLOOR: '3', CARNA_DRAIN_HEADROOM_PERCENT: '0' };
  const refused = await p.carna('drain media-1 --yes', data, { env });
  assert.match(refused.err, /would keep 2 media nodes for new calls, at least 3 are asked for/);
  assert.deepEqual([refused.code, intents.size], [4, 0]);
  const allowed = await p.carna('drain media-1 --yes --floor 2', data, { env });
  assert.match(allowed.out, /room for 2,000 with 0 % headroom/);
  assert.equal(allowed.code, 0);
});

for (const wrong of ['--floor -1', '--floor x', '--headroom 1001', '--headroom 2.5']) {
  test(`drain ${wrong} is wrong use`, async () => {
    const { code, err } = await p.carna(`drain media-1 --yes ${wrong}`, keepingIntents().data);
    assert.equal(code, 2);
    assert.match(err, /expected a whole number from 0 to/);
  });
}

test('nodes whose calls nobody knows are told before the question', async () => {
  const { data } = keepingIntents({
    readAgentHealth: async (http) => {
      if (http.startsWith('10.0.3.2:')) throw new ServerUnavailableError('no answer');
      return { nodeId: null, state: 'up', calls: 5, drain: null };
    },
  });
  const { out } = await p.carna('drain media-1 --yes', data);
  assert.match(out, /Calls of 1 node are unknown\./);
});

test('a node that drains already is not refused another deadline', async () => {
  const present = p.intent('media-1');
  const { data, intents } = keepingIntents(
    { readTopology: async () => p.topology({ nodes: LAST, intents: p.byId([present]) }) },
    [present],
  );
  assert.equal((await p.carna('drain media-1 --deadline 10m --yes', data)).code, 0);
  assert.equal(intents.get('media-1')?.deadline, p.NOW + 600_000);
});

test('--json carries the numbers of the guard, refused or not', async () => {
  const { data } = keepingIntents({ readTopology: async () => p.topology({ nodes: LAST }) });
  const refused = await p.carna('drain media-1 --yes --json', data);
  const numbers = {
    ...{ role: 'media', setids: [30], remaining: 0, floor: 1, calls: 122, nodesUnread: 0 },
    ...{ room: null, roomWithHeadroom: null, headroomPercent: 25 },
  };
  assert.deepEqual(JSON.parse(refused.out), {
    ...{ schema: 1, nodeId: 'media-1', did: 'refused', intent: null },
    check: { kind: 'refused', isForced: false, ...numbers },
  });
  const forced = await p.carna('drain media-1 --yes --json --force', data);
  const { check } = JSON.parse(forced.out) as { check: unknown };
  assert.deepEqual(check, { kind: 'refused', isForced: true, ...numbers });
});

test('a second drain changes nothing; --now alone keeps who, why and since', async () => {
  const { data, intents } = keepingIntents({}, [p.intent('media-1')]);
  const again = await p.carna('drain media-1', data);
  assert.equal(again.code, 0);
  assert.match(again.out, /drain was asked 60 s ago by ann: kernel update, deadline in 46 min/);
  const before = intents.get('media-1');
  await p.carna('drain media-1 --now --yes', data);
  assert.deepEqual(intents.get('media-1'), { ...before, now: true });
});

test('drain --json prints the intent and does not talk', async () => {
  const { data } = keepingIntents();
  const { out } = await p.carna('drain media-1 --yes --json --by ann', data);
  const line = JSON.parse(out) as { did: string; intent: IntentRecord };
  assert.deepEqual([line.did, line.intent.by], ['asked', 'ann']);
});
