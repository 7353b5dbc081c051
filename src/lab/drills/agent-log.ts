import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { LabNode } from '../plan.js';
import type { LabState } from '../state.js';
import { partDir } from '../state.js';

/** What drills use of a line of an agent's log. */
export interface LogLine {
  readonly msg?: string;
  readonly step?: { readonly kind?: string; readonly how?: string };
}

/** A place in the log of a node's agent, from which what follows can be read. */
export interface LogMark {
  readonly file: string;
  readonly sizeBytes: number;
}

/** The end of the log as it is now. */
export function markLog(lab: LabState, node: LabNode): LogMark {
  const file = join(partDir(lab.runDir, node.name), 'log');
  return { file, sizeBytes: statSync(file).size };
}

/** What was written since, as text. */
export function readSince({ file, sizeBytes }: LogMark): string {
  return readFileSync(file).subarray(sizeBytes).toString('utf8');
}

/** The lines of the log proper; what is no JSON is left out. Pure. */
export function parseLog(text: string): readonly LogLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as LogLine];
    } catch {
      return [];
    }
  });
}

/** How the last drain ended, in the agent's words; null when it did not. Pure. */
export function drainEnd(lines: readonly LogLine[]): string | null {
  return lines.findLast(({ step }) => step?.kind === 'empty')?.step?.how ?? null;
}
