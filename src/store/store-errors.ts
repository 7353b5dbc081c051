import {
  CarnaError,
  DeposedError,
  HeldByGuardError,
  StoreConflictError,
  StoreRefusedError,
  StoreUnavailableError,
} from '../util/errors.js';

/** SQLSTATEs raised by our own functions (migrations/0001_carna.sql). */
export const SQLSTATE_DEPOSED = 'CA001';
export const SQLSTATE_CONFLICT = 'CA002';
export const SQLSTATE_EMPTIES = 'CA003';

/** SQLSTATE classes and codes that pass by themselves: connection, resources, shutdown, time-out, deadlock. */
const UNAVAILABLE = /^(08|53|57|58|40)|^55P03$|^25006$/;
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ENOENT',
]);
/** The client library gives these no code. */
const CLIENT_TEXT =
  /timeout exceeded|Query read timeout|Connection terminated|connection timeout|Client has encountered|end on the pool|Connection ended/i;
const AUTH_TEXT = /SASL|SCRAM|password|authentication|SSL/i;
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** An error of the client library in our words; what is no failure of the database is given back as it is. */
export function mapStoreError(err: unknown, password: string): unknown {
  if (err instanceof CarnaError || !(err instanceof Error)) return err;
  const code = 'code' in err && typeof err.code === 'string' ? err.code : '';
  const text = redact(err.message === '' ? code : err.message, password);
  if (NETWORK.has(code) || CLIENT_TEXT.test(err.message)) {
    return new StoreUnavailableError(`PostgreSQL cannot be reached: ${text}`);
  }
  if (SQLSTATE.test(code)) return mapSqlState(err, code, text);
  if (AUTH_TEXT.test(err.message)) return new StoreRefusedError(`PostgreSQL refused us: ${text}`);
  return err;
}

function mapSqlState(err: Error, code: string, text: string): CarnaError {
  switch (code) {
    case SQLSTATE_DEPOSED: {
      const detail = 'detail' in err && typeof err.detail === 'string' ? err.detail : '';
      const [mine = 0, newer = 0] = detail.split(' ').map(Number);
      return new DeposedError(mine, newer);
    }
    case SQLSTATE_CONFLICT:
      return new StoreConflictError(text);
    case SQLSTATE_EMPTIES:
      return new HeldByGuardError(text);
    default:
      if (UNAVAILABLE.test(code)) {
        return new StoreUnavailableError(`PostgreSQL is not available: ${text} (${code})`);
      }
      return new StoreRefusedError(`PostgreSQL refused: ${text} (${code})`);
  }
}

function redact(text: string, password: string): string {
  return password === '' ? text : text.replaceAll(password, '***');
}
