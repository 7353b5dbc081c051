import type { IntentRecord } from '../topology/node.js';
import { RegistryNotSentError } from '../util/errors.js';
import type { Context } from './context.js';
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

/** Whether that is the very drain that we asked for. Pure. */
export function isSameIntent(present: IntentRecord | undefined, mine: IntentRecord): boolean {
  return present?.since === mine.since && present.by === mine.by && present.why === mine.why;
}
