import assert from 'node:assert/strict';
import { test } from 'node:test';
import { carna } from './support.js';
import { contact, world } from './location-world.js';

const MANY = [
  contact('alice', '10.0.1.1'),
  contact('bob', '10.0.1.3', { expiresAtMs: null, userAgent: null, socket: null }),
  contact('carol', null, { received: 'sip:192.0.2.9:5060;transport=tcp' }),
];

const EDGES = [
  { address: '10.0.1.1:5060', contacts: 1_200 },
  { address: '192.0.2.1:5060', contacts: 2 },
  { address: null, contacts: 1 },
];

test('registrations: the totals, one line each, what the limit leaves out', async () => {
  const data = world(MANY, {}, { total: 1_203, users: 1_100, edges: EDGES });
  const { code, out } = await carna('registrations', data);
  assert.equal(code, 0);
  assert.equal(
    out,
    `1,203 contacts of 1,100 users · through lb-1 1,200, 192.0.2.1:5060 2, no edge 1 · durable copy
USER          CONTACT                     EDGE    EXPIRES    REGISTRAR  BY   USER AGENT
alice@a.test  sip:alice@192.168.1.5:5062  ● lb-1  in 58 min  reg-1      udp  Linphone/5.0
bob@a.test    sip:bob@192.168.1.5:5062    ○ lb-3  never                 udp
carol@a.test  sip:carol@192.168.1.5:5062  none    in 58 min  reg-1      tcp  Linphone/5.0
… 1,200 more; all: --limit, or a pattern like 'a*'
`,
  );
});

for (const columns of [60, 80, 120]) {
  test(`registrations and location never write wider than ${columns} columns`, async () => {
    const terminal = { columns, env: { NO_COLOR: '1' } };
    const data = world([...MANY, contact('alice', '10.0.1.3')], {}, { edges: EDGES });
    for (const line of ['registrations', 'location alice@a.test']) {
      const { out } = await carna(line, data, terminal);
      assert.ok(out.length > 100);
      for (const text of out.split('\n')) assert.ok([...text].length <= columns, text);
    }
  });
}

test('registrars that the table does not name have no column', async () => {
  const { out } = await carna(
    'registrations',
    world([contact('alice', '10.0.1.1', { socket: null })]),
  );
  assert.match(out, /\nUSER +CONTACT +EDGE +EXPIRES +BY +USER AGENT\n/);
});

test('registrations --json is whole', async () => {
  const data = world(MANY, {}, { total: 9, users: 8, edges: EDGES });
  const { out } = await carna('registrations --json --limit 2', data);
  const said = JSON.parse(out) as Record<string, unknown>;
  assert.deepEqual([said['total'], said['users']], [9, 8]);
  assert.equal((said['contacts'] as unknown[]).length, 2);
  assert.deepEqual(said['edges'], [
    { address: '10.0.1.1:5060', nodeId: 'lb-1', contacts: 1_200 },
    { address: '192.0.2.1:5060', nodeId: null, contacts: 2 },
    { address: null, nodeId: null, contacts: 1 },
  ]);
});

test('nothing registered is a no, with what to do next', async () => {
  const none = await carna('registrations', world([]));
  assert.deepEqual([none.code, none.out], [1, 'no phone is registered\n  next: carna user list\n']);
  const one = await carna('registrations alice@a.test', world([]));
  assert.match(
    one.out,
    /no registration matches alice@a\.test\n {2}next: carna location alice@a\.test/,
  );
});
