import { nodeAddresses } from './addresses.js';
import type { Role } from '../topology/node.js';
import { LabError } from '../util/errors.js';
import type { LabContext } from './daemon-env.js';
import { startAgent } from './launch.js';
import type { LabNode } from './plan.js';
import { labNode, MAX_NODES_PER_ROLE } from './plan.js';
import { checkPortsFree } from './ports.js';
import type { LabState } from './state.js';
import { writeLab } from './state.js';

/** Adds one node to a lab that is up, as a scheduler would start one more task; does not wait until it is up. */
export async function addNode(
  state: LabState,
  role: Role,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly state: LabState; readonly node: LabNode }> {
  const count = state.plan.nodes.filter((node) => node.role === role).length;
  if (count >= MAX_NODES_PER_ROLE) {
    throw new LabError(`the lab has ${count} ${role} nodes, which is the most it runs`);
  }
  const node = labNode(state.plan, role, count + 1);
  await checkPortsFree(nodeAddresses(node), 'stop what holds them');
  const plan = { ...state.plan, nodes: [...state.plan.nodes, node] };
  const context: LabContext = { ...state, plan, env };
  const agent = await startAgent(context, node, state.media);
  const next = { ...state, plan, processes: { ...state.processes, [node.name]: agent } };
  writeLab(next);
  return { state: next, node };
}
