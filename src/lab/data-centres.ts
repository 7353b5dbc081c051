import { dirname, join } from 'node:path';
import { LabError } from '../util/errors.js';
import { MAX_DCS } from './plan.js';
import type { LabState } from './state.js';
import { readLab, requireLab } from './state.js';

/** Where data centre number `n` (from 1) of a lab lives: the first in the run directory, each further one below it. */
export function dcRunDir(runDir: string, n: number): string {
  return n === 1 ? runDir : join(runDir, `dc${n}`);
}

/** The labs of the further data centres below this one's run directory, as far as there are any. */
export function nestedLabs(runDir: string): readonly LabState[] {
  return Array.from({ length: MAX_DCS - 1 }, (_, at) => readLab(dcRunDir(runDir, at + 2))).filter(
    (state) => state !== null,
  );
}

/** The lab of a data centre by its name; undefined or empty = the first one. Null when there is none. */
export function labOfDc(runDir: string, dc: string | undefined): LabState | null {
  const first = readLab(runDir);
  if (first === null || dc === undefined || dc === '' || first.plan.site.dc === dc) return first;
  return nestedLabs(runDir).find(({ plan }) => plan.site.dc === dc) ?? null;
}

/** A part of a lab, and in which data centre it is. */
export interface PlacedPart {
  readonly lab: LabState;
  /** As it is called there. */
  readonly name: string;
}

/**
 * Finds a part by its name in all data centres of the lab in `runDir`: nodes of a further one carry its prefix
 * by themselves, what else runs there is told by it (`dc2-zookeeper`). Throws LabError when no lab is up.
 */
export function placePart(runDir: string, name: string): PlacedPart {
  const first = requireLab(runDir);
  const nested = nestedLabs(runDir).find(({ plan }) => name.startsWith(plan.site.prefix));
  if (nested === undefined) return { lab: first, name };
  const { plan } = nested;
  if (plan.nodes.some((node) => node.name === name)) return { lab: nested, name };
  return { lab: nested, name: name.slice(plan.site.prefix.length) };
}

/** The labs of the other data centres of the same platform. */
export function otherLabs(lab: Pick<LabState, 'runDir' | 'plan'>): readonly LabState[] {
  const first = lab.plan.site.prefix === '' ? lab.runDir : dirname(lab.runDir);
  const all = [readLab(first), ...nestedLabs(first)].filter((one) => one !== null);
  return all.filter(({ plan }) => plan.site.dc !== lab.plan.site.dc);
}

/** The lab of data centre number two. Throws LabError with the next step when there is none. */
export function requireSecond(lab: LabState): LabState {
  const [second] = nestedLabs(lab.runDir);
  if (second !== undefined) return second;
  throw new LabError('this lab has one data centre; start it with: carna lab up --dc 2');
}
