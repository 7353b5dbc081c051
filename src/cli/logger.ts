import pino from 'pino';
import type { DestinationStream, Logger } from 'pino';
import type { LogLevel } from '../config/common.js';
import { CarnaError, messageOf } from '../util/errors.js';
import { hideCredentials } from './hide-credentials.js';

/** Fields that hold secrets whatever their value, at the top of a log object and up to two levels below. */
const SECRET_FIELDS = ['password', 'auth', 'zookeeperAuth', 'secret', 'token', 'authorization'];

/** Fields with URLs: shown without user and password. */
const URL_FIELDS = ['url', 'databaseUrl', 'connectionString', 'dsn'];

const DEPTHS = ['', '*.', '*.*.'];
const CENSOR = '[hidden]';

export interface LoggerOptions {
  /** CARNA_LOG_LEVEL, compiled. */
  readonly level: LogLevel;
  /** On every line: component, nodeId, version and the like. */
  readonly base: Readonly<Record<string, string | number>>;
  /** Standard error when absent. */
  readonly destination?: DestinationStream;
}

/**
 * Makes the process's logger: one JSON object a line, secrets redacted by path, credentials in URLs hidden.
 *
 * Writes synchronously: the last line before a crash is the one that is needed.
 */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? pino.destination({ fd: 2, sync: true });
  return pino(
    {
      level: options.level,
      base: { ...options.base },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
      redact: {
        paths: [...SECRET_FIELDS, ...URL_FIELDS].flatMap((name) =>
          DEPTHS.map((depth) => `${depth}${name}`),
        ),
        censor: (value, path) => {
          const isUrl = URL_FIELDS.includes(path.at(-1) ?? '') && typeof value === 'string';
          return isUrl ? hideCredentials(value) : CENSOR;
        },
      },
    },
    destination,
  );
}

/** An error as pino shows it, without credentials in its texts; an expected one without its stack. */
function serializeError(err: Error): unknown {
  const shown = pino.stdSerializers.err(err);
  if (!(err instanceof CarnaError)) return hideInTexts(shown, 0);
  const { type, code, message } = shown;
  const cause = err.cause === undefined ? {} : { cause: messageOf(err.cause) };
  return hideInTexts({ type, code: code as unknown, message, ...cause }, 0);
}

const MAX_CAUSES = 5;

function hideInTexts(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return hideCredentials(value);
  if (typeof value !== 'object' || value === null || depth > MAX_CAUSES) return value;
  if (Array.isArray(value)) return value.map((item) => hideInTexts(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, hideInTexts(item, depth + 1)]),
  );
}
