import type { GenerationRecord, NodeRecord } from '../topology/node.js';
import { consumersOf, setsListing } from '../topology/wiring.js';
import type { Wiring } from '../topology/wiring.js';
import type { AgentHealth } from './agent-health-codec.js';
import type { DrainProgressJson } from './json-shapes.js';
import type { TopologyData } from './operator-data.js';

/** A drain as `--wait` sees it. */
export type DrainProgress = Omit<DrainProgressJson, 'schema' | 'nodeId'> & {
  /** Calls that end in a minute; null while unknown. */
  readonly endedPerMinute: number | null;
};

/** A drain that goes on for so long after its deadline is reported as overdue. */
export const OVERDUE_AFTER_MS = 30_000;

/**
 * Tells how far a drain is, from one reading of the registry and of the node's agent. Pure.
 *
 * `unlisted`: every Kamailio that lists the node proved a generation which contains the draining
 * record. `drained`: its agent says that it takes no new work and waits for nothing any more.
 */
export function deriveDrainProgress(
  nodeId: string,
  data: Pick<TopologyData, 'nodes' | 'intents' | 'applied' | 'generation'>,
  health: AgentHealth | null,
  wiring: Wiring,
  nowMs: number,
): DrainProgress {
  const record = data.nodes.get(nodeId)?.record;
  const drain = health?.drain ?? null;
  const callsLeft = drain?.left ?? health?.calls ?? null;
  const deadlineAtMs = drain?.deadlineAtMs ?? data.intents.get(nodeId)?.deadline ?? null;
  const perSecond = drain?.endedPerSecond ?? null;
  const estimateMs =
    callsLeft !== null && perSecond !== null && perSecond > 0
      ? (callsLeft / perSecond) * 1000
      : null;
  const proofs =
    record === undefined ? { proven: 0, consumers: 0 } : countProofs(record, data, wiring);
  return {
    step: stepOf(),
    ...proofs,
    callsLeft,
    estimateMs,
    endedPerMinute: perSecond === null ? null : perSecond * 60,
    deadlineAtMs,
  };

  function stepOf(): DrainProgress['step'] {
    if (record === undefined) return 'gone';
    if (!data.intents.has(nodeId)) return record.state === 'draining' ? 'announced' : 'cancelled';
    if (drain?.step === 'empty') return 'drained';
    if (deadlineAtMs !== null && nowMs > deadlineAtMs + OVERDUE_AFTER_MS) return 'overdue';
    if (record.state !== 'draining') return 'asked';
    return proofs.proven < proofs.consumers ? 'announced' : 'unlisted';
  }
}

/** Kamailios that list the node, and how many proved the generation in which it drains. */
function countProofs(
  record: NodeRecord,
  data: Pick<TopologyData, 'nodes' | 'applied' | 'generation'>,
  wiring: Wiring,
): { readonly proven: number; readonly consumers: number } {
  const roles = setsListing(wiring, record.role).flatMap((setid) => consumersOf(wiring, setid));
  const consumers = [...data.nodes.values()].filter(
    ({ record: r }) => roles.includes(r.role) && (r.state === 'up' || r.state === 'draining'),
  );
  const needed =
    record.state === 'draining' ? generationOf(record.trace.id, data.generation) : null;
  const proven = consumers.filter(({ record: { nodeId } }) => {
    const applied = data.applied.get(nodeId);
    return needed !== null && applied !== undefined && applied.generation >= needed;
  });
  return { proven: proven.length, consumers: consumers.length };
}

function generationOf(traceId: string, generation: GenerationRecord | null): number | null {
  return generation?.traces.find((trace) => trace.id === traceId)?.generation ?? null;
}
