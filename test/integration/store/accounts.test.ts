import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Store } from '../../../src/store/pool.js';
import { readContacts } from '../../../src/store/registrations.js';
import {
  addUser,
  readOwners,
  readSimilarUsers,
  readUser,
  readUsers,
  removeUser,
  setSecrets,
} from '../../../src/store/subscribers.js';
import { StoreRefusedError } from '../../../src/util/errors.js';
import type { AccountDatabase } from './account-database.js';
import { startAccounts } from './account-database.js';
import type { TestDatabase } from './database.js';

let accounts: AccountDatabase;
let db: TestDatabase;
let manager: Store;
let reader: Store;

before(async () => {
  accounts = await startAccounts();
  ({ db, manager, reader } = accounts);
});
after(() => db.close());

const refused = (store: Store, text: string): Promise<void> =>
  assert.rejects(store.query({ text }), StoreRefusedError, text);

const aor = (user: string, domain = 'a.test') => ({ user, domain });
const SECRETS = { ha1: 'a'.repeat(32), ha1b: 'b'.repeat(32) };
const everybody = { pattern: { user: '*', domain: '*' }, limit: 100 };

interface Row {
  readonly user: string;
  readonly ruid: string;
  readonly domain?: string;
  /** SQL. */
  readonly expires?: string;
  readonly path?: string;
  readonly q?: number;
}

/** A contact as a registrar writes it. */
async function register({ user, ruid, domain = 'a.test', expires, path, q }: Row): Promise<void> {
  await db.store.query({
    text: `INSERT INTO public.location (ruid, username, domain, contact, path, expires, last_modified, q, user_agent)
           VALUES ($1, $2, $3, $4, $5, ${expires ?? `now() AT TIME ZONE 'UTC' + interval '90 s'`},
                   now() AT TIME ZONE 'UTC', $6, 'n/a')`,
    values: [
      ruid,
      user,
      domain,
      `sip:${user}@10.1.1.1:${5000 + ruid.length}`,
      path ?? null,
      q ?? 1,
    ],
  });
}

test('a user is added with its numbers, without a password, and its nodes are told', async () => {
  await accounts.empty();
  const numbers = ['+442079460123', '+442079460124'];
  assert.deepEqual(await addUser(manager, aor('alice'), SECRETS, numbers), { kind: 'added' });
  const rows = await db.store.query({
    text: 'SELECT username, domain, password, ha1, ha1b FROM public.subscriber',
  });
  assert.deepEqual(rows, [{ username: 'alice', domain: 'a.test', password: '', ...SECRETS }]);
  const told = await db.store.query<{ key: string; value: string }>({
    text: 'SELECT kind, key, value FROM carna.edge_change ORDER BY seq DESC LIMIT 5',
  });
  assert.ok(told.some(({ key, value }) => key === 'alice@a.test' && value === SECRETS.ha1));
  assert.ok(told.some(({ key, value }) => key === numbers[0] && value === 'alice@a.test'));
  const known = { user: 'alice', domain: 'a.test', numbers, contacts: 0 };
  assert.deepEqual(await readUser(reader, aor('alice')), known);
  assert.deepEqual(await readUsers(reader, everybody), { users: [known], total: 1 });
  assert.deepEqual(await readOwners(reader, numbers[1] ?? ''), [aor('alice')]);
  assert.equal(await readUser(reader, aor('alice', 'b.test')), null);
});

test('a second user of that name, and a number of another, are refused and nothing is changed', async () => {
  await accounts.empty();
  await addUser(manager, aor('alice'), SECRETS, ['+442079460123']);
  const other = { ha1: 'c'.repeat(32), ha1b: 'd'.repeat(32) };
  assert.deepEqual(await addUser(manager, aor('alice'), other, []), { kind: 'user-exists' });
  assert.deepEqual(
    await addUser(manager, aor('bob', 'b.test'), other, ['+4912345', '+442079460123']),
    { kind: 'number-taken', number: '+442079460123', by: 'alice@a.test' },
  );
  assert.equal((await readUsers(reader, everybody)).total, 1);
  const rows = await db.store.query({ text: 'SELECT ha1 FROM public.subscriber' });
  assert.deepEqual(rows, [{ ha1: SECRETS.ha1 }]);
  assert.deepEqual(await readOwners(reader, '+4912345'), []);
});

