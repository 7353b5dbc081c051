import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { commitPlan, readTable, takeEpoch } from '../../../src/store/dispatcher-table.js';
import { recordLive } from '../../../src/store/change-log.js';
import { createLogin } from '../../../src/store/group-roles.js';
import { DEBIAN_KAMAILIO_SCHEMA_DIR, migrate } from '../../../src/store/migrate.js';
import type { Store } from '../../../src/store/pool.js';
import { readRefusals } from '../../../src/store/refused-writes.js';
import { DeposedError, MissingPartError, StoreRefusedError } from '../../../src/util/errors.js';
import { testDir } from '../../support/resources.js';
import type { TestDatabase } from './database.js';
import { insertOf, ourRow, PASSWORD, startDatabase } from './database.js';

let db: TestDatabase;
const schema = { kamailioSchemaDir: DEBIAN_KAMAILIO_SCHEMA_DIR };

before(async () => {
  db = await startDatabase();
});
after(() => db.close());

async function loginAs(role: 'carna_writer' | 'carna_dispatcher' | 'carna_reader'): Promise<Store> {
  const user = `u_${role}`;
  await createLogin(db.store, { user, password: 'its-own', role });
  return db.open(db.url.replace(`postgres:${PASSWORD}`, `${user}:its-own`));
}

const refused = (store: Store, text: string): Promise<void> =>
  assert.rejects(store.query({ text }), StoreRefusedError, text);

test('a second migration applies nothing and changes no catalogue row that matters', async () => {
  const look = (): Promise<readonly { readonly table_name: string }[]> =>
    db.store.query({
      text: 'SELECT table_name, table_version, xmin::text FROM version ORDER BY table_name',
    });
  const was = await look();
  const names = was.map((row) => row.table_name);
  for (const table of ['version', 'dispatcher', 'subscriber', 'location', 'dr_rules']) {
    assert.ok(names.includes(table), table);
  }
  assert.deepEqual(await migrate(db.store, schema), { applied: [], missingRoles: [] });
  assert.deepEqual(await look(), was);
});

test('two migrations of an empty database at once end in one schema', async () => {
  await db.store.query({ text: 'CREATE DATABASE twice' });
  const url = db.url.replace(/postgres$/, 'twice');
  const done = await Promise.all([migrate(db.open(url), schema), migrate(db.open(url), schema)]);
  const applied = done.map((result) => result.applied.length).sort();
  assert.deepEqual([applied[0], (applied[1] ?? 0) > 0], [0, true]);
});

test('absent schema files are named with a remedy and nothing is left half made', async () => {
  await db.store.query({ text: 'CREATE DATABASE bare' });
  const store = db.open(db.url.replace(/postgres$/, 'bare'));
  await assert.rejects(migrate(store, { kamailioSchemaDir: testDir('none') }), (err) => {
    assert.ok(err instanceof MissingPartError);
    assert.match(err.message, /standard-create\.sql/);
    assert.match(err.remedy, /kamailio-postgres-modules/);
    return true;
  });
  await refused(store, 'SELECT 1 FROM version');
});

test('a migration with another content than the applied one is refused', async () => {
  await db.store.query({ text: 'CREATE DATABASE edited' });
  const store = db.open(db.url.replace(/postgres$/, 'edited'));
  await migrate(store, schema);
  await store.query({ text: `UPDATE carna.migration SET sha256 = 'x'` });
  await assert.rejects(migrate(store, schema), /another content/);
});

