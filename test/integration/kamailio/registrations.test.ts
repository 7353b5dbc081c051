import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import type { Registration } from './phones.js';
import { status } from './phones.js';
import type { LocationNode, LocationPlatform } from './registrations.js';
import { startLocationPlatform } from './registrations.js';

const USERS = 10_000;
const AT_ONCE = 50;
const PATIENCE_MS = 45_000;

let platform: LocationPlatform;

before(async () => {
  platform = await startLocationPlatform();
  await platform.database.store.query({
    text: `INSERT INTO subscriber (username, domain, password, ha1, ha1b)
           SELECT 'u' || i, 'carna.test', '', md5('u' || i || ':carna.test:u' || i || '-pw'), ''
             FROM generate_series(1, ${USERS + 100}) i`,
  });
  for (const node of everyNode()) await startAndJoin(node);
});

after(async () => {
  await platform.stop();
});

const everyNode = (): LocationNode[] => [...platform.registrars, ...platform.outbounds];

async function startAndJoin(node: LocationNode): Promise<void> {
  await node.start();
  await platform.join(node);
}

async function contactsOf(node: LocationNode): Promise<number> {
  const text = await node.rpc('stats.fetch', 'usrloc.location_contacts');
  return Number(/location_contacts: (\d+)/.exec(text)?.[1]);
}

async function rows(where = 'true'): Promise<number> {
  const [row] = await platform.database.store.query<{ n: number }>({
    text: `SELECT count(*)::int AS n FROM location WHERE ${where}`,
  });
  return row?.n ?? -1;
}

const knows = async (node: LocationNode, user: string): Promise<boolean> =>
  node.rpc('ul.lookup', 'location', `${user}@carna.test`).then(
    (text) => /Address: /.test(text),
    () => false,
  );

/** What an INVITE to the user is answered by. */
const call = async (node: LocationNode, user: string): Promise<number> =>
  status(await platform.dispatcher.invite(node.host, `${user}@carna.test`));

const register = async (node: LocationNode, parts: Registration): Promise<number> =>
  status(await platform.dispatcher.register(node.host, parts));

/** The dispatcher is the edge as well: a call comes back to whoever made it. */
const path = (): readonly string[] => [`Path: <sip:${platform.net}.20:5060;lr>`];

/** A 200 to a phone and the news to the other nodes leave in the same moment. */
const untilCalled = (node: LocationNode, user: string, answer: number): Promise<void> =>
  waitUntil(
    `${user} is called with ${answer}`,
    PATIENCE_MS,
    async () => (await call(node, user)) === answer,
  );

async function registerAll(users: readonly string[], cseq: number): Promise<void> {
  const left = [...users];
  const worker = async (index: number): Promise<void> => {
    for (let user = left.pop(); user !== undefined; user = left.pop()) {
      const node = platform.registrars[index % 2 === 0 ? 0 : 1];
      assert.equal(await register(node, { user, cseq, headers: path() }), 200, user);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => worker(index)));
}

async function untilAllKnow(count: number): Promise<void> {
  for (const node of everyNode()) {
    await waitUntil(
      `${node.role} ${node.host} knows ${count}`,
      PATIENCE_MS,
      async () => (await contactsOf(node)) === count,
    );
  }
}

test('10,000 registrations are in every memory and in the table', async (t) => {
  const began = Date.now();
  await registerAll(
    Array.from({ length: USERS }, (_, index) => `u${index + 1}`),
    1,
  );
  t.diagnostic(`${USERS} registrations in ${Date.now() - began} ms`);
  // A 200 was said for each: nothing may be on its way to the table any more.
  assert.equal(await rows(), USERS);
  await untilAllKnow(USERS);
});

test('registrars restarted one after the other: everybody stays reachable', async (t) => {
  for (const node of platform.registrars) {
    await node.terminate();
    const began = Date.now();
    await startAndJoin(node);
    await waitUntil(
      `${node.host} knows all`,
      PATIENCE_MS,
      async () => (await contactsOf(node)) === USERS,
    );
    t.diagnostic(`${node.host} knew all ${Date.now() - began} ms after its start`);
  }
  assert.equal(await rows(), USERS);
  assert.equal(await call(platform.outbounds[0], 'u5000'), 200);
});

test('a killed registrar: the others have what it took a moment before', async () => {
  const [first, second] = platform.registrars;
  assert.equal(await register(first, { user: 'u10001', headers: path() }), 200);
  await first.kill();
  await untilCalled(platform.outbounds[0], 'u10001', 200);
  await untilCalled(platform.outbounds[1], 'u10001', 200);
  assert.ok(await knows(second, 'u10001'));
  assert.equal(await register(second, { user: 'u10001', cseq: 10, headers: path() }), 200);
  await startAndJoin(first);
});

