import { askDaemon } from '../ask-daemon.js';
import type { LabAddress } from '../plan.js';

/** What drills use of an agent's `/healthz`; null = it does not say. */
export interface SeenHealth {
  readonly state: string | null;
  readonly calls: number | null;
  /** Step of the drain under way. */
  readonly step: string | null;
  /** Calls that a drain still waits for. */
  readonly left: number | null;
}

/** Asks an agent of the lab; null when it does not answer. */
export async function readHealth(http: LabAddress): Promise<SeenHealth | null> {
  const text = await askDaemon(http, '/healthz');
  return text === null ? null : seenHealth(JSON.parse(text));
}

/** Picks the fields out of a body; what has another shape is null. Pure. */
export function seenHealth(body: unknown): SeenHealth {
  const drain = memberOf(body, 'drain');
  return {
    state: textOf(memberOf(body, 'state')),
    calls: countOf(memberOf(body, 'calls')),
    step: textOf(memberOf(drain, 'step')),
    left: countOf(memberOf(memberOf(drain, 'left'), 'count')),
  };
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function countOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
