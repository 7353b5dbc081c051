import { z } from 'zod';
import type { AgentReport } from '../topology/explain-facts.js';
import { cutText } from '../util/cut-text.js';
import { InvalidInputError } from '../util/errors.js';

/** An agent keeps at most 32 checks; a few more do no harm. */
const MAX_CHECKS = 64;
const MAX_LINE = 512;

const line = z.string().transform((text) => cutText(text, MAX_LINE));
const maybeLine = line.nullable().catch(null);
const count = z.number().int().nonnegative().nullable().catch(null);

const check = z.object({
  check: line,
  verdict: z.enum(['ok', 'fail', 'unknown']),
  latencyMs: z.number().catch(0),
  text: line.catch(''),
  atMs: z.number(),
  sinceMs: z.number(),
});

const report = z.object({
  nodeId: maybeLine,
  registry: maybeLine,
  calls: count,
  server: z.object({ name: maybeLine, starts: count, lastExit: maybeLine }).nullable().catch(null),
  health: z
    .object({ isUp: z.boolean(), streak: z.number().catch(0) })
    .nullable()
    .catch(null),
  checks: z.array(z.unknown()).catch([]),
  notes: z.array(line).catch([]),
  quarantine: z
    .object({ untilMs: z.number(), times: z.number().catch(1) })
    .nullable()
    .catch(null),
});

/**
 * Reads the body of an agent's `/healthz` for `carna explain`. Unknown fields are ignored, a field that
 * cannot be understood counts as not told; throws InvalidInputError when it is no object.
 */
export function parseAgentReport(where: string, body: unknown): AgentReport {
  const result = report.safeParse(body);
  if (!result.success) throw new InvalidInputError(where, 'expected a JSON object');
  const checks = result.data.checks.slice(0, MAX_CHECKS).flatMap((one) => {
    const read = check.safeParse(one);
    return read.success ? [read.data] : [];
  });
  return { ...result.data, checks };
}
