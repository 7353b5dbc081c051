import type { DrillName } from './names.js';
import type { Finding } from './stage.js';

/** What one drill came to. */
export interface DrillResult {
  readonly name: DrillName;
  readonly hasPassed: boolean;
  readonly tookMs: number;
  readonly findings: readonly Finding[];
  /** Why it could not be done; null when it was. */
  readonly error: string | null;
}

/** `carna lab drill --json`: stable, fields are added, never renamed. */
export interface DrillReport {
  readonly schema: 1;
  readonly hasPassed: boolean;
  readonly drills: readonly DrillResult[];
}

/** One that was done and in which everything held. Pure. */
export function drillResult(
  name: DrillName,
  tookMs: number,
  findings: readonly Finding[],
): DrillResult {
  const hasPassed = findings.length > 0 && findings.every((finding) => finding.isGood);
  return { name, hasPassed, tookMs: Math.round(tookMs), findings, error: null };
}

/** Sums several up; no drill at all is no success. Pure. */
export function drillReport(drills: readonly DrillResult[]): DrillReport {
  const hasPassed = drills.length > 0 && drills.every((drill) => drill.hasPassed);
  return { schema: 1, hasPassed, drills };
}
