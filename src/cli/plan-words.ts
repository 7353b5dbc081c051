import type { RowWhy } from '../topology/desired-rows.js';
import type { IntentRecord } from '../topology/node.js';
import type { TopologyData } from './operator-data.js';
import type { Assumption, PlannedChange } from './plan-outlook.js';

const ROW_REASONS: Readonly<Record<RowWhy, string>> = {
  up: 'its agent says up',
  unanswered: 'its agent says up, but it has not answered the reconciler',
  starting: 'it is starting',
  draining: 'its agent drains it',
  intent: 'an operator wants it out',
  down: 'its agent says down',
  goodbye: 'it said goodbye',
  silent: 'it vanished without a goodbye and does not answer the witness',
  answers: 'it vanished without a goodbye, but answers the witness: kept, unsupervised',
  moved: 'it has another address now',
  unwired: 'the wiring does not list its role in this set',
};

/** Why a row would change, for people: from the node's own words where it has some. Pure. */
export function changeReason(
  { why, nodeId, change }: Pick<PlannedChange, 'why' | 'nodeId' | 'change'>,
  topology: Pick<TopologyData, 'nodes' | 'intents'>,
): string {
  if (why === null) return 'no node owns it';
  const said = nodeId === null ? undefined : topology.nodes.get(nodeId)?.record.reason;
  const intent = nodeId === null ? undefined : topology.intents.get(nodeId);
  if (why === 'intent' && intent !== undefined) return intentReason(intent);
  const isOver = change.kind === 'delete' && why === 'down';
  const words: string = isOver ? 'its agent has said down for too long' : ROW_REASONS[why];
  const tells = why === 'down' || why === 'draining' || why === 'starting';
  return tells && said !== undefined && said !== '' ? `${words}: ${said}` : words;
}

function intentReason({ want, by, why }: IntentRecord): string {
  return `${by} asked for ${want === 'drain' ? 'a drain' : 'maintenance'}${why === '' ? '' : `: ${why}`}`;
}

/** What is taken for granted, for people. */
export const ASSUMED: Readonly<Record<Assumption, string>> = {
  calm: 'the leader’s view of the registry has been whole for 30 s (for so long after a start or a reconnect it holds every loss that nobody explained)',
  unspent:
    'no row was lost without anybody’s word in the last 60 s (a set may lose a quarter of its rows so, at least one)',
  admitted:
    'a node that comes up answers the reconciler’s own OPTIONS (it is asked first; one that does not is listed inactive)',
  goodbye:
    'a disabled row without a znode is of a node that said goodbye (a leader may remember otherwise)',
  remote:
    'rows of other data centres stay as they stand: only the leader sees their nodes (carna topology says whether it does)',
};