test('the writer can lead and commit, and cannot alter or rewrite history', async () => {
  const writer = await loginAs('carna_writer');
  const epoch = await takeEpoch(writer, { dc: 'dc1', holder: 'w', czxid: 1n });
  const { generation } = await readTable(writer);
  await commitPlan(writer, {
    dc: 'dc1',
    epoch,
    base: generation,
    changes: [insertOf(ourRow(1)), insertOf(ourRow(2, 8, 10))],
    mayEmpty: [],
    audit: [],
    losses: new Map(),
    overrides: [{ setid: 30, since: 1_000 }],
    setHashes: {},
    seenAtMs: 0,
  });
  await recordLive(writer, { kamailio: 'k', setids: [30], generation: 1, provenAtMs: 0 });
  await takeEpoch(writer, { dc: 'dc1', holder: 'x', czxid: 2n });
  const late = {
    dc: 'dc1',
    epoch,
    base: 1,
    changes: [],
    mayEmpty: [],
    audit: [],
    losses: new Map(),
    overrides: [],
  };
  await assert.rejects(commitPlan(writer, { ...late, setHashes: {}, seenAtMs: 0 }), DeposedError);
  assert.equal((await readRefusals(writer, 'dc1', 10)).length, 1);
  await refused(writer, 'DELETE FROM carna.refused_write');
  await refused(writer, 'UPDATE carna.refused_write SET holder = holder');
  await refused(
    writer,
    `INSERT INTO carna.refused_write (dc, epoch, ruling_epoch, row_count, rows, refused_at)
     VALUES ('dc1', 1, 2, 0, '[]', now())`,
  );
  await refused(writer, 'UPDATE carna.change SET cause = cause');
  await refused(writer, 'DELETE FROM carna.change');
  await refused(writer, 'DROP TABLE dispatcher');
  await refused(writer, 'UPDATE version SET table_version = 1');
  await refused(writer, 'CREATE TABLE carna.other ()');
});

test('a Kamailio reads version and what its role needs, nothing else', async () => {
  const kamailio = await loginAs('carna_dispatcher');
  const seen = await kamailio.query<{ setid: number }>({
    text: 'SELECT setid FROM dispatcher_dispatcher',
  });
  assert.deepEqual(seen, [{ setid: 10 }, { setid: 30 }]);
  await refused(kamailio, 'SELECT setid FROM dispatcher_load_balancer');
  await refused(kamailio, 'SELECT 1 FROM location');
  await kamailio.query({ text: 'SELECT * FROM version' });
  await refused(kamailio, 'SELECT 1 FROM dispatcher');
  await refused(kamailio, 'DELETE FROM dispatcher_dispatcher');
  await refused(kamailio, 'SELECT 1 FROM carna.change');
  await refused(kamailio, `SELECT carna.take_epoch('dc1', 'x', 1)`);
  await refused(kamailio, 'SELECT 1 FROM carna.refused_write');
});

test('a reader reads the table and the log and writes nothing', async () => {
  const reader = await loginAs('carna_reader');
  assert.equal((await readTable(reader)).rows.length, 2);
  await reader.query({ text: 'SELECT 1 FROM carna.change_live' });
  await refused(reader, 'DELETE FROM dispatcher');
  await refused(reader, 'DELETE FROM carna.generation');
  await refused(reader, `SELECT carna.take_epoch('dc1', 'x', 1)`);
  assert.equal((await readRefusals(reader, 'dc1', 10)).length, 1);
  await refused(reader, `SELECT carna.note_refusal('dc1', 0, '{"changes": []}')`);
});

test('a user who may not create roles is told which are missing', async () => {
  const user = 'owner_only';
  await createLogin(db.store, { user, password: 'its-own', role: 'carna_reader' });
  await db.store.query({ text: `CREATE DATABASE plain OWNER ${user}` });
  const store = db.open(
    db.url.replace(`postgres:${PASSWORD}`, `${user}:its-own`).replace(/postgres$/, 'plain'),
  );
  await db
    .open(db.url.replace(/postgres$/, 'plain'))
    .query({ text: `GRANT CREATE ON SCHEMA public TO ${user}` });
  await db.store.query({ text: 'ALTER ROLE carna_writer RENAME TO carna_elsewhere' });
  try {
    const done = await migrate(store, schema);
    assert.deepEqual(done.missingRoles, ['carna_writer']);
  } finally {
    await db.store.query({ text: 'ALTER ROLE carna_elsewhere RENAME TO carna_writer' });
  }
});

test('a login keeps its name to itself and its new password works', async () => {
  await assert.rejects(
    createLogin(db.store, { user: 'x"; DROP', password: 'p', role: 'carna_reader' }),
    StoreRefusedError,
  );
  await createLogin(db.store, { user: 'twice', password: 'one', role: 'carna_reader' });
  await createLogin(db.store, { user: 'twice', password: "t'wo", role: 'carna_reader' });
  const store = db.open(
    db.url.replace(`postgres:${PASSWORD}`, `twice:${encodeURIComponent("t'wo")}`),
  );
  assert.equal((await readTable(store)).rows.length, 2);
});
