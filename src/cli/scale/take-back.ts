import { CarnaError, messageOf } from '../../util/errors.js';
import type { InPlan } from './plan-in.js';
import type { ScaleRun } from './run.js';
import type { Subject } from './teller.js';

/**
 * Takes the drains of these nodes back, because nothing will be killed; gives the lines that say what stands
 * after it. Rejects with no CarnaError.
 */
export async function takeBack(
  run: Pick<ScaleRun, 'data' | 'teller'>,
  subject: Subject,
  nodeIds: readonly string[],
): Promise<readonly string[]> {
  const failed: string[] = [];
  let why = '';
  for (const nodeId of nodeIds) {
    try {
      await run.data.removeIntent(nodeId);
      run.teller.step(subject, 'undrained', `${nodeId}: its drain is taken back`, { nodeId });
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      why = messageOf(err);
      failed.push(nodeId);
    }
  }
  if (nodeIds.length === 0) return [];
  if (failed.length === 0) return ['Who was drained for this alone takes calls again.'];
  return [
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
