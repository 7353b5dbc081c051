import type { IntentRecord } from '../../topology/node.js';
import type { TakenBack } from '../own-drains.js';
import { takeBackOurs } from '../own-drains.js';
import type { InPlan } from './plan-in.js';
import type { ScaleRun } from './run.js';
import type { Subject } from './teller.js';

/** Takes the drains of an app back, because nothing will be killed, and tells of each; as takeBackOurs. */
export function takeBack(
  run: Pick<ScaleRun, 'data' | 'teller'>,
  subject: Subject,
  ours: readonly IntentRecord[],
): Promise<TakenBack> {
  return takeBackOurs(run.data, ours, (nodeId) =>
    run.teller.step(subject, 'undrained', `${nodeId}: its drain is taken back`, { nodeId }),
  );
}

/** How the command is taken up again. Pure. */
export function goOnText({ subject, goal, victims }: InPlan): string {
  const nodes = victims.map(({ nodeId }) => nodeId).join(' ');
  return goal.target === null || subject.role === null
    ? `Go on: carna scale-in ${nodes}.`
    : `Go on: carna scale ${subject.role} ${goal.target}.`;
}
