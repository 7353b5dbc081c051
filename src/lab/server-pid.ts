import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from './parts/daemon.js';
import { isAlive } from './parts/daemon.js';
import type { LabNode, LabPlan } from './plan.js';
import { partDir } from './state.js';

/** The SIP server that a node's agent started last (its `server.json`), or null when none is alive. */
export function serverOf(runDir: string, node: LabNode): ProcessIdentity | null {
  try {
    const text = readFileSync(join(partDir(runDir, node.name), 'server.json'), 'utf8');
    const { pid, startTicks } = JSON.parse(text) as { pid: number; startTicks: number };
    return isAlive({ pid, startTicks }) ? { pid, startTicks } : null;
  } catch {
    return null; // Not written yet, or being replaced.
  }
}

/** The node of that name; undefined when the lab has none. */
export function findNode(plan: LabPlan, name: string): LabNode | undefined {
  return plan.nodes.find((node) => node.name === name);
}
