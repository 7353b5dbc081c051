import type { DrainCheck, JointDrainInput } from './drain-check.js';
import { checkJointDrain } from './drain-check.js';
import { ROLES } from './node.js';

/**
 * Whether nodes of any roles may go together: one answer per role, in the order of ROLES. Names that are
 * not among `nodes` count for nothing. Pure.
 */
export function checkDrains(input: JointDrainInput): readonly DrainCheck[] {
  const leaving = input.nodeIds.flatMap((nodeId) => input.nodes.get(nodeId)?.record ?? []);
  return ROLES.flatMap((role) => {
    const own = leaving.filter((record) => record.role === role);
    if (own.length === 0) return [];
    return [checkJointDrain({ ...input, nodeIds: own.map(({ nodeId }) => nodeId) })];
  });
}
