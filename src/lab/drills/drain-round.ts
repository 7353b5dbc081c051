import type { AppliedRecord, GenerationRecord, NodeRecord } from '../../topology/node.js';
import { consumersOf, DEFAULT_WIRING, setsListing } from '../../topology/wiring.js';
import { CarnaError } from '../../util/errors.js';
import type { LabNode } from '../plan.js';
import { readHealth } from './agent-health.js';
import type { DrillStage } from './stage.js';
import { allNodes, BACK_TIMEOUT_MS, seconds, untilFound, wallMs } from './stage.js';

/** One node drained and taken back. All times are wall clock in ms. */
export interface DrainRound {
  readonly node: LabNode;
  readonly round: number;
  readonly askedAtMs: number;
  /** When the last consumer proved a list without it; null when one did not in time. */
  readonly acknowledgedAtMs: number | null;
  /** When its agent had nothing left to wait for; null when that did not come in time. */
  readonly emptyAtMs: number | null;
  /** What its agent still counted then. */
  readonly left: number | null;
  readonly takenBackAtMs: number;
}

const BY = 'drill';
const ACKNOWLEDGE_TIMEOUT_MS = 15_000;
/** Two looks of the agent more than the longest call. */
const EMPTY_MARGIN_MS = 15_000;
const POLL_MS = 10;
const HEALTH_POLL_MS = 200;
const SAY_EVERY_MS = 3_000;

/** Asks for a drain as `carna drain` does. Gives the wall clock in ms of the asking. */
export async function askDrain(
  stage: DrillStage,
  node: Pick<LabNode, 'name'>,
  deadlineAtMs: number | null,
): Promise<number> {
  const since = wallMs();
  const want = { schema: 1, nodeId: node.name, want: 'drain', by: BY, why: 'a drill' } as const;
  await stage.platform.registry.writeIntent({ ...want, since, deadline: deadlineAtMs, now: false });
  return since;
}

/** Drains one node, waits until it is empty and takes it back; whatever happens, no intent stays. */
export async function drainOnce(
  stage: DrillStage,
  node: LabNode,
  round: number,
  longestCallMs: number,
): Promise<DrainRound> {
  const { platform, signal, say } = stage;
  const askedAtMs = await askDrain(stage, node, null);
  let seen: Pick<DrainRound, 'acknowledgedAtMs' | 'emptyAtMs' | 'left'>;
  let takenBackAtMs = askedAtMs;
  try {
    const acknowledgedAtMs = await untilAcknowledged(stage, node);
    const { atMs, left } = await untilEmpty(stage, node, longestCallMs + EMPTY_MARGIN_MS);
    seen = { acknowledgedAtMs, emptyAtMs: atMs, left };
    say(
      atMs === null
        ? `${node.name}: NOT empty`
        : `${node.name}: empty after ${seconds(atMs - askedAtMs)}`,
    );
  } finally {
    takenBackAtMs = wallMs();
    await takeBack(stage, node);
  }
  await platform.untilSettled(allNodes(stage.lab), BACK_TIMEOUT_MS, signal);
  return { node, round, askedAtMs, ...seen, takenBackAtMs };
}

/** When every consumer had proved a list without the draining node: wall clock in ms; null after the time-out. */
export async function untilAcknowledged(
  stage: DrillStage,
  node: LabNode,
  timeoutMs: number = ACKNOWLEDGE_TIMEOUT_MS,
): Promise<number | null> {
  const { view } = stage.platform;
  const find = (): number | null => {
    const applied = [...view.applied().records.values()].map(({ record }) => record);
    const nodes = [...view.nodes().nodes.values()].map(({ record }) => record);
    return acknowledgedAt(node.name, nodes, applied, view.generation().record);
  };
  return untilFound(find, timeoutMs, POLL_MS, stage.signal);
}

/**
 * When the last Kamailio that lists a draining node proved a generation with its drain: wall clock in ms;
 * null while one has not. Pure.
 */
export function acknowledgedAt(
  nodeId: string,
  nodes: readonly NodeRecord[],
  applied: readonly AppliedRecord[],
  generation: GenerationRecord | null,
): number | null {
  const record = nodes.find((found) => found.nodeId === nodeId);
  if (record?.state !== 'draining') return null;
  const needed = generation?.traces.find(({ id }) => id === record.trace.id)?.generation;
  if (needed === undefined) return null;
  const sets = setsListing(DEFAULT_WIRING, record.role);
  const roles = sets.flatMap((setid) => consumersOf(DEFAULT_WIRING, setid));
  const consumers = nodes.filter(
    ({ role, state }) => roles.includes(role) && (state === 'up' || state === 'draining'),
  );
  const proofs = consumers.flatMap((consumer) =>
    applied.filter((one) => one.nodeId === consumer.nodeId && one.generation >= needed),
  );
  if (proofs.length < consumers.length) return null;
  return Math.max(...proofs.map((proof) => proof.provenAtMs));
}

/** Waits until the agent has nothing left to wait for, by itself or by a deadline; tells how many calls are left meanwhile. */
export async function untilEmpty(
  stage: DrillStage,
  node: LabNode,
  timeoutMs: number,
): Promise<{ readonly atMs: number | null; readonly left: number | null }> {
  let left: number | null = null;
  let saidMs = Number.NEGATIVE_INFINITY;
  const find = async (): Promise<number | null> => {
    const health = await readHealth(node.http);
    const atMs = wallMs();
    if (health === null) return null;
    left = health.left ?? health.calls;
    if (health.step === 'empty') return atMs;
    if (left !== null && performance.now() - saidMs >= SAY_EVERY_MS) {
      saidMs = performance.now();
      stage.say(`${node.name}: draining, ${left} left`);
    }
    return null;
  };
  const atMs = await untilFound(find, timeoutMs, HEALTH_POLL_MS, stage.signal);
  return { atMs, left };
}

/** Takes a drain back although the drill failed: what is thrown then must not hide the first error. */
export async function takeBack(stage: DrillStage, node: LabNode): Promise<void> {
  try {
    await stage.platform.registry.removeIntent(node.name);
  } catch (err) {
    if (!(err instanceof CarnaError)) throw err;
    stage.say(`the drain of ${node.name} could not be taken back: carna undrain ${node.name}`);
  }
}
