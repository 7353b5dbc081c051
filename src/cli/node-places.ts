import type { PlacedNode } from '../topology/whereabouts.js';
import { deriveTopologyView } from '../topology/view.js';
import type { NodeView } from '../topology/view.js';
import { DEFAULT_WIRING } from '../topology/wiring.js';
import { CarnaError, messageOf } from '../util/errors.js';
import type { Context } from './context.js';
import type { OperatorData, TopologyData } from './operator-data.js';
import { formatDuration } from './render/units.js';

/** The nodes behind addresses, as far as they are known. */
export interface NodePlaces {
  readonly nodes: readonly PlacedNode[];
  /** Why they are not known, or not for certain; null when they are. */
  readonly error: string | null;
}

/** All nodes as they are shown; without PostgreSQL silent ones are not seen. Rejects like readTopology. */
export async function readNodeViews(
  context: Pick<Context, 'clock'>,
  data: Pick<OperatorData, 'readTopology' | 'readTable'>,
): Promise<{
  readonly topology: TopologyData;
  readonly nodes: readonly NodeView[];
  readonly nowMs: number;
}> {
  const topology = await data.readTopology();
  const rows = await data.readTable().catch((err: unknown) => {
    if (err instanceof CarnaError) return null;
    throw err;
  });
  const nowMs = context.clock.wallMs();
  const view = deriveTopologyView({ ...topology, rows, wiring: DEFAULT_WIRING, nowMs });
  return { topology, nodes: view.roles.flatMap((role) => role.nodes), nowMs };
}

/** Reads which node stands where; registrations are told without it too, so no failure passes. */
export async function readNodePlaces(context: Context, data: OperatorData): Promise<NodePlaces> {
  try {
    const { topology, nodes, nowMs } = await readNodeViews(context, data);
    if (topology.isFresh) return { nodes, error: null };
    return {
      nodes,
      error: `ZooKeeper is away, they are ${formatDuration(nowMs - topology.asOfMs)} old`,
    };
  } catch (err) {
    if (!(err instanceof CarnaError)) throw err;
    return { nodes: [], error: messageOf(err) };
  }
}