test('all killed at once and started again: everybody is reachable', async (t) => {
  await Promise.all(everyNode().map((node) => node.kill()));
  const began = Date.now();
  await Promise.all(everyNode().map((node) => node.start()));
  await untilAllKnow(USERS + 1);
  t.diagnostic(`all had loaded all ${Date.now() - began} ms after the start`);
  for (const node of everyNode()) await platform.join(node);
  for (const user of ['u1', 'u777', 'u10000', 'u10001']) {
    assert.equal(await call(platform.outbounds[0], user), 200, user);
  }
  assert.equal(await rows(), USERS + 1);
});

for (const fault of ['killed', 'frozen'] as const) {
  test(`PostgreSQL ${fault}: known users register and are called, and the rows follow`, async (t) => {
    const { database, dispatcher, outbounds, registrars } = platform;
    const n = fault === 'killed' ? 10_010 : 10_020;
    const before = await rows();
    if (fault === 'killed') await database.kill();
    else database.freeze();
    try {
      // Whoever asks first may wait for the server; the phone repeats itself.
      await waitUntil(
        'a registration is taken',
        PATIENCE_MS,
        async () => (await register(registrars[0], { user: `u${n}`, headers: path() })) === 200,
      );
      const began = Date.now();
      for (let i = 1; i < 5; i += 1) {
        assert.equal(
          await register(registrars[i % 2 === 0 ? 0 : 1], { user: `u${n + i}`, headers: path() }),
          200,
        );
        await untilCalled(outbounds[0], `u${n + i}`, 200);
      }
      t.diagnostic(`4 registrations and calls in ${Date.now() - began} ms meanwhile`);
      // Taken back while the row cannot be deleted.
      assert.equal(
        await register(registrars[0], { user: 'u42', cseq: n, expires: 0, contact: '*' }),
        200,
      );
      await untilCalled(outbounds[0], 'u42', 480);
      assert.equal(status(await dispatcher.register(registrars[0].host, { user: 'nobody' })), 503);
    } finally {
      if (fault === 'killed') await database.start();
      else database.thaw();
    }
    const back = Date.now();
    const gone = fault === 'killed' ? 1 : 0; // the second time u42 has no row any more
    await waitUntil(
      'all rows are written',
      PATIENCE_MS,
      async () => (await rows().catch(() => -1)) === before + 5 - gone,
    );
    t.diagnostic(`rows complete ${Date.now() - back} ms after the return`);
    await waitUntil(
      'the row of u42 is gone',
      PATIENCE_MS,
      async () => (await rows("username = 'u42'")) === 0,
    );
    await waitUntil(
      'nothing is noted any more',
      PATIENCE_MS,
      async () => !/u100/.test(await registrars[1].rpc('htable.dump', 'unwritten').catch(() => '')),
    );
  });
}

test('a contact that was taken back stays away after all restarts', async () => {
  const [first, second] = platform.registrars;
  assert.equal(await register(first, { user: 'u7', cseq: 20, expires: 0 }), 200);
  assert.equal(await rows("username = 'u7'"), 0);
  for (const node of everyNode()) {
    await waitUntil(`${node.host} forgot u7`, PATIENCE_MS, async () => !(await knows(node, 'u7')));
  }
  await second.kill();
  await startAndJoin(second);
  await first.kill();
  await startAndJoin(first);
  assert.equal(await call(platform.outbounds[0], 'u7'), 480);
});

test('a contact that two registrars heard of at once has one row and goes with one word', async () => {
  const [first, second] = platform.registrars;
  for (const [index, node] of [first, second].entries()) {
    await node.rpc('dmq.remove', `sip:${(index === 0 ? second : first).host}:5061`);
  }
  assert.equal(await register(first, { user: 'u10090', headers: path() }), 200);
  assert.equal(await register(second, { user: 'u10090', cseq: 3, headers: path() }), 200);
  assert.equal(await rows("username = 'u10090'"), 1);
  await platform.join(first);
  assert.equal(await register(first, { user: 'u10090', cseq: 9, expires: 0 }), 200);
  assert.equal(await rows("username = 'u10090'"), 0);
  for (const node of everyNode()) {
    await waitUntil(`${node.host} forgot`, PATIENCE_MS, async () => !(await knows(node, 'u10090')));
  }
});
