import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { status } from './phones.js';
import type { LocationNode } from './registrations.js';
import { RegisteredUsers } from './registered-users.js';

// More than one pass over what is noted.
const USERS = Number(process.env['CARNA_TEST_USERS'] ?? 7_000);
const AWAY_MS = 20_000;

let users: RegisteredUsers;

before(async () => {
  users = await RegisteredUsers.start(USERS + 10);
  await users.registerAll(1, USERS, 1);
  // Kamailio spells "never expires" as 1970.
  await users.platform.database.store.query({
    text: `INSERT INTO location (ruid, username, domain, contact, expires)
           VALUES ('gone', 'expired', 'carna.test', 'sip:x@10.9.9.9', now() AT TIME ZONE 'UTC' - interval '5 min'),
                  ('stays', 'endless', 'carna.test', 'sip:x@10.9.9.9', '1970-01-01')`,
  });
});

after(async () => {
  await users.platform.stop();
});

/** Everybody registers again and is called, until the time is over. */
async function keepBusy(untilMs: number, firstCseq: number): Promise<string> {
  const began = Date.now();
  await users.registerAll(1, USERS, firstCseq);
  const registeredMs = Date.now() - began;
  let calls = 0;
  let cseq = firstCseq + 2;
  do {
    await users.callAll(1, USERS);
    calls += USERS;
    await users.registerAll(1, 500, cseq);
    cseq += 2;
  } while (Date.now() < untilMs);
  return `${USERS} registered again in ${registeredMs} ms, ${calls} calls answered, ${await users.peakMb()} MB`;
}

/** Contacts that one registrar has noted as not written. */
async function unwritten(node: LocationNode): Promise<number> {
  const text = await node.rpc('htable.stats');
  return Number(/name: unwritten\s[^}]*?all: (\d+)/.exec(text)?.[1]);
}

for (const [fault, cseq, fresh, goner] of [
  ['killed', 1_000, `u${USERS + 1}`, `u${USERS + 2}`],
  ['frozen', 10_000, `u${USERS + 3}`, `u${USERS + 4}`],
] as const) {
  test(`PostgreSQL ${fault} for 20 s: known users register and are called, and the rows follow`, async (t) => {
    const { database, dispatcher, outbounds, registrars } = users.platform;
    assert.equal(await users.register(registrars[1], { user: goner }), 200);
    await users.untilCalled(outbounds[0], goner, 200);
    const began = Date.now();
    if (fault === 'killed') await database.kill();
    else database.freeze();
    try {
      // Whoever asks first may wait for the server; the phone repeats itself.
      await users.untilIs('answer to a registration', 200, () =>
        users.register(registrars[0], { user: fresh }),
      );
      t.diagnostic(`the first registration was taken after ${Date.now() - began} ms`);
      await users.untilCalled(outbounds[0], fresh, 200);
      const takenBack = { user: goner, cseq: 10, expires: 0, contact: '*' };
      assert.equal(await users.register(registrars[0], takenBack), 200);
      await users.untilCalled(outbounds[0], goner, 480);
      assert.equal(status(await dispatcher.register(registrars[0].host, { user: 'nobody' })), 503);
      t.diagnostic(await keepBusy(began + AWAY_MS, cseq));
    } finally {
      if (fault === 'killed') await database.start();
      else database.thaw();
    }
    const back = Date.now();
    await users.untilRows(1, `username = '${fresh}'`);
    await users.untilRows(0, `username = '${goner}'`);
    await users.untilRows(USERS, `cseq > ${cseq}`);
    t.diagnostic(`rows complete ${Date.now() - back} ms after the return`);
    for (const node of registrars) {
      await users.untilIs(`notes on ${node.host}`, 0, () => unwritten(node));
    }
    t.diagnostic(`nothing was noted any more ${Date.now() - back} ms after the return`);
    await users.untilKnown(users.nodes, await users.rows("username LIKE 'u%'"));
  });
}

test('rows that expired are removed, contacts without an end stay', async () => {
  await users.untilRows(0, "username = 'expired'");
  assert.equal(await users.rows("username = 'endless'"), 1);
});
