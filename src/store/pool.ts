import pg from 'pg';
import type { Logger } from 'pino';
import type { QueryResultRow } from 'pg';
import { InvalidInputError } from '../util/errors.js';
import { mapStoreError } from './store-errors.js';

export interface StoreOptions {
  /** `postgresql://user:password@host:port/database`. */
  readonly url: string;
  /** Bounds every try to connect. */
  readonly connectTimeoutMs: number;
  /** Bounds every statement, on the server and, should the server hang, on our side. */
  readonly statementTimeoutMs: number;
  readonly log: Pick<Logger, 'warn'>;
}

/** Connections to one PostgreSQL. Every method rejects with StoreUnavailableError or StoreRefusedError. */
export interface Store {
  /** Runs one statement on any connection. A `name` keeps it prepared. */
  query<Row extends QueryResultRow>(statement: Statement): Promise<readonly Row[]>;
  /** Runs `work` on one connection for itself; a rejection of `work` discards the connection. */
  withConnection<T>(work: (query: QueryFunction) => Promise<T>): Promise<T>;
  /** Ends all connections; safe to call twice. */
  close(): Promise<void>;
}

export interface Statement {
  readonly text: string;
  readonly values?: readonly unknown[];
  readonly name?: string;
}

/** Runs one statement; without values the text may hold several, separated by semicolons. */
export type QueryFunction = <Row extends QueryResultRow>(
  text: string,
  values?: readonly unknown[],
) => Promise<readonly Row[]>;

const MAX_CONNECTIONS = 4;
const KEEP_ALIVE_AFTER_MS = 10_000;
/** What our own deadline adds to the server's, which answers with the better message. */
const CLIENT_DEADLINE_SLACK_MS = 500;

/**
 * Opens a small pool; connects at the first use, so an absent server is an error of that use.
 *
 * A connection that dies while idle (server restarted, backend killed) is dropped and logged; the
 * next use opens another. Throws InvalidInputError when the URL cannot be read, without quoting it.
 */
export function openStore(options: StoreOptions): Store {
  const password = passwordOf(options.url);
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: 'carna',
    max: MAX_CONNECTIONS,
    // Never closed for idleness: a new connection costs a password exchange of several milliseconds.
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: options.connectTimeoutMs,
    statement_timeout: options.statementTimeoutMs,
    query_timeout: options.statementTimeoutMs + CLIENT_DEADLINE_SLACK_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
  });
  const mapped = (err: unknown): unknown => mapStoreError(err, password);
  pool.on('error', (err) => options.log.warn({ err: mapped(err) }, 'idle connection lost'));
  pool.on('connect', (client) => {
    // Without a listener an error between two statements would end the process.
    client.on('error', () => undefined);
  });
  let closing: Promise<void> | undefined;
  return {
    query: async <Row extends QueryResultRow>(statement: Statement) => {
      try {
        return (await pool.query<Row>(toConfig(statement))).rows;
      } catch (err) {
        throw mapped(err);
      }
    },
    withConnection: (work) => onOneConnection(pool, work, mapped),
    close: () => (closing ??= pool.end()),
  };
}

async function onOneConnection<T>(
  pool: pg.Pool,
  work: (query: QueryFunction) => Promise<T>,
  mapped: (err: unknown) => unknown,
): Promise<T> {
  const client = await pool.connect().catch((err: unknown) => {
    throw mapped(err);
  });
  const query = async <Row extends QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ): Promise<readonly Row[]> => {
    try {
      const config = values === undefined ? { text } : { text, values: [...values] };
      return (await client.query<Row>(config)).rows;
    } catch (err) {
      throw mapped(err);
    }
  };
  let isClean = false;
  try {
    const result = await work(query);
    isClean = true;
    return result;
  } finally {
    client.release(!isClean); // A connection in an unknown state, perhaps holding a lock, is not reused.
  }
}

function toConfig(statement: Statement): pg.QueryConfig {
  const { text, values, name } = statement;
  return {
    text,
    ...(values === undefined ? {} : { values: [...values] }),
    ...(name === undefined ? {} : { name }),
  };
}

function passwordOf(url: string): string {
  try {
    const parsed = new URL(url);
    if (!/^postgres(ql)?:$/.test(parsed.protocol)) throw new TypeError('other protocol');
    return decodeURIComponent(parsed.password);
  } catch {
    // The cause would quote the URL, and with it the password.
    throw new InvalidInputError('database URL', 'expected postgresql://user@host:port/database');
  }
}
