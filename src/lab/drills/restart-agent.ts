import { startAgent } from '../launch.js';
import { isAlive } from '../parts/daemon.js';
import type { LabNode } from '../plan.js';
import type { LabState } from '../state.js';
import { writeLab } from '../state.js';

/** Starts the agent of a node again, as Marathon would, unless it runs; gives the lab's new state, which is written. */
export async function restartAgent(
  lab: LabState,
  node: LabNode,
  env: NodeJS.ProcessEnv,
): Promise<LabState> {
  const running = lab.processes[node.name];
  if (running !== undefined && isAlive(running)) return lab;
  const agent = await startAgent({ ...lab, env }, node, lab.media);
  const next = { ...lab, processes: { ...lab.processes, [node.name]: agent } };
  writeLab(next);
  return next;
}
