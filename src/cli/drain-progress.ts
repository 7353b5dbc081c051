import type { GenerationRecord, NodeRecord, Role } from '../topology/node.js';
import { placesOf } from '../topology/places.js';
import { isListing } from '../topology/unlisted.js';
import { consumersOf, setsListing } from '../topology/wiring.js';
import type { Wiring } from '../topology/wiring.js';
import type { AgentHealth } from './agent-health-codec.js';
import type { DrainProgressJson } from './json-shapes.js';
import type { TopologyData } from './operator-data.js';

/** A drain as `--wait` sees it. */
export type DrainProgress = Omit<DrainProgressJson, 'schema' | 'nodeId'> & {
  /** Calls that end in a minute; null while unknown. */
  readonly endedPerMinute: number | null;
  /** The one role of the Kamailios that list it; null when there are several, or none. */
  readonly consumerRole: Role | null;
  /** From its being asked to the last proof; null while one is missing, and when later proofs hide it. */
  readonly provenAfterMs: number | null;
  /** The server itself turns new calls away. */
  readonly isRefusing: boolean;
  /** Wall clock in ms at which it was asked; null without an intent. */
  readonly askedAtMs: number | null;
  /** An operator ended the waiting with --now. */
  readonly isNow: boolean;
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
  const intent = data.intents.get(nodeId);
  const drain = health?.drain ?? null;
  const callsLeft = drain?.left ?? health?.calls ?? null;
  const deadlineAtMs = drain?.deadlineAtMs ?? intent?.deadline ?? null;
  const perSecond = drain?.endedPerSecond ?? null;
  const estimateMs =
    callsLeft !== null && perSecond !== null && perSecond > 0
      ? (callsLeft / perSecond) * 1000
      : null;
  const proofs = record === undefined ? NO_PROOFS : countProofs(record, 'draining', data, wiring);
  const { proven, consumers, consumerRole, provenAtMs } = proofs;
  return {
    step: stepOf(),
    proven,
    consumers,
    consumerRole,
    provenAfterMs:
      provenAtMs === null || intent === undefined || provenAtMs < intent.since
        ? null
        : provenAtMs - intent.since,
    callsLeft,
    estimateMs,
    endedPerMinute: perSecond === null ? null : perSecond * 60,
    deadlineAtMs,
    cut: drain?.cut ?? null,
    isRefusing: drain?.step === 'emptying' || drain?.step === 'empty',
    askedAtMs: intent?.since ?? null,
    isNow: intent?.now === true,
  };

  function stepOf(): DrainProgress['step'] {
    if (record === undefined) return 'gone';
    if (intent === undefined) return record.state === 'draining' ? 'announced' : 'cancelled';
    if (drain?.step === 'empty') return 'drained';
    if (deadlineAtMs !== null && nowMs > deadlineAtMs + OVERDUE_AFTER_MS) return 'overdue';
    if (record.state !== 'draining') return 'asked';
    return proofs.proven < proofs.consumers ? 'announced' : 'unlisted';
  }
}

export interface Proofs {
  /**
   * Kamailios that list the node, and how many of them proved a generation with its last change; of one that
   * is up also that their list has it, which a failed reload leaves open.
   */
  readonly consumers: number;
  readonly proven: number;
  readonly consumerRole: Role | null;
  /** Wall clock in ms of the last proof; null while one is missing, or when one is of a later generation. */
  readonly provenAtMs: number | null;
}

const NO_PROOFS: Proofs = { consumers: 0, proven: 0, consumerRole: null, provenAtMs: null };

/** Counts who has proven the change that brought the node into `state`. Pure. */
export function countProofs(
  record: NodeRecord,
  state: NodeRecord['state'],
  data: Pick<TopologyData, 'nodes' | 'applied' | 'generation'>,
  wiring: Wiring,
): Proofs {
  const roles = setsListing(wiring, record.role).flatMap((setid) => consumersOf(wiring, setid));
  const consumers = [...data.nodes.values()].filter(
    ({ record: r }) => roles.includes(r.role) && (r.state === 'up' || r.state === 'draining'),
  );
  const needed = record.state === state ? generationOf(record.trace.id, data.generation) : null;
  const keys = state === 'up' ? placesOf(wiring, record.nodeId, record).map(({ key }) => key) : [];
  const proofs = consumers.flatMap(({ record: { nodeId } }) => {
    const applied = data.applied.get(nodeId);
    if (needed === null || applied === undefined || applied.generation < needed) return [];
    return isListing(applied, keys) ? [applied] : [];
  });
  const isFirst = proofs.length > 0 && proofs.every((proof) => proof.generation === needed);
  const consumerRoles = new Set(consumers.map(({ record: r }) => r.role));
  const [role = null] = consumerRoles;
  return {
    consumers: consumers.length,
    proven: proofs.length,
    consumerRole: consumerRoles.size === 1 ? role : null,
    provenAtMs:
      isFirst && proofs.length === consumers.length
        ? Math.max(...proofs.map((proof) => proof.provenAtMs))
        : null,
  };
}

function generationOf(traceId: string, generation: GenerationRecord | null): number | null {
  return generation?.traces.find((trace) => trace.id === traceId)?.generation ?? null;
}
