import { readServerFile } from '../agent/runtime/server-file.js';
import type { ProcessIdentity } from './parts/daemon.js';
import { isAlive } from './parts/daemon.js';
import type { LabNode, LabPlan } from './plan.js';
import { partDir } from './state.js';

/** The SIP server that a node's agent started or took over last, or null when none is alive. */
export function serverOf(runDir: string, node: LabNode): ProcessIdentity | null {
  const server = readServerFile(partDir(runDir, node.name))?.server?.process ?? null;
  return server !== null && isAlive(server) ? server : null;
}

/** The node of that name; undefined when the lab has none. */
export function findNode(plan: LabPlan, name: string): LabNode | undefined {
  return plan.nodes.find((node) => node.name === name);
}
