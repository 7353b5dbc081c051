import { LabError } from '../../util/errors.js';
import { askDrain } from './drain-round.js';
import type { DrillStage } from './stage.js';
import { untilFound } from './stage.js';

/** No node has this name: a word for it wakes the leader and wants nothing. */
export const NOBODY = 'drill-nobody';

const SEEN_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

/**
 * An operator's word for a node that does not exist; resolves when it is seen, for what comes and goes at
 * once may be seen by nobody. Throws LabError when it is not seen in time.
 */
export async function leaveWord(stage: DrillStage, nodeId: string): Promise<void> {
  await askDrain(stage, { name: nodeId }, null);
  const isSeen = (): true | null =>
    stage.platform.view.intents().records.has(nodeId) ? true : null;
  if ((await untilFound(isSeen, SEEN_TIMEOUT_MS, POLL_MS, stage.signal)) === null) {
    throw new LabError('what is written to the registry is not seen');
  }
}
