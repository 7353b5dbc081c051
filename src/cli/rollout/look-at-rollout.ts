import type { RolloutLook, RolloutNode } from '../../marathon/rollout/rollout-look.js';
import type { NodeRecord, Role } from '../../topology/node.js';
import { CarnaError } from '../../util/errors.js';
import { nodesOf } from '../deploy/look-at-group.js';
import type { MarathonWork } from '../deploy/marathon-work.js';
import type { OperatorData, TopologyData } from '../operator-data.js';

/** Reads how the app is now, in Marathon and in the registry; undefined when Marathon has no such app. */
export async function lookAtRollout(
  { marathon, data, listed, stop }: MarathonWork,
  appId: string,
  role: Role | null,
): Promise<RolloutLook | undefined> {
  const app = await marathon.readApp(appId, stop);
  if (app === undefined) return undefined;
  const topology = await data.readTopology();
  const queue = await marathon.readQueue(stop);
  const records = nodesOf(topology, appId);
  const ids = await listed.read(topology, records);
  const calls = await callsLeft(data, records);
  const nodes = new Map<string, RolloutNode>();
  for (const record of records) {
    const node = {
      record,
      isListed: ids.has(record.nodeId),
      callsLeft: calls.get(record.nodeId) ?? null,
    };
    if (record.marathon !== null) nodes.set(record.marathon.taskId, node);
  }
  return {
    role,
    app,
    nodes,
    witnessed: topology.generation?.witnessed?.nodes ?? [],
    waiting: queue.find((item) => item.id === appId && item.missing > 0) ?? null,
    isFresh: topology.isFresh,
  };
}

/** The role of an app by its nodes' own word; null when they say none. */
export function roleOfApp(topology: TopologyData, appId: string): Role | null {
  return nodesOf(topology, appId)[0]?.role ?? null;
}

/** What draining nodes still wait for; who does not answer is left out. */
async function callsLeft(
  data: Pick<OperatorData, 'readAgentHealth'>,
  records: readonly NodeRecord[],
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const { nodeId, state, agent } of records) {
    if (state !== 'draining' || agent.http === null) continue;
    try {
      const { drain, calls } = await data.readAgentHealth(agent.http);
      const left = drain?.left ?? calls;
      if (left !== null) found.set(nodeId, left);
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
    }
  }
  return found;
}
