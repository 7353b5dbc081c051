import { AGENT_ZK_SESSION_MS } from '../daemon-env.js';
import type { LabNode } from '../plan.js';
import type { DrillStage } from './stage.js';
import { untilFound, wallMs } from './stage.js';

/** The zkSession of a killed agent has to end first; then the guards may hold for half a minute. */
export const SILENCE_TIMEOUT_MS = AGENT_ZK_SESSION_MS + 60_000;
const POLL_MS = 10;

/** When the znodes of all these nodes were gone: wall clock in ms; null when one still stood after the time-out. */
export async function untilSilent(
  { platform, signal }: DrillStage,
  nodes: readonly LabNode[],
): Promise<number | null> {
  const gone = (): number | null => {
    const live = platform.view.nodes().nodes;
    return nodes.some(({ name }) => live.has(name)) ? null : wallMs();
  };
  return untilFound(gone, SILENCE_TIMEOUT_MS, POLL_MS, signal);
}
