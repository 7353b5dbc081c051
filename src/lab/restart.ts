import { LabError } from '../util/errors.js';
import { faultNames } from './faults.js';
import { startAgent, startReconciler } from './launch.js';
import type { ProcessIdentity } from './parts/daemon.js';
import { isAlive } from './parts/daemon.js';
import type { LabNode } from './plan.js';
import { findNode } from './server-pid.js';
import type { LabState } from './state.js';
import { writeLab } from './state.js';

/**
 * Starts the agent of a node again, as Marathon would, unless it runs; gives the lab's new state, which is
 * written. `extra` are settings of this agent alone.
 */
export async function restartAgent(
  lab: LabState,
  node: LabNode,
  env: NodeJS.ProcessEnv,
  extra: Readonly<Record<string, string>> = {},
): Promise<LabState> {
  return restart(lab, node.name, () => startAgent({ ...lab, env }, node, lab.media, extra));
}

/** The same for any agent (by its node's name) or reconciler. Throws LabError for a name that is neither. */
export async function restartDaemon(
  lab: LabState,
  name: string,
  env: NodeJS.ProcessEnv,
): Promise<LabState> {
  const node = findNode(lab.plan, name);
  if (node !== undefined) return restartAgent(lab, node, env);
  const reconciler = lab.plan.reconcilers.find((one) => one.name === name);
  if (reconciler !== undefined) {
    return restart(lab, name, () => startReconciler({ ...lab, env }, reconciler));
  }
  throw new LabError(`the lab has no ${name}; it has: ${faultNames(lab).join(', ')}`);
}

async function restart(
  lab: LabState,
  name: string,
  start: () => Promise<ProcessIdentity>,
): Promise<LabState> {
  const running = lab.processes[name];
  if (running !== undefined && isAlive(running)) return lab;
  const next = { ...lab, processes: { ...lab.processes, [name]: await start() } };
  writeLab(next);
  return next;
}
