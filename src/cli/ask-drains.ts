import type { DrainCheck, DrainLimits } from '../topology/drain-check.js';
import type { IntentRecord, NodeRecord } from '../topology/node.js';
import { CarnaError } from '../util/errors.js';
import type { Context } from './context.js';
import { lookBeforeDrains } from './drain-guard.js';
import type { OperatorData, TopologyData } from './operator-data.js';
import { readBesideOurs, takeBackOurs } from './own-drains.js';

/** Drains that were agreed to. */
export interface AskedDrains {
  /** The registry as it is after the answer. */
  readonly before: TopologyData;
  /** All that are to be written; those of whom nobody had asked one before are judged. */
  readonly intents: readonly IntentRecord[];
  readonly limits: DrainLimits;
  readonly isForced: boolean;
  /** Nobody thought about it: it was judged just now. */
  readonly isJudged: boolean;
}

/** Why they are not asked for any more, and what stands then. */
export interface Withdrawn {
  readonly checks: readonly DrainCheck[];
  readonly after: readonly string[];
}

/**
 * Writes drains while what must stay does: judged after the answer, and once more when those that others ask
 * can be seen beside ours, which are taken back then. Null when they stand.
 *
 * Rejects as `write` and the registry do; what could not be judged is taken back first, and that is said.
 */
export async function askDrains(
  context: Context,
  data: OperatorData,
  asked: AskedDrains,
  write: () => Promise<void>,
): Promise<Withdrawn | null> {
  const { before, isForced, isJudged, limits } = asked;
  const ours = asked.intents.filter(({ nodeId }) => !before.intents.has(nodeId));
  const isHeld = (checks: readonly DrainCheck[]): boolean =>
    checks.some(({ kind }) => kind === 'refused');
  const look = async (
    topology: Pick<TopologyData, 'nodes' | 'intents'>,
  ): Promise<readonly DrainCheck[]> => {
    const records = ours.flatMap(({ nodeId }) => recordOf(topology, nodeId));
    return (await lookBeforeDrains(data, topology, records, limits)).checks;
  };
  if (!isForced && !isJudged) {
    const checks = await look(before);
    if (isHeld(checks)) return { checks, after: ['Nothing was changed.'] };
  }
  await write();
  if (isForced || ours.length === 0) return null;
  try {
    const checks = await look(await readBesideOurs(context, data, before, ours));
    if (!isHeld(checks)) return null;
    return { checks, after: [MET, ...(await takeBackOurs(data, ours))] };
  } catch (err) {
    if (err instanceof CarnaError) context.printError(...(await takeBackOurs(data, ours)));
    throw err;
  }
}

/** Two who meet may both do so. */
const MET = 'Nodes left, or somebody else asked for drains, in the same moment.';

function recordOf({ nodes }: Pick<TopologyData, 'nodes'>, nodeId: string): NodeRecord[] {
  const record = nodes.get(nodeId)?.record;
  return record === undefined ? [] : [record];
}
