import { BACK_TIMEOUT_MS, seconds, untilFound, wallMs } from './stage.js';
import type { DrillStage, Finding } from './stage.js';
import { readLeading, readReconciler } from './reconciler-health.js';

const POLL_MS = 50;

/** Until a leading reconciler says on its `/healthz` that the database refuses, in words that match. */
export async function untilFailureShown(
  { lab, signal }: DrillStage,
  words: RegExp,
): Promise<Finding> {
  const startMs = wallMs();
  const find = async (): Promise<string | null> => {
    for (const { name, http } of lab.plan.reconcilers) {
      const failure = (await readReconciler(http))?.failure ?? '';
      if (words.test(failure)) return `${name} after ${seconds(wallMs() - startMs)}: ${failure}`;
    }
    return null;
  };
  const seen = await untilFound(find, BACK_TIMEOUT_MS, POLL_MS, signal);
  return {
    what: 'the reconciler tells what is wrong, and lives',
    isGood: seen !== null,
    seen: seen ?? 'it does NOT',
  };
}

/** Until the leader has nothing to complain about. */
export async function untilFailureGone(stage: DrillStage): Promise<Finding> {
  const startMs = wallMs();
  const find = async (): Promise<true | null> => {
    const leading = await readLeading(stage);
    return leading !== null && leading.failure === null ? true : null;
  };
  const isGone = await untilFound(find, BACK_TIMEOUT_MS, POLL_MS, stage.signal);
  const seen = isGone === null ? 'it does NOT' : `after ${seconds(wallMs() - startMs)}`;
  return { what: 'its complaint ends by itself', isGood: isGone !== null, seen };
}
