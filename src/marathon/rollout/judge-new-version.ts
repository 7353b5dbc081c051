import type { NodeRecord } from '../../topology/node.js';
import type { MarathonTask } from '../client/answers.js';
import type { RolloutLook, RolloutNode } from './rollout-look.js';

/** What is remembered of a new task from look to look. */
export interface SeenTask {
  /** When it was seen first, on the caller's monotonic clock. */
  readonly firstMs: number;
  /** Its node was up once. */
  readonly wasUp: boolean;
  readonly wasListed: boolean;
  /** Of its SIP server; null before its agent published it. */
  readonly instanceId: string | null;
  /** Since when its znode is missing, on the caller's monotonic clock; null while it is there, or never was. */
  readonly silentMs: number | null;
}

/** All new tasks that were seen, by id. */
export type Memory = ReadonlyMap<string, SeenTask>;

/** Limits of a judgement, in ms. */
export interface JudgeLimits {
  /** From a task's first sight to its node being listed everywhere. */
  readonly readyMs: number;
}

/** The moment of a look. */
export interface Moment {
  readonly monoMs: number;
  readonly wallMs: number;
}

/** Why the new version is worse. */
export interface Evidence {
  readonly taskId: string;
  readonly why: string;
}

/** The judgement of one look, and what to remember for the next. */
export interface Judgement {
  readonly kind: 'fine' | 'worse';
  readonly evidence: readonly Evidence[];
  readonly memory: Memory;
}

/** A first OPTIONS may be lost: agent and witness have so long to agree. */
const WITNESS_MS = 5_000;
/** An agent that lost its session publishes again: it is taken for silent after so long. */
const SILENT_MS = 5_000;

/** Ends of a task that nobody asked for during a rollout. */
const ENDED: ReadonlySet<string> = new Set([
  'TASK_ERROR',
  'TASK_FAILED',
  'TASK_FINISHED',
  'TASK_KILLED',
  'TASK_KILLING',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_DROPPED',
  'TASK_LOST',
  'TASK_UNKNOWN',
]);

/**
 * Whether the new version is worse than the old one, from what its tasks did since they were first seen: one that
 * ended, was relaunched or vanished, a server that was started again, a node that went down again, fell silent, is
 * contradicted by the reconciler's own OPTIONS, or was not listed in time. Old tasks are not judged.
 *
 * Pure. While the registry's answer is old, only Marathon's word counts.
 */
export function judgeNewVersion(
  look: RolloutLook,
  oldTaskIds: readonly string[],
  before: Memory,
  limits: JudgeLimits,
  now: Moment,
): Judgement {
  const fresh = look.app.tasks.filter(({ id }) => !oldTaskIds.includes(id));
  const evidence: Evidence[] = [...before.keys()]
    .filter((id) => !fresh.some((task) => task.id === id))
    .map((taskId) => ({ taskId, why: 'it is gone: it ended, or Marathon killed it' }));
  const memory = new Map(before);
  for (const task of fresh) {
    const node = look.nodes.get(task.id);
    const seen = remember(before.get(task.id) ?? FIRST(now.monoMs), look, node, now);
    const why = whyWorse(look, task, node, seen, limits, now);
    if (why !== null) evidence.push({ taskId: task.id, why });
    memory.set(task.id, seen);
  }
  return { kind: evidence.length === 0 ? 'fine' : 'worse', evidence, memory };
}

const FIRST = (firstMs: number): SeenTask => {
  return { firstMs, wasUp: false, wasListed: false, instanceId: null, silentMs: null };
};

function remember(
  seen: SeenTask,
  { isFresh }: RolloutLook,
  node: RolloutNode | undefined,
  now: Moment,
): SeenTask {
  if (!isFresh) return { ...seen, silentMs: null };
  if (node === undefined) {
    return seen.wasUp ? { ...seen, silentMs: seen.silentMs ?? now.monoMs } : seen;
  }
  return {
    firstMs: seen.firstMs,
    wasUp: seen.wasUp || node.record.state === 'up',
    wasListed: seen.wasListed || node.isListed,
    // An agent announces the node under an id of its own before its server has one.
    instanceId:
      seen.instanceId ?? (node.record.state === 'starting' ? null : node.record.instanceId),
    silentMs: null,
  };
}

function whyWorse(
  look: RolloutLook,
  task: MarathonTask,
  node: RolloutNode | undefined,
  seen: SeenTask,
  limits: JudgeLimits,
  now: Moment,
): string | null {
  if (ENDED.has(task.state)) return `it ended: ${task.state}`;
  if (task.state === 'TASK_UNREACHABLE') return `its host ${task.host} is unreachable`;
  if (incarnationOf(task.id) > 1) return 'it failed and was launched again';
  const isLate = now.monoMs - seen.firstMs >= limits.readyMs;
  if (look.role === null) {
    return isLate && task.state !== 'TASK_RUNNING' ? `it is still ${task.state}` : null;
  }
  if (!look.isFresh) return null;
  if (node === undefined) {
    const isSilent = seen.silentMs !== null && now.monoMs - seen.silentMs >= SILENT_MS;
    if (seen.wasUp) return isSilent ? 'it was up and fell silent' : null;
    return isLate ? 'its agent published nothing in time' : null;
  }
  return whyNodeWorse(look, node, seen, isLate, now.wallMs);
}

function whyNodeWorse(
  { witnessed }: RolloutLook,
  { record, isListed }: RolloutNode,
  seen: SeenTask,
  isLate: boolean,
  wallMs: number,
): string | null {
  if (seen.instanceId !== null && record.instanceId !== seen.instanceId) {
    return `its server was started again: ${record.trace.cause}`;
  }
  if (seen.wasUp && record.state === 'down') return `it was up and went down: ${record.reason}`;
  if (seen.wasUp && record.state === 'starting') return `it was up and starts again`;
  const found = witnessed.find(({ nodeId }) => nodeId === record.nodeId);
  if (found?.finding === 'disagreed' && wallMs - found.sinceMs >= WITNESS_MS) {
    return `its agent says ${record.state}, and it does not answer the reconciler at ${found.destination}`;
  }
  if (!isLate || isListed || seen.wasListed) return null;
  return record.state === 'up' ? 'it is up and not listed everywhere in time' : notUp(record);
}

function notUp({ state, reason }: NodeRecord): string {
  return `it is not up in time: ${state}${reason === '' ? '' : `, ${reason}`}`;
}

/** The number at the end of a task's id; a relaunch raises it. */
function incarnationOf(taskId: string): number {
  return Number(/\.[^.]+\.(\d+)$/.exec(taskId)?.[1] ?? 1);
}
