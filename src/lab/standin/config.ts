import { hostname } from 'node:os';
import { ConfigError, messageOf } from '../../util/errors.js';

/** How long each step of a stop takes; the defaults are those of a real FreeSWITCH 1.11.1. */
export interface StopTimings {
  /** From the request to the SHUTDOWN event and the hang-up of all calls. */
  readonly untilHangupMs: number;
  /** From the last answered BYE to the end of the Event Socket and of SIP. */
  readonly untilSilentMs: number;
  /** From the request to the end of the process, at least. */
  readonly untilExitMs: number;
  /** From the end of a `shutdown restart` to the new start. */
  readonly untilRestartMs: number;
}

export interface StandinConfig {
  readonly sipHost: string;
  readonly sipPort: number;
  readonly eslHost: string;
  readonly eslPort: number;
  readonly eslPassword: string;
  /** The switch name, as FreeSWITCH's parameter `switchname`. */
  readonly nodeName: string;
  readonly hostName: string;
  /** The session limit: as in FreeSWITCH the N-th call is refused, so N-1 can be up. */
  readonly maxSessions: number;
  readonly sessionsPerSecond: number;
  readonly profileName: string;
  readonly heartbeatMs: number;
  /** From 180 to 200. */
  readonly ringMs: number;
  /** A client that says nothing is closed after this. */
  readonly preauthMs: number;
  readonly stop: StopTimings;
}

export const STANDIN_DEFAULTS = {
  maxSessions: 1000,
  sessionsPerSecond: 1000,
  profileName: 'carna',
  heartbeatMs: 20_000,
  ringMs: 20,
  preauthMs: 25_000,
  stop: { untilHangupMs: 450, untilSilentMs: 800, untilExitMs: 4500, untilRestartMs: 1000 },
} as const;

/**
 * The stand-in's configuration from its environment: CARNA_SIP_HOST, CARNA_SIP_PORT, CARNA_ESL_HOST,
 * CARNA_ESL_PORT, CARNA_ESL_PASSWORD or CARNA_ESL_PASSWORD_FILE, CARNA_NODE_NAME, and optionally
 * CARNA_MAX_SESSIONS and CARNA_HEARTBEAT_MS. `readFile` gives the text of a file.
 *
 * Throws one ConfigError that lists every fault; it never names the password's value.
 */
export function readStandinConfig(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): StandinConfig {
  const faults: string[] = [];
  const text = (name: string): string => {
    const value = env[name] ?? '';
    if (value === '') faults.push(`${name}: not set`);
    return value;
  };
  const integer = (name: string, min: number, max: number, fallback?: number): number => {
    const raw = env[name];
    if (raw === undefined && fallback !== undefined) return fallback;
    const value = /^\d{1,9}$/.test(raw ?? '') ? Number(raw) : Number.NaN;
    if (value >= min && value <= max) return value;
    faults.push(
      `${name}: expected a whole number from ${min} to ${max}, found ${raw ?? 'nothing'}`,
    );
    return min;
  };
  const config: StandinConfig = {
    ...STANDIN_DEFAULTS,
    sipHost: text('CARNA_SIP_HOST'),
    sipPort: integer('CARNA_SIP_PORT', 1, 65_535),
    eslHost: text('CARNA_ESL_HOST'),
    eslPort: integer('CARNA_ESL_PORT', 1, 65_535),
    eslPassword: readPassword(env, readFile, faults),
    nodeName: text('CARNA_NODE_NAME'),
    hostName: hostname(),
    maxSessions: integer('CARNA_MAX_SESSIONS', 1, 100_000, STANDIN_DEFAULTS.maxSessions),
    heartbeatMs: integer('CARNA_HEARTBEAT_MS', 10, 3_600_000, STANDIN_DEFAULTS.heartbeatMs),
  };
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

function readPassword(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
  faults: string[],
): string {
  const direct = env['CARNA_ESL_PASSWORD'];
  const file = env['CARNA_ESL_PASSWORD_FILE'];
  if (direct !== undefined && direct !== '') return direct;
  if (file === undefined || file === '') {
    faults.push('CARNA_ESL_PASSWORD: not set, and no CARNA_ESL_PASSWORD_FILE either');
    return '';
  }
  try {
    const password = readFile(file).trimEnd();
    if (password === '') faults.push(`CARNA_ESL_PASSWORD_FILE: ${file} is empty`);
    return password;
  } catch (err) {
    faults.push(`CARNA_ESL_PASSWORD_FILE: ${messageOf(err)}`);
    return '';
  }
}
