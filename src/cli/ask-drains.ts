import type { DrainCheck, DrainLimits } from '../topology/drain-check.js';
import type { IntentRecord, NodeRecord } from '../topology/node.js';
import { CarnaError } from '../util/errors.js';
import type { Context } from './context.js';
import { lookBeforeDrains } from './drain-guard.js';
import type { OperatorData, TopologyData } from './operator-data.js';
import type { TakenBack } from './own-drains.js';
import { isSameIntent, readBesideOurs, takeBackOurs, UNTOUCHED } from './own-drains.js';

/** Drains that were agreed to. */
export interface AskedDrains {
  /** The registry as it is after the answer. */
  readonly before: TopologyData;
  /** As they are asked for where none stands; those of whom nobody had asked one before are judged. */
  readonly fresh: readonly IntentRecord[];
  readonly limits: DrainLimits;
  readonly isForced: boolean;
  /** Nobody thought about it: it was judged just now. */
  readonly isJudged: boolean;
  /** Hears of each that is taken back because it could not be judged. */
  readonly tellTakenBack?: (nodeId: string) => void;
}

/** They are not asked for any more: why, and what stands then. */
export interface Withdrawn {
  readonly kind: 'withdrawn';
  readonly checks: readonly DrainCheck[];
  readonly stands: TakenBack;
}

export type Asked =
  | Withdrawn
  /** All that were to drain, as it stands now: also what somebody else asked meanwhile. */
  | { readonly kind: 'standing'; readonly intents: readonly IntentRecord[] };

/**
 * Writes drains while what must stay does: judged after the answer, and once more when those that others ask
 * can be seen beside ours, which are taken back then. Ours are those that `write` gives as they were asked for: it
 * gives what stands.
 *
 * Rejects as `write` and the registry do; what could not be judged is taken back first, and that is said.
 */
export async function askDrains(
  context: Context,
  data: OperatorData,
  asked: AskedDrains,
  write: () => Promise<readonly IntentRecord[]>,
): Promise<Asked> {
  const { before, fresh, isForced, isJudged, limits } = asked;
  const isHeld = (checks: readonly DrainCheck[]): boolean =>
    checks.some(({ kind }) => kind === 'refused');
  const look = async (
    topology: Pick<TopologyData, 'nodes' | 'intents'>,
    drains: readonly IntentRecord[],
  ): Promise<readonly DrainCheck[]> => {
    const records = drains.flatMap(({ nodeId }) => recordOf(topology, nodeId));
    return (await lookBeforeDrains(data, topology, records, limits)).checks;
  };
  if (!isForced && !isJudged) {
    const checks = await look(
      before,
      fresh.filter(({ nodeId }) => !before.intents.has(nodeId)),
    );
    if (isHeld(checks)) return { kind: 'withdrawn', checks, stands: UNTOUCHED };
  }
  const intents = await write();
  const ours = fresh.filter((mine) => intents.some((one) => isSameIntent(one, mine)));
  const standing = { kind: 'standing', intents } as const;
  if (isForced || ours.length === 0) return standing;
  try {
    const checks = await look(await readBesideOurs(context, data, before, ours), ours);
    if (!isHeld(checks)) return standing;
    const taken = await takeBackOurs(data, ours);
    const stands = { ...taken, after: [MET, ...taken.after] };
    return { kind: 'withdrawn', checks, stands };
  } catch (err) {
    if (!(err instanceof CarnaError)) throw err;
    const { after, open } = await takeBackOurs(data, ours, asked.tellTakenBack);
    context.printError(...after, ...open);
    throw err;
  }
}

/** Two who meet may both do so. */
const MET = 'Nodes left, or somebody else asked for drains, in the same moment.';

function recordOf({ nodes }: Pick<TopologyData, 'nodes'>, nodeId: string): NodeRecord[] {
  const record = nodes.get(nodeId)?.record;
  return record === undefined ? [] : [record];
}
