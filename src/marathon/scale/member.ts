import type { IntentRecord, NodeRecord } from '../../topology/node.js';
import type { MarathonApp, MarathonTask } from '../client/answers.js';

/** How far a task is on its way out: `drained` = nothing is lost when it is killed now. */
export type DrainPhase = 'serving' | 'draining' | 'drained';

/** A task of an app with the node that it runs. */
export interface Member {
  readonly taskId: string;
  /** Whole MESOS_TASK_ID, so that the next incarnation of an instance is another node. */
  readonly nodeId: string;
  readonly host: string;
  readonly taskState: string;
  /** Null: no znode tells of it; it has not announced itself yet, or fell silent. */
  readonly record: NodeRecord | null;
  readonly intent: IntentRecord | null;
  /** Calls on it now; null = nobody says. */
  readonly calls: number | null;
  readonly drain: DrainPhase;
  /** Without a znode, and nobody can tell that no call is on it. */
  readonly isUnsupervised: boolean;
}

/** What else than Marathon says of one node. */
export interface NodeWord {
  readonly calls: number | null;
  /** Its agent says that it takes no new work and waits for nothing any more. */
  readonly isDrained: boolean;
}

/** What deriveMembers goes by beside Marathon's answer; all by nodeId. */
export interface Surroundings {
  readonly records: ReadonlyMap<string, NodeRecord>;
  readonly intents: ReadonlyMap<string, IntentRecord>;
  readonly words: ReadonlyMap<string, NodeWord>;
  /** Nodes without a znode that may carry calls all the same. */
  readonly unsupervised: ReadonlySet<string>;
}

const COMING = ['TASK_STAGING', 'TASK_STARTING', 'TASK_RUNNING'];

/** True for a task that runs or is about to. Pure. */
export function isActive({ state }: Pick<MarathonTask, 'state'>): boolean {
  return COMING.includes(state);
}

/** The app's tasks that are not over, each with its node, in Marathon's order. Pure. */
export function deriveMembers(app: MarathonApp, around: Surroundings): readonly Member[] {
  const byTask = new Map(
    [...around.records.values()]
      .filter((record) => record.marathon?.appId === app.id)
      .map((record) => [record.marathon?.taskId ?? '', record]),
  );
  return app.tasks
    .filter((task) => isActive(task) || ['TASK_UNREACHABLE', 'TASK_KILLING'].includes(task.state))
    .map((task) => memberOf(task, byTask.get(task.id) ?? null, around));
}

function memberOf(task: MarathonTask, record: NodeRecord | null, around: Surroundings): Member {
  const nodeId = record?.nodeId ?? task.id;
  const intent = around.intents.get(nodeId) ?? null;
  const word = around.words.get(nodeId);
  const isUnsupervised = record === null && around.unsupervised.has(nodeId);
  const isEmpty = record === null ? !isUnsupervised : word?.isDrained === true;
  return {
    taskId: task.id,
    nodeId,
    host: task.host,
    taskState: task.state,
    record,
    intent,
    calls: word?.calls ?? null,
    // An intent is obeyed also by an agent that has not announced itself yet: it begins draining.
    drain: intent === null ? 'serving' : isEmpty ? 'drained' : 'draining',
    isUnsupervised,
  };
}
