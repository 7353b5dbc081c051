import type { OperatorData } from '../../src/cli/operator-data.js';
import type { IntentRecord, NodeRecord } from '../../src/topology/node.js';
import * as p from './support.js';

/** What was asked of nodes, and the data that remembers it. */
export interface Keeping {
  readonly intents: Map<string, IntentRecord>;
  readonly data: OperatorData;
}

/** Data that keeps intents, as a registry would; each agent counts 61 calls. */
export function keepingIntents(
  more: Partial<OperatorData> = {},
  present: readonly IntentRecord[] = [],
  nodes?: readonly NodeRecord[],
): Keeping {
  const intents = p.byId(present);
  const own = nodes === undefined ? {} : { nodes };
  const data = p.fakeData({
    readTopology: async () => p.topology({ ...own, intents: new Map(intents) }),
    changeIntent: p.changing(intents),
    removeIntent: async (nodeId) => intents.delete(nodeId),
    readAgentHealth: async () => ({ nodeId: null, state: 'up', calls: 61, drain: null }),
    ...more,
  });
  return { intents, data };
}
