import { AGENT_ZK_SESSION_MS } from '../daemon-env.js';
import type { LabNode } from '../plan.js';
import type { DrillStage, Finding } from './stage.js';
import { seconds, untilFound, wallMs } from './stage.js';

/** A zkSession ends at most so long after its time-out: ZooKeeper looks once a tick. */
const SLACK_MS = 2_000;
const POLL_MS = 10;
/** One that comes late is told with its time, not as missing. */
const LATE_MS = 10_000;

/** Within this time after the loss of its agent a node is known to be unsupervised. */
export const UNSUPERVISED_WITHIN_MS = AGENT_ZK_SESSION_MS + SLACK_MS;

/** Until the leader tells that it asked these nodes, and no other, and that they serve without an agent. */
export async function untilUnsupervised(
  { platform, signal }: DrillStage,
  nodes: readonly LabNode[],
  sinceMs: number,
): Promise<Finding> {
  const told = (): number => platform.view.generation().record?.witnessed?.counts.unsupervised ?? 0;
  const find = (): number | null => (told() === nodes.length ? wallMs() : null);
  const timeoutMs = UNSUPERVISED_WITHIN_MS + LATE_MS;
  const atMs = await untilFound(find, timeoutMs, POLL_MS, signal);
  return {
    what: `all ${nodes.length} are marked unsupervised within ${seconds(UNSUPERVISED_WITHIN_MS)}`,
    isGood: atMs !== null && atMs - sinceMs <= UNSUPERVISED_WITHIN_MS,
    seen: atMs === null ? `${told()} are` : `after ${seconds(atMs - sinceMs)}`,
  };
}
