import { closest } from '../../util/closest.js';
import { nodesMeant } from '../../topology/node-name.js';
import type { Context } from '../context.js';

const MAX_NAMES = 8;

/** Says that a node does not exist and which do, the most similar names first. */
export function printUnknownNode(
  context: Pick<Context, 'printError'>,
  nodeId: string,
  known: Iterable<string>,
): void {
  const all = [...known];
  const meant = nodesMeant(nodeId, all);
  if (meant.length > 1) {
    const shown = meant.slice(0, MAX_NAMES).join(', ');
    context.printError(`error: ${nodeId} begins ${meant.length} uuids: ${shown}`);
    context.printError('  next: write more of it');
    return;
  }
  context.printError(`error: no node is called ${nodeId}`);
  if (all.length === 0) {
    context.printError('  no node has announced itself here; next: carna topology');
    return;
  }
  const rest = all.length > MAX_NAMES ? ` and ${all.length - MAX_NAMES} more` : '';
  context.printError(`  there are: ${closest(nodeId, all, MAX_NAMES).join(', ')}${rest}`);
  context.printError('  next: carna nodes');
}
