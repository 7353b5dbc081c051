import type { IntentRecord } from '../topology/node.js';
import { CarnaError, messageOf, RegistryNotSentError } from '../util/errors.js';
import type { Context } from './context.js';
import { EXIT } from './exit-codes.js';
import type { ExitCode } from './exit-codes.js';
import type { OperatorData, TopologyData } from './operator-data.js';

type Read = Pick<OperatorData, 'readTopology'>;

/** Our own intents may take so long until they come back to us. */
export const OWN_INTENT_MS = 2_000;
const LOOK_EVERY_MS = 100;

/** What a drain is judged by. Throws RegistryNotSentError while what is known may be old. */
export async function readFresh(data: Read): Promise<TopologyData> {
  return requireFresh(await data.readTopology());
}

/** The same for what was read. Pure. */
export function requireFresh(topology: TopologyData): TopologyData {
  if (topology.isFresh) return topology;
  throw new RegistryNotSentError('ZooKeeper is away: what is known of the nodes is old');
}

/**
 * The platform as it would be without these drains of ours, which stand by now: what others ask counts, also
 * what they asked in the same moment. Of two who take half of a role each, at least the later one sees both.
 *
 * `before` was read before ours were written. Rejects like readFresh.
 */
export async function readBesideOurs(
  context: Pick<Context, 'clock' | 'wait'>,
  data: Read,
  before: TopologyData,
  ours: readonly IntentRecord[],
): Promise<Pick<TopologyData, 'nodes' | 'intents'>> {
  const now = await readWithOurs(context, data, ours);
  const nodes = new Map(now.nodes);
  const intents = new Map(now.intents);
  for (const { nodeId } of ours) {
    intents.delete(nodeId);
    // Its agent may have obeyed already.
    const former = before.nodes.get(nodeId);
    if (former !== undefined && nodes.has(nodeId)) nodes.set(nodeId, former);
  }
  return { nodes, intents };
}

/** The registry answers in order: with the last of ours it shows all that was written before. */
async function readWithOurs(
  { clock, wait }: Pick<Context, 'clock' | 'wait'>,
  data: Read,
  ours: readonly IntentRecord[],
): Promise<TopologyData> {
  const untilMs = clock.monoMs() + OWN_INTENT_MS;
  for (;;) {
    const topology = await readFresh(data);
    const isShown = ours.every((mine) => isSameIntent(topology.intents.get(mine.nodeId), mine));
    // One that somebody changed or took back meanwhile is not waited for.
    if (isShown || clock.monoMs() >= untilMs) return topology;
    await wait(LOOK_EVERY_MS);
  }
}

/**
 * Whether that is the very drain that we asked for. Who changes a drain keeps what he does not say anew, so that one
 * member that differs makes it another's. Pure.
 */
export function isSameIntent(present: IntentRecord | undefined, mine: IntentRecord): boolean {
  return (
    present?.nodeId === mine.nodeId &&
    present.want === mine.want &&
    present.by === mine.by &&
    present.why === mine.why &&
    present.since === mine.since &&
    present.deadline === mine.deadline &&
    present.now === mine.now
  );
}

/** What became of drains that were to be taken back, for people. */
export interface TakenBack {
  /** Sentences. */
  readonly after: readonly string[];
  /** Those that could not be taken back. */
  readonly failed: readonly IntentRecord[];
  /** Lines about these: why, and how each is undone. */
  readonly open: readonly string[];
}

/** When none was written. */
export const UNTOUCHED: TakenBack = { after: ['Nothing was changed.'], failed: [], open: [] };

/** The exit code of a command that took its drains back: what stands against its will is no clean end. Pure. */
export function exitCodeAfter({ failed }: TakenBack, code: ExitCode): ExitCode {
  return failed.length > 0 ? EXIT.away : code;
}

/**
 * Takes these drains back, but none that somebody else has changed since; `tell` hears of each. Rejects with no
 * CarnaError.
 */
export async function takeBackOurs(
  data: Pick<OperatorData, 'changeIntent'>,
  ours: readonly IntentRecord[],
  tell: (nodeId: string) => void = () => undefined,
): Promise<TakenBack> {
  const failed: IntentRecord[] = [];
  const others: string[] = [];
  let why = '';
  for (const mine of ours) {
    const { nodeId } = mine;
    try {
      const left = await data.changeIntent(nodeId, (present) => withoutOurs(present, mine));
      if (left === null) tell(nodeId);
      else others.push(nodeId);
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      why = messageOf(err);
      failed.push(mine);
    }
  }
  const after: string[] = [];
  if (ours.length > failed.length + others.length) {
    after.push('Who was drained for this alone takes calls again.');
  }
  if (others.length > 0) {
    after.push(`Still draining, as somebody else asked meanwhile: ${others.join(', ')}.`);
  }
  if (failed.length === 0) return { after, failed, open: [] };
  const nodeIds = failed.map(({ nodeId }) => nodeId);
  const still = `Still draining, because it could not be taken back (${why}): ${nodeIds.join(', ')}.`;
  return { after, failed, open: [still, undoText(nodeIds)] };
}

/** Ours goes, another's stays. */
function withoutOurs(present: IntentRecord | null, mine: IntentRecord): IntentRecord | null {
  return present === null || isSameIntent(present, mine) ? null : present;
}

/** How a drain is undone. Pure. */
export function undoText(nodeIds: readonly string[]): string {
  return `Undo: ${nodeIds.map((nodeId) => `carna undrain ${nodeId}`).join('; ')}`;
}
