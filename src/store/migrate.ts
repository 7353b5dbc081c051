import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MissingPartError, StoreRefusedError } from '../util/errors.js';
import { createViews } from './consumer-views.js';
import { createGroupRoles } from './group-roles.js';
import type { QueryFunction, Store } from './pool.js';

export interface MigrateOptions {
  /** Folder with Kamailio's own `*-create.sql`. */
  readonly kamailioSchemaDir: string;
}

export const DEBIAN_KAMAILIO_SCHEMA_DIR = '/usr/share/kamailio/postgres';

export interface MigrateResult {
  /** The files that ran now; empty when everything stood already. */
  readonly applied: readonly string[];
  /** Group roles that are missing because the user may not create them; somebody else must. */
  readonly missingRoles: readonly string[];
}

/** In the order in which Kamailio wants them: the first makes `version`. */
const KAMAILIO_FILES = [
  { table: 'version', file: 'standard-create.sql' },
  { table: 'dispatcher', file: 'dispatcher-create.sql' },
  { table: 'subscriber', file: 'auth_db-create.sql' },
  { table: 'dbaliases', file: 'alias_db-create.sql' },
  { table: 'location', file: 'usrloc-create.sql' },
  { table: 'dr_gateways', file: 'drouting-create.sql' },
  { table: 'acc', file: 'acc-create.sql' },
  { table: 'presentity', file: 'presence-create.sql' },
] as const;
/** Any number of ours: one migration at a time per database. */
const LOCK_KEY = 0x6361_726e;
const MIGRATION_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

/**
 * Brings a database to the schema of this version: Kamailio's tables when they are absent, our
 * numbered migrations, the views, the group roles and their rights. One transaction: all or nothing.
 * Running it again changes nothing.
 *
 * Throws MissingPartError when Kamailio's files are needed and absent, StoreRefusedError when the
 * user lacks a right or a migration that was applied before has another content now.
 */
export async function migrate(store: Store, options: MigrateOptions): Promise<MigrateResult> {
  return store.withConnection(async (query) => {
    await query('BEGIN');
    await query('SELECT pg_advisory_xact_lock($1)', [LOCK_KEY]);
    const applied = [
      ...(await loadKamailioTables(query, options.kamailioSchemaDir)),
      ...(await applyMigrations(query)),
    ];
    await createViews(query);
    const missingRoles = await createGroupRoles(query);
    await query('COMMIT');
    return { applied, missingRoles };
  });
}

async function loadKamailioTables(query: QueryFunction, dir: string): Promise<string[]> {
  const loaded: string[] = [];
  for (const { table, file } of KAMAILIO_FILES) {
    if (await hasTable(query, 'public', table)) continue;
    await query(await readSchemaFile(join(dir, file)));
    loaded.push(file);
  }
  return loaded;
}

async function readSchemaFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (err) {
    if (!(err instanceof Error && 'code' in err && err.code === 'ENOENT')) throw err;
    throw new MissingPartError(
      `Kamailio's schema file ${path} is missing`,
      'apt-get install kamailio-postgres-modules, or name the folder that holds the file',
    );
  }
}

async function applyMigrations(query: QueryFunction): Promise<string[]> {
  if (!(await hasTable(query, 'carna', 'migration'))) {
    await query(
      `CREATE SCHEMA IF NOT EXISTS carna;
       CREATE TABLE carna.migration (
         name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    );
  }
  const rows = await query<{ name: string; sha256: string }>(
    'SELECT name, sha256 FROM carna.migration',
    [],
  );
  const known = new Map(rows.map((row) => [row.name, row.sha256] as const));
  const applied: string[] = [];
  for (const { name, text } of await readMigrations()) {
    const sha256 = createHash('sha256').update(text).digest('hex');
    const before = known.get(name);
    if (before === sha256) continue;
    if (before !== undefined) {
      throw new StoreRefusedError(`migration ${name} was applied before with another content`);
    }
    await query(text);
    await query('INSERT INTO carna.migration (name, sha256) VALUES ($1, $2)', [name, sha256]);
    applied.push(name);
  }
  return applied;
}

async function readMigrations(): Promise<{ name: string; text: string }[]> {
  const dir = join(dirname(fileURLToPath(import.meta.url)), 'migrations');
  const names = (await readdir(dir)).filter((name) => MIGRATION_NAME.test(name)).sort();
  return Promise.all(
    names.map(async (name) => ({ name, text: await readFile(join(dir, name), 'utf8') })),
  );
}

async function hasTable(query: QueryFunction, schema: string, table: string): Promise<boolean> {
  const rows = await query('SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = $2', [
    schema,
    table,
  ]);
  return rows.length > 0;
}
