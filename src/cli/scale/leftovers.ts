import { describeRow } from '../../topology/dispatcher-row.js';
import type { Picture } from './picture.js';

/** What is still there of a node whose task goes; empty = nothing. For people. Pure. */
export function remainsOf(nodeId: string, taskId: string, picture: Picture): readonly string[] {
  const task = picture.app?.tasks.find(({ id }) => id === taskId);
  const record = picture.topology.nodes.get(nodeId)?.record;
  const left: string[] = [];
  if (task !== undefined) left.push(`its task is ${task.state}`);
  if (record !== undefined) left.push(`its znode says ${record.state}`);
  else if (!picture.topology.isFresh)
    left.push('ZooKeeper is away: nobody knows whether its znode is gone');
  const rows = (picture.rows ?? []).filter((row) => row.description === describeRow(nodeId));
  if (rows.length > 0)
    left.push(`its row stands in set ${rows.map((row) => row.setid).join(', ')}`);
  return left;
}

/** Nodes of the app that an intent still names although Marathon has no such task any more. Pure. */
export function departedOf(appId: string, picture: Picture): readonly string[] {
  const prefix = `${appId.slice(1).replaceAll('/', '_')}.`;
  const listed = new Set(picture.app?.tasks.map(({ id }) => id));
  return [...picture.topology.intents.keys()].filter(
    (nodeId) => nodeId.startsWith(prefix) && !listed.has(nodeId),
  );
}
