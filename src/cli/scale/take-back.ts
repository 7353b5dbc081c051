import type { IntentRecord } from '../../topology/node.js';
import { CarnaError, messageOf } from '../../util/errors.js';
import { isSameIntent } from '../own-drains.js';
import type { InPlan } from './plan-in.js';
import type { ScaleRun } from './run.js';
import type { Subject } from './teller.js';

/**
 * Takes these drains back, because nothing will be killed, but none that somebody else has changed since;
 * gives the lines that say what stands after it. Rejects with no CarnaError.
 */
export async function takeBack(
  run: Pick<ScaleRun, 'data' | 'teller'>,
  subject: Subject,
  ours: readonly IntentRecord[],
): Promise<readonly string[]> {
  const failed: string[] = [];
  const others: string[] = [];
  let why = '';
  for (const mine of ours) {
    const { nodeId } = mine;
    try {
      const present = (await run.data.readTopology()).intents.get(nodeId);
      if (present !== undefined && !isSameIntent(present, mine)) {
        others.push(nodeId);
        continue;
      }
      await run.data.removeIntent(nodeId);
      run.teller.step(subject, 'undrained', `${nodeId}: its drain is taken back`, { nodeId });
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      why = messageOf(err);
      failed.push(nodeId);
    }
  }
  const lines: string[] = [];
  if (ours.length > failed.length + others.length) {
    lines.push('Who was drained for this alone takes calls again.');
  }
  if (others.length > 0) {
    lines.push(`Still draining, as somebody else asked meanwhile: ${others.join(', ')}.`);
  }
  if (failed.length === 0) return lines;
  return [
    ...lines,
    `Still draining, because it could not be taken back (${why}): ${failed.join(', ')}.`,
    undoText(failed),
  ];
}

/** How a drain is undone. Pure. */
export function undoText(nodeIds: readonly string[]): string {
  return `Undo: ${nodeIds.map((nodeId) => `carna undrain ${nodeId}`).join('; ')}`;
}

/** How the command is taken up again. Pure. */
export function goOnText({ subject, goal, victims }: InPlan): string {
  const nodes = victims.map(({ nodeId }) => nodeId).join(' ');
  return goal.target === null || subject.role === null
    ? `Go on: carna scale-in ${nodes}.`
    : `Go on: carna scale ${subject.role} ${goal.target}.`;
}
