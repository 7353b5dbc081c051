import type { TopologyData } from '../../src/cli/operator-data.js';
import type { NodeRecord } from '../../src/topology/node.js';
import { applied, byId, DISP1, GENERATION, topology } from './support.js';

/** These nodes and a dispatcher; all have applied the generation, in which the leader put the `listed` ones. */
export function listedTopology(
  nodes: readonly NodeRecord[],
  listed: readonly NodeRecord[] = nodes,
): TopologyData {
  const { generation } = GENERATION;
  const records = [DISP1, ...nodes];
  return topology({
    nodes: records,
    generation: {
      ...GENERATION,
      traces: listed.map(({ trace }) => ({ id: trace.id, generation })),
    },
    applied: byId(records.map((record) => applied(record, { sets: {}, provenAtMs: 0 }))),
  });
}
