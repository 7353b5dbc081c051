import { z } from 'zod';
import { cutText } from '../../util/cut-text.js';
import { InvalidInputError } from '../../util/errors.js';

/** What FreeSWITCH's core says of itself. `isReady` stays true with SIP dead: it is no health. */
export interface FreeswitchStatus {
  readonly isReady: boolean;
  /** Sessions (legs) alive now. Right within milliseconds; may count phantoms for ten seconds. */
  readonly activeSessions: number;
  /** `max_sessions`; FreeSWITCH may lower it by itself when it runs out of threads. */
  readonly sessionLimit: number;
  readonly sessionsPerSecond: number;
  readonly sessionsPerSecondLimit: number;
  readonly idleCpuPercent: number;
  readonly version: string;
}

const STATUS = z.object({
  status: z.literal('success'),
  response: z.object({
    systemStatus: z.enum(['ready', 'not ready']),
    version: z.string(),
    sessions: z.object({
      count: z.object({ active: z.int().min(0), limit: z.int().min(0) }),
      rate: z.object({ current: z.int().min(0), max: z.int().min(0) }),
    }),
    idleCPU: z.object({ allowed: z.number() }),
  }),
});

const PROFILES = z.object({
  profiles: z
    .record(z.string(), z.object({ status: z.object({ type: z.string(), state: z.string() }) }))
    .optional(),
});

/** Reads the body of `json {"command":"status","data":""}`. Throws InvalidInputError. */
export function parseStatus(body: string): FreeswitchStatus {
  const { response } = parse('FreeSWITCH status', STATUS, body);
  return {
    isReady: response.systemStatus === 'ready',
    activeSessions: response.sessions.count.active,
    sessionLimit: response.sessions.count.limit,
    sessionsPerSecond: response.sessions.rate.current,
    sessionsPerSecondLimit: response.sessions.rate.max,
    idleCpuPercent: response.idleCPU.allowed,
    version: response.version,
  };
}

/** Reads the body of `sofia jsonstatus`: the state of each profile by name. Throws InvalidInputError. */
export function parseProfileStates(body: string): ReadonlyMap<string, string> {
  const { profiles = {} } = parse('sofia jsonstatus', PROFILES, body);
  return new Map(
    Object.entries(profiles)
      .filter(([, profile]) => profile.status.type === 'profile')
      .map(([name, profile]) => [name, profile.status.state]),
  );
}

/** Reads the body of `show ... count`, a line `N total.`. Throws InvalidInputError. */
export function parseCount(what: string, body: string): number {
  const digits = /^\s*(\d{1,9}) total\.\s*$/.exec(body)?.[1];
  if (digits === undefined) throw unexpected(what, '"N total."', body);
  return Number(digits);
}

/** Reads the body `true` or `false`. Throws InvalidInputError. */
export function parseBoolean(what: string, body: string): boolean {
  const word = body.trim();
  if (word !== 'true' && word !== 'false') throw unexpected(what, 'true or false', body);
  return word === 'true';
}

/** Accepts a body that begins with `+OK`. Throws InvalidInputError for any other. */
export function expectOk(what: string, body: string): void {
  if (!/^\+OK\b/.test(body)) throw unexpected(what, '+OK', body);
}

function parse<T>(what: string, schema: z.ZodType<T>, body: string): T {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw unexpected(what, 'JSON', body);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const faults = result.error.issues.map((i) => `${i.path.join('.') || 'reply'}: ${i.message}`);
  throw new InvalidInputError(what, faults.join('; '));
}

function unexpected(what: string, expected: string, found: string): InvalidInputError {
  return new InvalidInputError(
    what,
    `expected ${expected}, found ${JSON.stringify(cutText(found, 80))}`,
  );
}
