import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';
import { readTable } from '../../../src/store/dispatcher-table.js';
import { openStore } from '../../../src/store/pool.js';
import {
  InvalidInputError,
  StoreRefusedError,
  StoreUnavailableError,
} from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import { freePort } from '../../support/resources.js';
import type { TestDatabase } from './database.js';
import { PASSWORD, startDatabase } from './database.js';

let db: TestDatabase;
const SECRET = 'quite-another-secret';

before(async () => {
  db = await startDatabase();
});
after(() => db.close());

async function refusalOf(url: string): Promise<StoreRefusedError> {
  try {
    await readTable(db.open(url));
  } catch (err) {
    assert.ok(err instanceof StoreRefusedError, String(err));
    assert.doesNotMatch(inspect(err, { depth: 5 }), new RegExp(`${SECRET}|${PASSWORD}`));
    return err;
  }
  return assert.fail('was let in');
}

test('a wrong password is a refusal that does not tell it', async () => {
  const err = await refusalOf(db.url.replace(PASSWORD, SECRET));
  assert.match(err.message, /password authentication failed/);
});

test('an unknown database is a refusal', async () => {
  await refusalOf(db.url.replace(/postgres$/, 'nowhere'));
});

test('a missing table is a refusal', () =>
  assert.rejects(db.store.query({ text: 'SELECT 1 FROM carna.nothing' }), StoreRefusedError));

test('an unreadable URL is named without being quoted', () => {
  const open = (): unknown =>
    openStore({
      url: `postgres//u:${SECRET}@h/d`,
      connectTimeoutMs: 1,
      statementTimeoutMs: 1,
      log: { warn: () => undefined },
    });
  assert.throws(open, (err) => {
    assert.ok(err instanceof InvalidInputError);
    assert.doesNotMatch(inspect(err), new RegExp(SECRET));
    return true;
  });
});

test('nobody listening, a name that does not resolve: unavailable', async () => {
  const port = await freePort();
  const dead = db.url.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`);
  await assert.rejects(readTable(db.open(dead)), StoreUnavailableError);
  const lost = db.url.replace('127.0.0.1', 'no-such-host.invalid');
  await assert.rejects(readTable(db.open(lost)), StoreUnavailableError);
});

test('a statement that takes too long is ended by the server', async () => {
  const impatient = openStore({
    url: db.url,
    connectTimeoutMs: 3_000,
    statementTimeoutMs: 100,
    log: { warn: () => undefined },
  });
  try {
    await assert.rejects(impatient.query({ text: 'SELECT pg_sleep(30)' }), StoreUnavailableError);
    assert.equal((await readTable(impatient)).generation, 0);
  } finally {
    await impatient.close();
  }
});

test('a backend that hangs is given up, and the next statement uses another', async () => {
  const store = openStore({
    url: db.url,
    connectTimeoutMs: 3_000,
    statementTimeoutMs: 200,
    log: { warn: () => undefined },
  });
  const [backend] = await store.query<{ pid: number }>({ text: 'SELECT pg_backend_pid() AS pid' });
  assert.ok(backend);
  process.kill(backend.pid, 'SIGSTOP');
  try {
    await assert.rejects(readTable(store), StoreUnavailableError);
    assert.equal((await readTable(store)).generation, 0);
  } finally {
    process.kill(backend.pid, 'SIGCONT');
    await store.close();
  }
});

test('backends killed while idle are replaced, and the process lives', async () => {
  const store = db.open();
  await readTable(store);
  await db.store.query({
    text: 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL',
  });
  await waitUntil('the store answers again', 10_000, async () => {
    try {
      await readTable(store);
      return true;
    } catch (err) {
      assert.ok(err instanceof StoreUnavailableError);
      return false;
    }
  });
});

test('PostgreSQL stopped is unavailable, and back it serves the same store', async () => {
  const store = db.open();
  await readTable(store);
  await db.stopServer();
  await assert.rejects(readTable(store), StoreUnavailableError);
  await db.startServer();
  assert.equal((await readTable(store)).generation, 0);
});
