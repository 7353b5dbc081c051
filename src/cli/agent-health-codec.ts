import { z } from 'zod';
import type { LiveDestination } from '../topology/live-destination.js';
import { InvalidInputError } from '../util/errors.js';

/** What operators' commands use of an agent's `/healthz`; null = it does not say. */
export interface AgentHealth {
  readonly nodeId: string | null;
  readonly state: string | null;
  /** Calls on the node now. */
  readonly calls: number | null;
  /** The drain under way; null when there is none. */
  readonly drain: AgentDrain | null;
}

/** How far a drain is, in the agent's words. */
export interface AgentDrain {
  /** `empty` = it takes no new work and no call is left, or the deadline has passed. */
  readonly step: string;
  /** Calls, legs or transactions left; null while the server does not say. */
  readonly left: number | null;
  readonly endedPerSecond: number | null;
  /** Wall clock in ms. */
  readonly deadlineAtMs: number | null;
  /** What was still there when waiting was ended by the deadline or by `now`; null before, and for an agent that does not say. */
  readonly cut: number | null;
}

const count = z.number().int().nonnegative().nullable().catch(null);
const word = z.string().max(256).nullable().catch(null);
const health = z.object({
  nodeId: word,
  state: word,
  calls: count,
  drain: z
    .object({
      step: z.string().max(32),
      left: z.object({ count }).nullable().catch(null),
      endedPerSecond: z.number().nonnegative().nullable().catch(null),
      deadlineAtMs: z.number().nullable().catch(null),
      cut: count,
    })
    .nullable()
    .catch(null),
});

/** Reads the body of `/healthz`. Unknown fields are ignored; throws InvalidInputError when it is no object. */
export function parseAgentHealth(where: string, body: unknown): AgentHealth {
  const result = health.safeParse(body);
  if (!result.success) throw new InvalidInputError(where, 'expected a JSON object');
  const { nodeId, state, calls, drain } = result.data;
  const left = drain?.left?.count ?? null;
  return {
    nodeId,
    state,
    calls: calls ?? left,
    drain: drain === null ? null : { ...drain, left },
  };
}

/** The live list of one Kamailio as its agent read it. */
export interface AgentLive {
  readonly nodeId: string;
  readonly destinations: readonly LiveDestination[];
  /** Wall clock in ms. */
  readonly readAtMs: number;
}

const live = z.object({
  nodeId: z.string().min(1).max(256),
  destinations: z.array(
    z.object({
      setid: z.number().int(),
      destination: z.string().max(1024),
      letters: z.string().regex(/^[AITD][PX]?$/),
      priority: z.number().int(),
      attrs: z.string().max(1024),
    }),
  ),
  readAtMs: z.number(),
});

/** Reads the body of `/live`. Throws InvalidInputError, naming the first field that does not fit. */
export function parseAgentLive(where: string, body: unknown): AgentLive {
  const result = live.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new InvalidInputError(where, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}
