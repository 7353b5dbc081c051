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
}

/**
 * Why the role cannot spare a node now, for people; empty = it can. Every task must run as a listed node: beside one
 * that does not, Marathon takes none away and the rollout would never end. And whichever nodes Marathon chooses, the
 * rest must be enough for the calls of now. Pure.
 */
export function findBlocks(input: BlockInput): string[] {
  const { app, role, own } = input;
  const running = app.tasks.filter(({ state }) => state === 'TASK_RUNNING');
  const blocks: string[] = [];
  if (running.length !== app.instances) {
    blocks.push(`${running.length} of ${app.instances} tasks run`);
  }
  if (role === null) return blocks;
  for (const { id } of running) {
    const node = own.get(id);
    const why = node === undefined ? 'it is not registered' : whyNotServing(node, input);
    if (why !== null) blocks.push(`${id}: ${why}`);
  }
  return blocks.length > 0 ? blocks : tooFew(input);
}

function whyNotServing({ record, isListed }: RolloutNode, { intents }: BlockInput): string | null {
  const intent = intents.get(record.nodeId);
  if (intent !== undefined) return `${intent.by} asked for ${intent.want}`;
  if (record.state !== 'up') return `it is ${record.state}: ${record.reason}`;
  return isListed ? null : 'it is not listed on every Kamailio that sends it calls';
}

/** With those that are away at the same time as good as drained, the worst node to lose is asked for. */
function tooFew(input: BlockInput): string[] {
  const { own, nodes, wiring, calls, limits, atOnce } = input;
  const records = [...own.values()].map(({ record }) => record).sort(largestFirst);
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
