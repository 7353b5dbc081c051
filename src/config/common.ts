import { z } from 'zod';
import { optional, required, withDefault } from './variables.js';
import type { ValuesOf, Variable } from './variables.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where the ensemble is. */
export interface ZookeeperAddress {
  /** As ZooKeeper clients take it: `host:port[,host:port][/chroot]`. */
  readonly connectString: string;
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  /** Begins with `/`; empty when there is none. */
  readonly chroot: string;
}

/** A short lower-case name, as it stands in znode paths. */
export const shortName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/);
export const SHORT_NAME_EXPECTED = 'a lower-case name of at most 32 letters, digits and dashes';

/** A whole number within limits, written in decimal. */
export function wholeNumber(min: number, max: number): z.ZodType<number, string> {
  return z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .refine((n) => n >= min && n <= max);
}

/** A variable of whole milliseconds, at most a day. */
export function milliseconds(
  name: `CARNA_${string}`,
  fallback: string,
  meaning: string,
  min = 1,
): Variable<number> {
  return withDefault(name, fallback, wholeNumber(min, 86_400_000), {
    expected: `whole milliseconds from ${min} to 86400000`,
    meaning,
  });
}

/** host:port of a TCP port to reach or to listen on. Port 0 only where `minPort` says so. */
export function hostPort(
  minPort: 0 | 1 = 1,
): z.ZodType<{ readonly host: string; readonly port: number }, string> {
  return z.string().transform((text, ctx) => {
    const server = parseServer(text, minPort);
    if (server !== null) return server;
    ctx.addIssue({ code: 'custom', message: 'no host:port' });
    return z.NEVER;
  });
}

/** Parses `host:port[,host:port][/chroot]`; null when it is none or names an IPv6 address, which the client cannot use. Pure. */
export function parseZookeeperAddress(text: string): ZookeeperAddress | null {
  const slash = text.indexOf('/');
  const chroot = slash === -1 ? '' : text.slice(slash);
  if (chroot !== '' && !/^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)+$/.test(chroot)) return null;
  const names = (slash === -1 ? text : text.slice(0, slash)).split(',');
  const servers = names.map((name) => parseServer(name, 1));
  const good = servers.flatMap((server) =>
    server === null || server.host.startsWith('[') ? [] : [server],
  );
  return good.length === names.length ? { connectString: text, servers: good, chroot } : null;
}

function parseServer(text: string, minPort: number): { host: string; port: number } | null {
  const match = /^(\[[0-9a-fA-F:.]+\]|[\w](?:[\w.-]*[\w])?):(\d{1,5})$/.exec(text);
  const host = match?.[1];
  const port = Number(match?.[2]);
  return host === undefined || port < minPort || port > 65535 ? null : { host, port };
}

const zookeeper = z.string().transform((text, ctx) => {
  const address = parseZookeeperAddress(text);
  if (address !== null) return address;
  ctx.addIssue({ code: 'custom', message: 'no connect string' });
  return z.NEVER;
});

export const ZOOKEEPER_EXPECTED = 'host:port[,host:port…][/chroot]';

const databaseUrl = z.string().refine((text) => /^postgres(?:ql)?:$/.test(protocolOf(text)));

function protocolOf(text: string): string {
  try {
    return new URL(text).protocol;
  } catch {
    return '';
  }
}

/** What every process of Carna reads; the tables of agent, reconciler and cli spread these entries. */
export const COMMON_VARIABLES = {
  cluster: withDefault('CARNA_CLUSTER', 'carna', shortName, {
    expected: SHORT_NAME_EXPECTED,
    meaning: 'name of the platform, first level of every znode path',
  }),
  dc: withDefault('CARNA_DC', 'dc1', shortName, {
    expected: SHORT_NAME_EXPECTED,
    meaning: 'data centre in which this process runs',
  }),
  zookeeper: required('CARNA_ZOOKEEPER', zookeeper, {
    expected: ZOOKEEPER_EXPECTED,
    meaning: 'the ZooKeeper ensemble of this data centre',
  }),
  zookeeperAuth: optional('CARNA_ZOOKEEPER_AUTH', z.string().regex(/^[^:\s]+:[^\s]+$/), {
    expected: 'user:password',
    meaning: 'digest credential for znodes that only Carna may write',
    isSecret: true,
  }),
  sessionTimeoutMs: withDefault('CARNA_ZK_SESSION_TIMEOUT_MS', '10000', wholeNumber(500, 120_000), {
    expected: 'whole milliseconds from 500 to 120000',
    meaning: 'silence after which ZooKeeper ends our zkSession, in ms',
  }),
  databaseUrl: required('CARNA_DATABASE_URL', databaseUrl, {
    expected: 'postgresql://user:password@host:port/database',
    meaning: "the PostgreSQL database that holds Kamailio's tables and Carna's",
    isSecret: true,
  }),
  logLevel: withDefault('CARNA_LOG_LEVEL', 'info', z.enum(LOG_LEVELS), {
    expected: LOG_LEVELS.join(' | '),
    meaning: 'least important log line that is written',
  }),
} as const;

/** The compiled values of COMMON_VARIABLES. */
export type CommonConfig = ValuesOf<typeof COMMON_VARIABLES>;

/** The same entry, but not needed: null when it is unset. */
export const OPTIONAL_DATABASE_URL = optional('CARNA_DATABASE_URL', databaseUrl, {
  expected: COMMON_VARIABLES.databaseUrl.expected,
  meaning: COMMON_VARIABLES.databaseUrl.meaning,
  isSecret: true,
});

/** A login of the group role that may change users and trunks; null when it is unset. */
export const MANAGER_DATABASE_URL = optional('CARNA_MANAGER_DATABASE_URL', databaseUrl, {
  expected: COMMON_VARIABLES.databaseUrl.expected,
  meaning:
    'the same database as a login that may change users and trunks (group role carna_manager)',
  isSecret: true,
});
