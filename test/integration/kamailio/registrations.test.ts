import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RegisteredUsers } from './registered-users.js';

const USERS = 10_000;

let users: RegisteredUsers;

before(async () => {
  users = await RegisteredUsers.start(USERS + 100);
});

after(async () => {
  await users.platform.stop();
});

test('10,000 registrations are in every memory and in the table', async (t) => {
  const began = Date.now();
  await users.registerAll(1, USERS, 1);
  const tookMs = Date.now() - began;
  t.diagnostic(`${USERS} registrations in ${tookMs} ms: ${Math.round(USERS / (tookMs / 1000))}/s`);
  t.diagnostic(`${await users.peakMb()} MB of shared memory`);
  // A 200 was said for each: nothing may be on its way to the table any more.
  assert.equal(await users.rows(), USERS);
  await users.untilKnown(users.nodes, USERS);
});

test('registrars restarted one after the other: everybody stays reachable', async (t) => {
  for (const node of users.platform.registrars) {
    await node.terminate();
    const began = Date.now();
    await users.startAndJoin(node);
    await users.untilKnown([node], USERS);
    t.diagnostic(`${node.host} knew all ${Date.now() - began} ms after its start`);
  }
  assert.equal(await users.rows(), USERS);
  await users.callAll(1, USERS);
  await users.untilKnown(users.nodes, USERS);
});

test('phones that register while a registrar starts are in its memory once', async () => {
  const [first, second] = users.platform.registrars;
  await first.kill();
  let isStarting = true;
  const phones = (async () => {
    for (let cseq = 100; isStarting; cseq += 2) {
      for (let i = 1; i <= 50; i += 1) {
        assert.equal(await users.register(second, { user: `u${i}`, cseq }), 200);
      }
    }
  })();
  await users.startAndJoin(first);
  isStarting = false;
  await phones;
  await users.untilKnown(users.nodes, USERS);
  const one = await first.rpc('ul.lookup', 'location', 'u50@carna.test');
  assert.equal(one.match(/Address: /g)?.length, 1);
});

test('a killed registrar: the others have what it took a moment before', async (t) => {
  const [first, second] = users.platform.registrars;
  assert.equal(await users.register(first, { user: 'u10001' }), 200);
  await first.kill();
  const began = Date.now();
  for (const node of users.platform.outbounds) await users.untilCalled(node, 'u10001', 200);
  // Sent to all before the 200; a peer may still have it to read.
  await users.untilIs(`${second.host} knows u10001`, true, () => users.knows(second, 'u10001'));
  assert.equal(await users.register(second, { user: 'u10001', cseq: 10 }), 200);
  t.diagnostic(`its last phone was called and registered anew after ${Date.now() - began} ms`);
  await users.callAll(1, USERS + 1);
  t.diagnostic(`all others had been called as well after ${Date.now() - began} ms`);
  await users.startAndJoin(first);
});

test('all killed at once and started again: everybody is reachable', async (t) => {
  await Promise.all(users.nodes.map((node) => node.kill()));
  const began = Date.now();
  await Promise.all(users.nodes.map((node) => node.start()));
  await users.untilKnown(users.nodes, USERS + 1);
  t.diagnostic(`all had loaded all ${Date.now() - began} ms after the start`);
  for (const node of users.nodes) await users.platform.join(node);
  await users.callAll(1, USERS + 1);
  await users.untilKnown(users.nodes, USERS + 1);
  assert.equal(await users.rows(), USERS + 1);
});

test('a contact that was taken back stays away after all restarts', async () => {
  const [first, second] = users.platform.registrars;
  assert.equal(await users.register(first, { user: 'u7', cseq: 1000, expires: 0 }), 200);
  assert.equal(await users.rows("username = 'u7'"), 0);
  for (const node of users.nodes) {
    await users.untilIs(`${node.host} knows u7`, false, () => users.knows(node, 'u7'));
  }
  await second.kill();
  await users.startAndJoin(second);
  await first.kill();
  await users.startAndJoin(first);
  assert.equal(await users.call(users.platform.outbounds[0], 'u7'), 480);
});

test('a contact that two registrars heard of at once has one row and goes with one word', async () => {
  const [first, second] = users.platform.registrars;
  for (const [node, peer] of [
    [first, second],
    [second, first],
  ] as const) {
    await node.rpc('dmq.remove', `sip:${peer.host}:5061`);
  }
  assert.equal(await users.register(first, { user: 'u10090' }), 200);
  assert.equal(await users.register(second, { user: 'u10090', cseq: 3 }), 200);
  assert.equal(await users.rows("username = 'u10090'"), 1);
  await users.platform.join(first);
  assert.equal(await users.register(first, { user: 'u10090', cseq: 9, expires: 0 }), 200);
  assert.equal(await users.rows("username = 'u10090'"), 0);
  for (const node of users.nodes) {
    await users.untilIs(`${node.host} knows u10090`, false, () => users.knows(node, 'u10090'));
  }
});

test('while a newcomer is served with all contacts, calls go by the last word of a phone', async () => {
  const [first, second] = users.platform.registrars;
  for (let i = 1; i <= 8; i += 1) {
    const user = `u${10_010 + i}`;
    // The newcomer asks everybody for all contacts, and is not waited for.
    await first.kill();
    await users.startAndJoin(first);
    assert.equal(await users.register(first, { user }), 200);
    assert.equal(await users.register(second, { user, cseq: 3 }), 200);
    assert.equal(await users.register(second, { user, cseq: 9, expires: 0 }), 200);
    // Not the registrars: what a phone says to one of them does not wait for what the bus still brings.
    for (const node of users.platform.outbounds) await users.untilCalled(node, user, 480);
  }
  await users.untilKnown(users.platform.outbounds, USERS);
});