test('of two who want one number at the same moment one gets it', async () => {
  await accounts.empty();
  const results = await Promise.all(
    ['a', 'b', 'c', 'd'].map((user) => addUser(manager, aor(user), SECRETS, ['+442079460123'])),
  );
  assert.deepEqual(results.map(({ kind }) => kind).sort(), [
    'added',
    'number-taken',
    'number-taken',
    'number-taken',
  ]);
  assert.equal((await readUsers(reader, everybody)).total, 1);
});

test('another password replaces the hashes and any clear text that stood there', async () => {
  await accounts.empty();
  await addUser(manager, aor('alice'), SECRETS, []);
  await db.store.query({ text: `UPDATE public.subscriber SET password = 'clear'` });
  const other = { ha1: 'c'.repeat(32), ha1b: 'd'.repeat(32) };
  assert.equal(await setSecrets(manager, aor('alice'), other), true);
  assert.equal(await setSecrets(manager, aor('nobody'), other), false);
  const rows = await db.store.query({ text: 'SELECT password, ha1, ha1b FROM public.subscriber' });
  assert.deepEqual(rows, [{ password: '', ...other }]);
});

test('a removed user takes its numbers with it and leaves its registrations', async () => {
  await accounts.empty();
  await addUser(manager, aor('alice'), SECRETS, ['+442079460123']);
  await register({ user: 'alice', ruid: 'r1' });
  await register({
    user: 'alice',
    ruid: 'r2',
    expires: `now() AT TIME ZONE 'UTC' - interval '1 s'`,
  });
  assert.deepEqual(await removeUser(manager, aor('alice')), {
    numbers: ['+442079460123'],
    contacts: 1,
  });
  assert.equal(await removeUser(manager, aor('alice')), null);
  assert.equal(await readUser(reader, aor('alice')), null);
  assert.deepEqual(await readOwners(reader, '+442079460123'), []);
  const [gone] = await db.store.query<{ value: string | null }>({
    text: `SELECT value FROM carna.edge_change WHERE key = 'alice@a.test' AND kind = 'credential'
            ORDER BY seq DESC LIMIT 1`,
  });
  assert.deepEqual(gone, { value: null });
});

test('a list is chosen by name, domain or number, and says how many there are beyond its limit', async () => {
  await accounts.empty();
  await addUser(manager, aor('alice'), SECRETS, ['+442079460123']);
  await addUser(manager, aor('a_b'), SECRETS, []);
  await addUser(manager, aor('axb'), SECRETS, []);
  await addUser(manager, aor('alice', 'b.test'), SECRETS, []);
  const names = async (user: string, domain = '*', limit = 10): Promise<string> => {
    const { users, total } = await readUsers(reader, { pattern: { user, domain }, limit });
    return `${total}: ${users.map((one) => `${one.user}@${one.domain}`).join(' ')}`;
  };
  assert.equal(await names('*'), '4: a_b@a.test alice@a.test axb@a.test alice@b.test');
  assert.equal(await names('*', '*', 2), '4: a_b@a.test alice@a.test');
  // What means something to SQL alone is taken as it is.
  assert.equal(await names('a_b'), '1: a_b@a.test');
  assert.equal(await names('a?b'), '2: a_b@a.test axb@a.test');
  assert.equal(await names('al%'), '0: ');
  assert.equal(await names('alice', 'b.*'), '1: alice@b.test');
  assert.equal(await names('+4420*'), '1: alice@a.test');
  const similar = await readSimilarUsers(reader, aor('alicia', 'b.test'), 2);
  assert.deepEqual(similar, [aor('alice', 'b.test'), aor('a_b')]);
});

