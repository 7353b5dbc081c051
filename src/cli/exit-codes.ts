import { CarnaError } from '../util/errors.js';

/** What the exit code of `carna` means; `--help` prints EXIT_CODES_HELP. */
export const EXIT = {
  /** It was done. */
  done: 0,
  /** The answer is "no": nothing matches, lists differ, a drain did not end, a step failed. */
  no: 1,
  /** Wrong use: arguments or configuration. */
  usage: 2,
  /** Something needed is away: ZooKeeper, PostgreSQL, a program, a file. */
  away: 3,
  /** A guard refused. */
  held: 4,
  /** A bug of Carna. */
  bug: 70,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_CODES_HELP = `Exit codes:
  0  done
  1  the answer is "no": nothing matches, lists differ, it did not end well
  2  wrong use: arguments or configuration
  3  something needed is away: ZooKeeper, PostgreSQL, a program, a file
  4  refused by a guard
  70 a bug of carna; please report it`;

/** Every class of src/util/errors.ts by its stable code. */
const BY_ERROR_CODE: Readonly<Record<string, ExitCode>> = {
  CARNA_CONFIG: EXIT.usage,
  CARNA_USAGE: EXIT.usage,
  CARNA_INVALID_INPUT: EXIT.no,
  CARNA_DEADLINE: EXIT.away,
  CARNA_STORE_UNAVAILABLE: EXIT.away,
  CARNA_STORE_REFUSED: EXIT.away,
  CARNA_DEPOSED: EXIT.no,
  CARNA_REGISTRY_NOT_SENT: EXIT.away,
  CARNA_REGISTRY_REJECTED: EXIT.away,
  CARNA_REGISTRY_AMBIGUOUS: EXIT.away,
  CARNA_REGISTRY_SESSION_OVER: EXIT.away,
  CARNA_BINRPC_FAULT: EXIT.no,
  CARNA_PROTOCOL: EXIT.away,
  CARNA_SERVER_UNAVAILABLE: EXIT.away,
  CARNA_ESL_AUTH: EXIT.away,
  CARNA_ESL_REPLY: EXIT.no,
  CARNA_SERVER_START: EXIT.away,
  CARNA_CRASH_LOOP: EXIT.away,
  CARNA_STORE_CONFLICT: EXIT.no,
  CARNA_HELD_BY_GUARD: EXIT.held,
  CARNA_MISSING_PART: EXIT.away,
  CARNA_LAB: EXIT.no,
  CARNA_MARATHON_UNAVAILABLE: EXIT.away,
  CARNA_MARATHON_ANSWER: EXIT.away,
  CARNA_MARATHON_REFUSED: EXIT.no,
  CARNA_MARATHON_AMBIGUOUS: EXIT.away,
};

/** The exit code for anything thrown: what is no CarnaError is a bug. Several errors give the gravest code. */
export function exitCodeOf(err: unknown): ExitCode {
  if (err instanceof AggregateError && err.errors.length > 0) {
    return err.errors.map(exitCodeOf).reduce((worst, code) => (code > worst ? code : worst));
  }
  return err instanceof CarnaError ? (BY_ERROR_CODE[err.code] ?? EXIT.bug) : EXIT.bug;
}
