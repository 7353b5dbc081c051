import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegistryNotSentError, StoreUnavailableError } from '../../src/util/errors.js';
import { carna, NOW, topology } from './support.js';
import { LB2, contact, world } from './location-world.js';

test('where a phone is: the answer first, the way, what a call does', async () => {
  const data = world([contact('alice', '10.0.1.1', { q: 0.5 })]);
  const { code, out, err } = await carna('location alice@a.test', data);
  assert.deepEqual([code, err], [0, '']);
  assert.equal(
    out,
    `alice@a.test (+442079460123) is registered at 1 phone.

sip:alice@192.168.1.5:5062   Linphone/5.0
   way        → edge ● up lb-1 (10.0.1.1:5060) → 198.51.100.7:40000 over UDP
   path       <sip:10.0.1.1:5060;lr;received=sip:198.51.100.7:40000>
   registered 42 s ago at reg-1, expires in 58 min
   q          0.5

A call to alice@a.test now: outbound → edge ● lb-1 → 198.51.100.7:40000 over UDP

from the durable copy, which a registrar writes before it says 200 OK; read just now
`,
  );
});

test('several phones ring together, those of a lower q after them', async () => {
  const data = world([
    contact('alice', '10.0.1.1'),
    contact('alice', '10.0.1.2', { contact: 'sip:alice@192.168.1.6' }),
    contact('alice', null, { q: 0.25, received: 'sip:192.0.2.9:5060;transport=tcp' }),
    contact('alice', '192.0.2.1', { q: null }),
  ]);
  const { code, out } = await carna('location sip:alice@A.test', data);
  assert.equal(code, 0);
  assert.match(out, /is registered at 4 phones\./);
  assert.match(out, /now: outbound → edge ● lb-1 → [^;\n]*; and outbound → edge ● lb-2 → /);
  assert.match(out, /When none of these answers: outbound → 192\.0\.2\.9:5060 over TCP\n/);
  assert.match(out, /When none of these answers: outbound → edge 192\.0\.2\.1:5060 → /);
  assert.match(out, /An edge that is no node here may be of another data centre/);
});

test('a phone whose edge does not run is found and not reached: exit code 1', async () => {
  const { code, out } = await carna('location alice@a.test', world([contact('alice', '10.0.1.3')]));
  assert.equal(code, 1);
  assert.match(out, /edge ○ down lb-3 \(10\.0\.1\.3:5060\)/);
  assert.match(out, /its edge is down, the call fails until that edge runs again on its address/);
  assert.match(out, /Next: carna explain lb-3/);
});

test('a silent edge is one that vanished without a goodbye and still has rows', async () => {
  const data = world([contact('alice', '10.0.1.1')], {
    readTopology: async () => topology({ nodes: [LB2] }),
    readTable: async () => [
      {
        setid: 50,
        destination: 'sip:10.0.1.1:5060',
        flags: 8,
        priority: 0,
        attrs: '',
        description: 'carna:lb-1',
      },
    ],
  });
  const { code, out } = await carna('location alice@a.test', data);
  assert.match(out, /edge \? silent lb-1/);
  assert.equal(code, 1);
});

test('known but not registered: since when, and what to do', async () => {
  const expired = contact('alice', '10.0.1.1', {
    expiresAtMs: NOW - 1,
    registeredAtMs: NOW - 180_000,
  });
  const { code, out } = await carna('location alice@a.test', world([expired]));
  assert.equal(code, 1);
  assert.match(
    out,
    /^alice@a\.test \(\+442079460123\) is known but not registered; its last registration came 3 min ago\.\n/,
  );
  assert.match(out, /A call to alice@a\.test now: 480 \(known but not registered\)\./);
  assert.match(
    out,
    /Next: let the phone register; if it tries and is refused: carna user passwd alice@a\.test/,
  );
  assert.doesNotMatch(out, /192\.168/);
  const all = await carna('location alice@a.test --all', world([expired]));
  assert.equal(all.code, 1);
  assert.match(all.out, /expires expired 1 ms ago/);
  const never = await carna('location alice@a.test', world([]));
  assert.match(never.out, /is known but not registered\.\n/);
});

test('an unknown user: who there is, and what to do', async () => {
  const { code, out, err } = await carna('location alcie@a.test', world([]));
  assert.deepEqual([code, out], [1, '']);
  assert.match(
    err,
    /there is no user alcie@a\.test\n {2}there are: alice@a\.test\n {2}next: carna user list/,
  );
});

