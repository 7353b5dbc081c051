import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { ProcessIdentity } from '../../../src/lab/parts/daemon.js';
import type { PostgresOptions } from '../../../src/lab/parts/postgres.js';
import { postgresUrl, startPostgres, stopPostgres } from '../../../src/lab/parts/postgres.js';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import { StoreUnavailableError } from '../../../src/util/errors.js';
import { freePort } from '../../support/resources.js';

const run = promisify(execFile);
const SCHEMA = '/usr/share/kamailio/postgres';

/** A real PostgreSQL with the dispatcher table of Kamailio's own package. */
export class DispatcherDatabase {
  readonly pool: pg.Pool;
  /** As db_postgres wants it. */
  readonly kamailioUrl: string;
  server: ProcessIdentity;
  readonly #options: PostgresOptions;

  private constructor(
    options: PostgresOptions,
    server: ProcessIdentity,
    url: string,
    limits: pg.PoolConfig,
  ) {
    this.#options = options;
    this.server = server;
    this.kamailioUrl = url.replace('postgresql:', 'postgres:');
    this.pool = new pg.Pool({ connectionString: url, ...limits });
    this.pool.on('error', () => undefined);
  }

  static async open(dir: string, limits: pg.PoolConfig): Promise<DispatcherDatabase> {
    const port = await freePort();
    const password = 'for-this-test-only';
    const at = { dir: join(dir, 'pg'), host: '127.0.0.1', port, password };
    const options: PostgresOptions = { ...at, env: process.env };
    const server = await startPostgres(options);
    const url = postgresUrl(options, 'postgres');
    for (const file of ['standard-create.sql', 'dispatcher-create.sql']) {
      await run('psql', ['-q', '-1', '-v', 'ON_ERROR_STOP=1', '-f', join(SCHEMA, file), url]);
    }
    return new DispatcherDatabase(options, server, url, limits);
  }

  async start(): Promise<void> {
    this.server = await startPostgres(this.#options);
  }

  async stop(): Promise<void> {
    await stopPostgres(this.server);
  }

  async close(): Promise<void> {
    await this.pool.end();
    await this.stop();
  }

  async writeRows(rows: readonly DispatcherRow[]): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      await client.query('delete from dispatcher');
      await client.query(
        'insert into dispatcher (setid, destination, flags, priority, attrs, description) select * from unnest($1::int[], $2::text[], $3::int[], $4::int[], $5::text[], $6::text[])',
        [
          rows.map((r) => r.setid),
          rows.map((r) => r.destination),
          rows.map((r) => r.flags),
          rows.map((r) => r.priority),
          rows.map((r) => r.attrs),
          rows.map((r) => r.description),
        ],
      );
      await client.query('commit');
    } finally {
      client.release();
    }
  }

  /** What an applier reads, as of a generation. Throws StoreUnavailableError. */
  async readTable(
    generation: number,
    setids: readonly number[],
  ): Promise<{ generation: number; rows: DispatcherRow[] }> {
    try {
      const { rows } = await this.pool.query<DispatcherRow>(
        'select setid, destination, flags, priority, attrs, description from dispatcher where setid = any($1)',
        [[...setids]],
      );
      return { generation, rows };
    } catch (err) {
      throw new StoreUnavailableError('no table', { cause: err });
    }
  }
}