test('registrations: those that hold, by user and q, with their edges, in UTC', async () => {
  await accounts.empty();
  const [{ now: before = 0 } = {}] = await db.store.query<{ now: number }>({
    text: 'SELECT (extract(epoch FROM now()) * 1000)::double precision AS now',
  });
  const path = (host: string): string => `<sip:${host};lr;received=sip:10.9.9.9:5060>`;
  await register({ user: 'bob', ruid: 'b', path: path('10.0.1.1:5060') });
  await register({ user: 'alice', ruid: 'low', q: 0.25, path: path('10.0.1.2:5060') });
  await register({ user: 'alice', ruid: 'mute', q: -1, path: path('x@10.0.1.1:5060') });
  await register({ user: 'alice', ruid: 'high', q: 0.5 });
  await register({ user: 'forever', ruid: 'f', expires: `'epoch'` });
  await register({ user: 'late', ruid: 'l', expires: `now() AT TIME ZONE 'UTC' - interval '5 s'` });
  const query = { pattern: { user: '*', domain: '*' }, limit: 3, withExpired: false };
  // An operator's session may run in any time zone.
  await db.store.query({ text: `ALTER ROLE u_carna_reader SET timezone = 'Asia/Tokyo'` });
  const tokyo = accounts.openReader();
  const page = await readContacts(tokyo, query);
  assert.deepEqual(
    [page.total, page.users, page.contacts.map(({ user, q }) => `${user} ${q}`)],
    [5, 3, ['alice 0.5', 'alice 0.25', 'alice null']],
  );
  assert.deepEqual(page.edges, [
    { address: '10.0.1.1:5060', contacts: 2 },
    { address: null, contacts: 2 },
    { address: '10.0.1.2:5060', contacts: 1 },
  ]);
  const [first] = page.contacts;
  assert.ok(first !== undefined && first.expiresAtMs !== null);
  assert.ok(first.registeredAtMs >= before && first.registeredAtMs <= page.asOfMs);
  assert.ok(Math.abs(first.expiresAtMs - first.registeredAtMs - 90_000) < 5, 'in ms, UTC');
  assert.deepEqual([first.userAgent, first.path, first.received], [null, null, null]);
  const all = await readContacts(tokyo, { ...query, limit: 100, withExpired: true });
  assert.equal(all.total, 6);
  const forever = all.contacts.find(({ user }) => user === 'forever');
  assert.deepEqual(forever?.expiresAtMs, null);
  const one = await readContacts(reader, { ...query, pattern: { user: 'bob', domain: 'a.test' } });
  assert.deepEqual([one.total, one.contacts[0]?.path], [1, path('10.0.1.1:5060')]);
  assert.deepEqual((await readUsers(reader, everybody)).total, 0);
});

test('whoever may only read sees no hash and changes nothing', async () => {
  await accounts.empty();
  await addUser(manager, aor('alice'), SECRETS, []);
  assert.equal((await readUsers(reader, everybody)).total, 1);
  await refused(reader, 'SELECT ha1 FROM public.subscriber');
  await refused(reader, 'SELECT ha1b FROM public.subscriber');
  await refused(reader, 'SELECT password FROM public.subscriber');
  await refused(reader, 'SELECT * FROM public.subscriber');
  await refused(reader, 'SELECT * FROM carna.credential');
  await refused(reader, 'SELECT * FROM carna.edge_change');
  await refused(reader, 'DELETE FROM public.subscriber');
  await refused(reader, 'DELETE FROM public.dbaliases');
  await refused(reader, 'DELETE FROM public.location');
  await refused(reader, 'DELETE FROM carna.trunk');
  await refused(manager, 'DELETE FROM public.location');
  await refused(manager, 'DELETE FROM public.dispatcher');
  await refused(manager, 'SELECT 1 FROM carna.edge_change');
});
