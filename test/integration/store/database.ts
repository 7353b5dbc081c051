import { join } from 'node:path';
import type { PostgresOptions } from '../../../src/lab/parts/postgres.js';
import { postgresUrl, startPostgres, stopPostgres } from '../../../src/lab/parts/postgres.js';
import { DEBIAN_KAMAILIO_SCHEMA_DIR, migrate } from '../../../src/store/migrate.js';
import type { Store } from '../../../src/store/pool.js';
import { openStore } from '../../../src/store/pool.js';
import type { RowChange } from '../../../src/topology/diff-rows.js';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import { describeRow } from '../../../src/topology/dispatcher-row.js';
import { freePort, testDir } from '../../support/resources.js';

export const PASSWORD = 'pg-pass-of-this-test';

/** A PostgreSQL of its own for one test file. */
export interface TestDatabase {
  readonly options: PostgresOptions;
  readonly url: string;
  readonly store: Store;
  /** Stores opened with it are closed by close(). */
  open(url?: string): Store;
  stopServer(): Promise<void>;
  startServer(): Promise<void>;
  close(): Promise<void>;
}

export async function startDatabase(): Promise<TestDatabase> {
  const options: PostgresOptions = {
    dir: join(testDir('pg'), 'pg'),
    host: '127.0.0.1',
    port: await freePort(),
    password: PASSWORD,
    env: process.env,
  };
  let server = await startPostgres(options);
  const url = postgresUrl(options, 'postgres');
  const stores: Store[] = [];
  const open = (other = url): Store => {
    const store = openStore({
      url: other,
      connectTimeoutMs: 3_000,
      statementTimeoutMs: 10_000,
      log: { warn: () => undefined },
    });
    stores.push(store);
    return store;
  };
  const store = open();
  await migrate(store, { kamailioSchemaDir: DEBIAN_KAMAILIO_SCHEMA_DIR });
  return {
    options,
    url,
    store,
    open,
    stopServer: () => stopPostgres(server),
    startServer: async () => {
      server = await startPostgres(options);
    },
    close: async () => {
      for (const opened of stores) await opened.close();
      await stopPostgres(server);
    },
  };
}

export function ourRow(n: number, flags = 8, setid = 30): DispatcherRow {
  const destination = `sip:10.0.${n >> 8}.${n & 255}:5060`;
  return { setid, destination, flags, priority: 0, attrs: '', description: describeRow(`m-${n}`) };
}

export function insertOf(row: DispatcherRow): RowChange {
  return { kind: 'insert', row };
}

export function flagsTo(before: DispatcherRow, flags: number): RowChange {
  return { kind: 'update', before, row: { ...before, flags } };
}
