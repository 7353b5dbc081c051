import { CarnaError, ConfigError, messageOf, MissingPartError } from '../util/errors.js';
import { EXIT, exitCodeOf } from './exit-codes.js';
import type { ExitCode } from './exit-codes.js';
import { hideCredentials } from './hide-credentials.js';

/** What to do about an expected failure, by its stable code; a code without entry speaks for itself. */
const NEXT_STEP: Readonly<Record<string, string>> = {
  CARNA_CONFIG: 'set or correct the variables named above, then run the command again',
  CARNA_USAGE: 'carna --help',
  CARNA_STORE_UNAVAILABLE:
    'check that PostgreSQL runs where CARNA_DATABASE_URL (users and trunks: CARNA_MANAGER_DATABASE_URL) says',
  CARNA_STORE_REFUSED:
    "check the user's rights in CARNA_DATABASE_URL (users and trunks: CARNA_MANAGER_DATABASE_URL), then: carna init",
  CARNA_REGISTRY_NOT_SENT: 'check that ZooKeeper runs where CARNA_ZOOKEEPER says; safe to repeat',
  CARNA_REGISTRY_REJECTED:
    'check CARNA_ZOOKEEPER_AUTH, CARNA_CLUSTER and CARNA_DC, then: carna init',
  CARNA_REGISTRY_AMBIGUOUS: 'it may have happened; look before you repeat it: carna topology',
  CARNA_REGISTRY_SESSION_OVER: 'run the command again',
  CARNA_MARATHON_UNAVAILABLE:
    'check that Marathon runs where CARNA_MARATHON says; nothing was changed, safe to repeat',
  CARNA_MARATHON_ANSWER:
    'check that CARNA_MARATHON is the address of Marathon itself, and not of a proxy or a login page',
  CARNA_MARATHON_REFUSED:
    'check CARNA_MARATHON_USER and its password (or CARNA_MARATHON_TOKEN), and what Marathon says above',
  CARNA_MARATHON_AMBIGUOUS:
    'look at what Marathon does now (carna topology), then run the command again: it goes on from there',
  CARNA_DEADLINE: 'run the command again; what did not answer is named above',
};

/**
 * Prints a failure to people and returns its exit code.
 *
 * An expected failure (CarnaError) shows what was expected, what was found and the next step, no stack.
 * Anything else is a bug: its stack is shown with a request to report it. Credentials in URLs are hidden.
 */
export function reportFailure(err: unknown, write: (text: string) => void): ExitCode {
  for (const one of err instanceof AggregateError ? (err.errors as unknown[]) : [err]) {
    write(hideCredentials(one instanceof CarnaError ? expected(one) : bug(one)));
  }
  return exitCodeOf(err);
}

function expected(err: CarnaError): string {
  const lines = [`error: ${err.message}`];
  if (err.cause !== undefined) lines.push(`  because: ${messageOf(err.cause)}`);
  const next = NEXT_STEP[err.code];
  if (next !== undefined && !(err instanceof MissingPartError)) lines.push(`  next: ${next}`);
  if (err instanceof ConfigError) lines.push('  all variables: README.md, "Settings"');
  return `${lines.join('\n')}\n`;
}

function bug(err: unknown): string {
  const stack = err instanceof Error ? (err.stack ?? err.message) : String(err);
  return `${stack}\n\nThis is a bug of carna (exit code ${EXIT.bug}). Please report it with the text above.\n`;
}
