import type { NodeRecord, Role, WitnessedRecord } from '../../topology/node.js';
import type { MarathonApp, MarathonTask, QueueItem } from '../client/answers.js';

/** A node of the app as the registry knows it now. */
export interface RolloutNode {
  readonly record: NodeRecord;
  /** On every Kamailio that sends it calls. */
  readonly isListed: boolean;
  /** What a draining node still waits for; null: it is not draining, or its agent does not say. */
  readonly callsLeft: number | null;
}

/** One look at Marathon and the registry during a rollout. */
export interface RolloutLook {
  /** Null: the app's tasks are no SIP nodes. */
  readonly role: Role | null;
  readonly app: MarathonApp;
  /** By task id. */
  readonly nodes: ReadonlyMap<string, RolloutNode>;
  /** What the reconciler's own OPTIONS found where it differs from the agents' word. */
  readonly witnessed: readonly WitnessedRecord[];
  /** What waits for an offer; null: nothing of this app. */
  readonly waiting: QueueItem | null;
  /** False while the registry's answer is an old one: silence proves nothing then. */
  readonly isFresh: boolean;
}

/** How far one task is. New ones run through `started` to `listed`, old ones through `waiting` to `gone`. */
export const PHASES = ['waiting', 'draining', 'gone', 'started', 'down', 'up', 'listed'] as const;
export type Phase = (typeof PHASES)[number];

/** A task in a rollout. */
export interface TaskPhase {
  readonly taskId: string;
  readonly host: string;
  readonly isNew: boolean;
  readonly phase: Phase;
  readonly callsLeft: number | null;
  /** What its agent says; empty where nothing is known. */
  readonly reason: string;
}

/** How far each task is; old ones that are no longer listed are `gone`. Pure. */
export function derivePhases(look: RolloutLook, oldTaskIds: readonly string[]): TaskPhase[] {
  const { tasks } = look.app;
  const gone = oldTaskIds
    .filter((id) => !tasks.some((task) => task.id === id))
    .map((taskId): TaskPhase => {
      const nothing = { host: '', callsLeft: null, reason: '' };
      return { taskId, isNew: false, phase: 'gone', ...nothing };
    });
  const present = tasks.map((task): TaskPhase => {
    const node = look.nodes.get(task.id);
    const isNew = !oldTaskIds.includes(task.id);
    return {
      taskId: task.id,
      host: task.host,
      isNew,
      phase: isNew ? newPhase(look, task, node) : oldPhase(node),
      callsLeft: node?.callsLeft ?? null,
      reason: node?.record.reason ?? '',
    };
  });
  return [...gone, ...present];
}

/** Whether every task is a new one that does its work. Pure. */
export function isRolledOut(look: RolloutLook, oldTaskIds: readonly string[]): boolean {
  const { instances, tasks } = look.app;
  const listed = derivePhases(look, oldTaskIds).filter(({ phase }) => phase === 'listed').length;
  return listed === instances && tasks.length === instances;
}

function oldPhase(node: RolloutNode | undefined): Phase {
  return node?.record.state === 'draining' ? 'draining' : 'waiting';
}

function newPhase(
  { role }: RolloutLook,
  { state }: MarathonTask,
  node: RolloutNode | undefined,
): Phase {
  if (role === null) return state === 'TASK_RUNNING' ? 'listed' : 'started';
  if (node?.record.state === 'down') return 'down';
  if (node?.record.state !== 'up') return 'started';
  return node.isListed ? 'listed' : 'up';
}
