import type { NodesInput } from '../topology/view.js';
import { CarnaError } from '../util/errors.js';
import type { OperatorData } from './operator-data.js';

/** In larger fleets calls are read from metrics, not by asking every agent. */
const MAX_AGENTS_ASKED = 200;
const ASKED_AT_ONCE = 16;

/**
 * Asks the agents how many calls their nodes carry; who does not answer is left out, and all are when
 * there are more than `maxAsked`. Never rejects with a CarnaError.
 */
export async function readLoads(
  data: Pick<OperatorData, 'readAgentHealth'>,
  nodes: NodesInput,
  maxAsked: number = MAX_AGENTS_ASKED,
): Promise<Map<string, number>> {
  const agents = [...nodes.values()].flatMap(({ record }) =>
    record.agent.http === null ? [] : [{ nodeId: record.nodeId, http: record.agent.http }],
  );
  const loads = new Map<string, number>();
  if (agents.length > maxAsked) return loads;
  const queue = agents.values();
  const ask = async (): Promise<void> => {
    for (const { nodeId, http } of queue) {
      const calls = await callsOf(data, http);
      if (calls !== null) loads.set(nodeId, calls);
    }
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, ask));
  return loads;
}

async function callsOf(
  data: Pick<OperatorData, 'readAgentHealth'>,
  http: string,
): Promise<number | null> {
  try {
    return (await data.readAgentHealth(http)).calls;
  } catch (err) {
    if (err instanceof CarnaError) return null;
    throw err;
  }
}
