import type { DrainLimits } from '../../topology/drain-check.js';
import { checkDrain } from '../../topology/drain-check.js';
import type { IntentRecord, NodeRecord, Role } from '../../topology/node.js';
import type { NodesInput } from '../../topology/view.js';
import type { Wiring } from '../../topology/wiring.js';
import type { MarathonApp } from '../client/answers.js';
import type { RolloutNode } from './rollout-look.js';

/** What a rollout is checked against before it begins. */
export interface BlockInput {
  readonly app: MarathonApp;
  /** Null: the tasks are no SIP nodes, only that they run is asked. */
  readonly role: Role | null;
  /** Of the app, by task id. */
  readonly own: ReadonlyMap<string, RolloutNode>;
  /** Of the whole data centre. */
  readonly nodes: NodesInput;
  readonly intents: ReadonlyMap<string, IntentRecord>;
  readonly wiring: Wiring;
  readonly calls: ReadonlyMap<string, number>;
  readonly limits: DrainLimits;
  /** How many may be away at a time. */
  readonly atOnce: number;
  /** The present definition has health checks, by which Marathon tells good tasks from bad ones. */
  readonly hasChecks: boolean;
}

/** What a rollout would meet. */
export interface Blocks {
  /** Why the role cannot spare a node now, for people; empty = it can. */
  readonly blocks: readonly string[];
  /** Nodes that are out of service already and are replaced first, for people. */
  readonly broken: readonly string[];
  /** Tasks that count as good at the start: all but the broken ones. */
  readonly healthy: number;
}

/**
 * Whether the role can spare a node. Whichever nodes Marathon chooses, the rest must be enough for the calls of now.
 *
 * A node that is out of service already is replaced first, as long as Marathon sees the same: beside one that it
 * takes for good it would take away a second one that is, and beside one that it alone takes for bad none at all.
 * Pure.
 */
export function findBlocks(input: BlockInput): Blocks {
  const { app, role, own, hasChecks } = input;
  const { instances, tasksHealthy } = app;
  const running = app.tasks.filter(({ state }) => state === 'TASK_RUNNING');
  const missing = instances - running.length;
  const broken: string[] = missing > 0 ? [`${running.length} of ${instances} tasks run`] : [];
  for (const { id } of role === null ? [] : running) {
    const node = own.get(id);
    const why = node === undefined ? 'it is not registered' : whyNotServing(node, input);
    if (why !== null) broken.push(`${id}: ${why}`);
  }
  const serving = running.length - broken.length + (missing > 0 ? 1 : 0);
  const isSeen = hasChecks && tasksHealthy === serving;
  if (broken.length > 0 && !isSeen) return { blocks: broken, broken: [], healthy: instances };
  const blocks = role === null || serving === 0 ? [] : tooFew(input);
  return { blocks, broken, healthy: broken.length > 0 ? serving : instances };
}

function whyNotServing({ record, isListed }: RolloutNode, { intents }: BlockInput): string | null {
  const intent = intents.get(record.nodeId);
  if (intent !== undefined) return `${intent.by} asked for ${intent.want}`;
  if (record.state !== 'up') return `it is ${record.state}: ${record.reason}`;
  return isListed ? null : 'it is not listed on every Kamailio that sends it calls';
}

/** Of what serves: with those that are away at the same time as good as drained, the worst node to lose is asked for. */
function tooFew(input: BlockInput): string[] {
  const { own, nodes, wiring, calls, limits, atOnce } = input;
  const records = [...own.values()]
    .map(({ record }) => record)
    .filter(({ nodeId, state }) => state === 'up' && !input.intents.has(nodeId))
    .sort(largestFirst);
  const away = records.slice(0, Math.max(0, atOnce - 1));
  const intents = new Map(input.intents);
  for (const { nodeId } of away) intents.set(nodeId, awayIntent(nodeId));
  for (const { nodeId } of records.slice(away.length)) {
    const check = checkDrain({ nodes, intents, wiring, calls, nodeId, limits });
    if (check.kind === 'refused') return [...check.lines];
  }
  return [];
}

const largestFirst = (a: NodeRecord, b: NodeRecord): number => b.maxSessions - a.maxSessions;

function awayIntent(nodeId: string): IntentRecord {
  const rest = { by: 'the rollout', why: '', since: 0, deadline: null, now: false };
  return { schema: 1, nodeId, want: 'drain', ...rest };
}
