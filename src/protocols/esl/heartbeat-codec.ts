import { z } from 'zod';
import { InvalidInputError } from '../../util/errors.js';
import type { EslEvent } from './session.js';

/** What a HEARTBEAT tells of the load. Its `Event-Info` is always `System Ready` and says nothing. */
export interface Heartbeat {
  /** Sessions (legs) as it was sent. */
  readonly sessions: number;
  readonly sessionLimit: number;
  /** New sessions in the last full second (`Session-Per-Sec` is what is left of this second's allowance). */
  readonly sessionsPerSecond: number;
  readonly idleCpuPercent: number;
}

const count = z
  .string()
  .regex(/^\d{1,9}$/, 'expected a whole number')
  .transform(Number);

const percent = z
  .string()
  .regex(/^\d{1,3}(?:\.\d{1,9})?$/, 'expected a percentage')
  .transform(Number)
  .refine((value) => value <= 100, 'expected at most 100');

const HEARTBEAT = z.object({
  'Session-Count': count,
  'Max-Sessions': count,
  'Session-Per-Sec-Last': count,
  'Idle-CPU': percent,
});

/** Reads the headers of a HEARTBEAT event. Throws InvalidInputError naming each header at fault. */
export function parseHeartbeat(event: EslEvent): Heartbeat {
  const result = HEARTBEAT.safeParse(event);
  if (!result.success) {
    const faults = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new InvalidInputError('HEARTBEAT', faults.join('; '));
  }
  return {
    sessions: result.data['Session-Count'],
    sessionLimit: result.data['Max-Sessions'],
    sessionsPerSecond: result.data['Session-Per-Sec-Last'],
    idleCpuPercent: result.data['Idle-CPU'],
  };
}