test('the phones of a user that was removed are told as such', async () => {
  const { code, out } = await carna('location bob@a.test', world([contact('bob', '10.0.1.1')]));
  assert.equal(code, 0);
  assert.match(out, /^bob@a\.test is registered at 1 phone, but is no user any more/);
  assert.match(out, /Next: carna user add bob@a\.test/);
});

test('a number is asked for like a user; one that nobody has is a no', async () => {
  const data = world([contact('alice', '10.0.1.1')]);
  const { code, out } = await carna('location +442079460123', data);
  assert.equal(code, 0);
  assert.match(out, /^alice@a\.test, who has \+442079460123, is registered at 1 phone\./);
  const none = await carna('location +4912345', data);
  assert.deepEqual([none.code, none.out], [1, '']);
  assert.match(none.err, /no user has the number \+4912345\n {2}next: carna trunk list \+4912345/);
});

test('location --json is whole: status, contacts, edge, phone', async () => {
  const { out } = await carna(
    'location alice@a.test --json',
    world([contact('alice', '10.0.1.3')]),
  );
  const { contacts, ...rest } = JSON.parse(out) as { contacts: Record<string, unknown>[] };
  assert.deepEqual(rest, {
    schema: 1,
    cluster: 'prod',
    dc: 'dc1',
    asOfMs: NOW,
    nodesError: null,
    asked: 'alice@a.test',
    aor: 'alice@a.test',
    status: 'registered',
    numbers: ['+442079460123'],
  });
  assert.deepEqual(contacts, [
    {
      ...contact('alice', '10.0.1.3'),
      edge: { address: '10.0.1.3:5060', nodeId: 'lb-3', state: 'down' },
      phone: { host: '198.51.100.7', port: 40000, transport: 'udp' },
      registrar: 'reg-1',
      isExpired: false,
      isReachable: false,
    },
  ]);
  const status = async (aor: string): Promise<unknown> =>
    (JSON.parse((await carna(`location ${aor} --json`, world([]))).out) as { status: string })
      .status;
  assert.equal(await status('alice@a.test'), 'not-registered');
  assert.equal(await status('bob@a.test'), 'unknown');
});

test('control characters of a phone cannot move the cursor', async () => {
  const evil = contact('alice', '10.0.1.1', { userAgent: 'x\u001b[2J', contact: 'sip:a\u0007@h' });
  for (const line of ['registrations', 'location alice@a.test']) {
    const { out } = await carna(line, world([evil]));
    assert.doesNotMatch(out, /[\u0007\u001b]/);
  }
});

test('without ZooKeeper the phones are told all the same, and that the nodes are not known', async () => {
  const readTopology = (): Promise<never> =>
    Promise.reject(new RegistryNotSentError('not connected to zk:2181'));
  const data = world([contact('alice', '10.0.1.3')], { readTopology });
  const list = await carna('registrations', data);
  assert.equal(list.code, 0);
  assert.match(list.out, /nodes are not known for certain: not connected to zk:2181/);
  assert.match(list.out, /10\.0\.1\.3:5060/);
  const one = await carna('location alice@a.test', data);
  assert.equal(one.code, 0);
  assert.match(one.out, /→ edge 10\.0\.1\.3:5060 → 198\.51\.100\.7:40000/);
  assert.match(one.out, /Nodes are not known for certain: not connected/);
});

test('without PostgreSQL nothing is told: exit code 3', async () => {
  const away = (): Promise<never> =>
    Promise.reject(new StoreUnavailableError('PostgreSQL cannot be reached'));
  const data = world([], { readContacts: away, readUser: away });
  for (const line of ['registrations', 'location alice@a.test']) {
    const { code, out, err } = await carna(line, data);
    assert.deepEqual([code, out], [3, '']);
    assert.match(err, /next: check that PostgreSQL runs/);
  }
});

for (const [line, why] of [
  ['location', /missing required argument 'aor'/],
  ['location alice', /expected user@domain or a number like \+442079460123, found "alice"/],
  ['location +12', /expected user@domain or a number/],
  ['registrations a;b', /expected user@domain, \* for any text/],
  ['registrations --limit 100001', /from 1 to 100000/],
] as const) {
  test(`wrong use: ${line}`, async () => {
    const { code, err } = await carna(line, world([]));
    assert.equal(code, 2);
    assert.match(err, why);
  });
}
