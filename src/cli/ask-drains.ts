import type { DrainCheck, DrainLimits } from '../topology/drain-check.js';
import type { IntentRecord } from '../topology/node.js';
import { CarnaError } from '../util/errors.js';
import type { Context } from './context.js';
import { lookBeforeDrains } from './drain-guard.js';
import type { OperatorData, TopologyData } from './operator-data.js';
import type { TakenBack } from './own-drains.js';
import { isSameIntent, readBesideOurs, takeBackOurs, UNTOUCHED } from './own-drains.js';
import { untilInterrupted } from './process-like.js';

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
  /** Somebody pressed Ctrl-C before anything was written; that is said. */
  | { readonly kind: 'left' }
  | {
      readonly kind: 'standing';
      /** All that were to drain, as it stands now: also what somebody else asked meanwhile. */
      readonly intents: readonly IntentRecord[];
      /** Somebody pressed Ctrl-C meanwhile. */
      readonly isLeft: boolean;
    };

/**
 * Writes drains while what must stay does: judged after the answer, and once more when those that others ask
 * can be seen beside ours, which are taken back then. Ours are those that `write` gives as they were asked for: it
 * gives what stands. Ctrl-C ends it only before the first is written: what stands has been judged.
 *
 * Rejects as `write` and the registry do; what could not be judged is taken back first, and that is said.
 */
export async function askDrains(
  context: Context,
  data: OperatorData,
  asked: AskedDrains,
  write: () => Promise<readonly IntentRecord[]>,
): Promise<Asked> {
  return untilInterrupted(context.proc, (stop) => writeJudged(context, data, asked, write, stop));
}

async function writeJudged(
  context: Context,
  data: OperatorData,
  asked: AskedDrains,
  write: () => Promise<readonly IntentRecord[]>,
  stop: AbortSignal,
): Promise<Asked> {
  const { before, fresh, isForced, isJudged, limits } = asked;
  if (!isForced && !isJudged) {
    const added = fresh.filter(({ nodeId }) => !before.intents.has(nodeId));
    const checks = await judge(data, before, added, limits);
    if (isHeld(checks)) return { kind: 'withdrawn', checks, stands: UNTOUCHED };
  }
  if (stop.aborted) {
    context.printError('nothing was changed');
    return { kind: 'left' };
  }
  const intents = await write();
  const ours = fresh.filter((mine) => intents.some((one) => isSameIntent(one, mine)));
  const standing = (): Asked => ({ kind: 'standing', intents, isLeft: stop.aborted });
  if (isForced || ours.length === 0) return standing();
  try {
    const beside = await readBesideOurs(context, data, before, ours);
    const checks = await judge(data, beside, ours, limits);
    if (!isHeld(checks)) return standing();
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

async function judge(
  data: OperatorData,
  topology: Pick<TopologyData, 'nodes' | 'intents'>,
  drains: readonly IntentRecord[],
  limits: DrainLimits,
): Promise<readonly DrainCheck[]> {
  const records = drains.flatMap(({ nodeId }) => topology.nodes.get(nodeId)?.record ?? []);
  return (await lookBeforeDrains(data, topology, records, limits)).checks;
}

function isHeld(checks: readonly DrainCheck[]): boolean {
  return checks.some(({ kind }) => kind === 'refused');
}
