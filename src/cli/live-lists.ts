import type { LiveList } from '../topology/drift.js';
import type { NodeRecord } from '../topology/node.js';
import { byNodeId } from '../topology/view.js';
import { DEFAULT_WIRING, setsConsumedBy } from '../topology/wiring.js';
import { CarnaError } from '../util/errors.js';
import type { OperatorData, TopologyData } from './operator-data.js';

/** The lists of all Kamailios that consume the set (undefined = any) and serve, read at the same time. */
export async function readLiveLists(
  data: OperatorData,
  topology: TopologyData,
  setid: number | undefined,
): Promise<LiveList[]> {
  const records = [...topology.nodes.values()]
    .map(({ record }) => record)
    .filter(
      ({ kind, role }) =>
        kind === 'kamailio' &&
        setsConsumedBy(DEFAULT_WIRING, role).some((s) => setid === undefined || s === setid),
    )
    .filter(({ state }) => state === 'up' || state === 'draining')
    .sort(byNodeId);
  return Promise.all(records.map((record) => readLive(data, record)));
}

async function readLive(data: OperatorData, record: NodeRecord): Promise<LiveList> {
  try {
    return await data.readLive(record);
  } catch (err) {
    if (!(err instanceof CarnaError)) throw err;
    return { nodeId: record.nodeId, role: record.role, error: err.message };
  }
}
