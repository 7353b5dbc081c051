import type { DrillOutcome } from '../drill.js';
import type { DrillName } from './names.js';
import type { Finding } from './stage.js';

/** What one drill came to. */
export interface DrillResult {
  readonly name: DrillName;
  /** `needs`: not done, since this lab or machine lacks something. */
  readonly verdict: 'passed' | 'failed' | 'needs';
  readonly hasPassed: boolean;
  readonly tookMs: number;
  readonly findings: readonly Finding[];
  /** Calls put through meanwhile, and how many of them did not end as they should; null when none were. */
  readonly calls: { readonly sent: number; readonly failed: number } | null;
  /** Why it could not be done; null when it was. */
  readonly error: string | null;
  /** What is lacking for it, for example `--zookeepers 3`; null when it was tried. */
  readonly needs: string | null;
}

/** `carna lab drill --json`: stable, fields are added, never renamed. */
export interface DrillReport {
  readonly schema: 1;
  /** Each was done, and everything held. */
  readonly hasPassed: boolean;
  /** Names of those that were not done, since something is lacking. */
  readonly undone: readonly DrillName[];
  readonly drills: readonly DrillResult[];
}

/** One that was done; it passed when everything held. Pure. */
export function drillResult(name: DrillName, tookMs: number, outcome: DrillOutcome): DrillResult {
  const { findings, calls } = outcome;
  const hasPassed = findings.length > 0 && findings.every((finding) => finding.isGood);
  const verdict = hasPassed ? 'passed' : 'failed';
  const round = Math.round(tookMs);
  return { name, verdict, hasPassed, tookMs: round, findings, calls, error: null, needs: null };
}

/** One that broke off. Pure. */
export function brokenDrill(name: DrillName, tookMs: number, error: string): DrillResult {
  return { ...NOT_DONE, name, verdict: 'failed', tookMs: Math.round(tookMs), error };
}

/** One that was not tried, since something is lacking. Pure. */
export function undoneDrill(name: DrillName, needs: string): DrillResult {
  return { ...NOT_DONE, name, verdict: 'needs', tookMs: 0, needs };
}

const NOT_DONE = { hasPassed: false, findings: [], calls: null, error: null, needs: null } as const;

/** Sums several up; no drill at all is no success, and one that was not done is none either. Pure. */
export function drillReport(drills: readonly DrillResult[]): DrillReport {
  const hasPassed = drills.length > 0 && drills.every((drill) => drill.hasPassed);
  const undone = drills.filter(({ verdict }) => verdict === 'needs').map(({ name }) => name);
  return { schema: 1, hasPassed, undone, drills };
}
