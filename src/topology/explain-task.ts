import type { ExplainFacts, TaskAnswer } from './explain-facts.js';
import { recordOf } from './explain-facts.js';
import type { Step } from './explain-link.js';
import { holds, unseen } from './explain-link.js';
import { relaunchOf } from './task-id.js';
import type { AppFact, TaskFact } from './tasks.js';
import { isEnded } from './tasks.js';

type Told = Extract<TaskAnswer, { readonly kind: 'told' }>;

/**
 * What the scheduler says of the node's task; null when none is asked. It never breaks the chain: calls
 * do not pass through the scheduler, it only says who keeps the node running. Pure.
 */
export function taskStep(facts: ExplainFacts): Step | null {
  const { task } = facts;
  switch (task.kind) {
    case 'unasked':
      return null;
    case 'no-task':
      return holds('task', 'none: it was started by other means than Marathon');
    case 'unread':
      return unseen('task', `Marathon did not say: ${task.why}`);
    case 'told':
      return toldStep(facts, task);
  }
}

/** The task that runs under exactly the node's id; undefined when none is listed, or nobody asked. Pure. */
export function liveTaskOf({ task }: Pick<ExplainFacts, 'task'>): TaskFact | undefined {
  if (task.kind !== 'told') return undefined;
  return liveTasks(task.app).find(({ taskId }) => taskId === task.taskId);
}

function liveTasks(app: AppFact | null): readonly TaskFact[] {
  return (app?.tasks ?? []).filter(({ state }) => !isEnded(state));
}

function toldStep(facts: ExplainFacts, told: Told): Step {
  const { app, appId, taskId } = told;
  if (app === null) {
    const text =
      recordOf(facts) === null
        ? 'Marathon lists no task of this name'
        : `Marathon has no app ${appId} (a pod, or deleted)`;
    return unseen('task', text);
  }
  const found = liveTaskOf(facts);
  const details = locksOf(told, app);
  if (found === undefined) {
    const now = relaunchOf(
      taskId,
      liveTasks(app).map((one) => one.taskId),
    );
    const fate = now === undefined ? 'it ended' : `launched again as ${now}, which is another node`;
    return unseen('task', `${app.appId} does not list ${taskId}: ${fate}`, { details });
  }
  const { state, host, sinceMs } = found;
  const text = `${state} on ${host}, of ${app.appId}`;
  const times = { sinceMs, details: [...versionsOf(found, app), ...details] };
  return state === 'TASK_RUNNING' ? holds('task', text, times) : unseen('task', text, times);
}

/** Versions are times; scaling alone gives the app a new one and leaves this one as it is. */
function versionsOf({ version }: TaskFact, { configVersion }: AppFact): string[] {
  if (version === null || configVersion === null) return [];
  if (!(Date.parse(version) < Date.parse(configVersion))) return [];
  return [`it runs version ${version}, the app is at ${configVersion}: not rolled out to it yet`];
}

function locksOf({ deployments }: Told, { deploymentIds }: AppFact): string[] {
  return deploymentIds.map((id) => {
    const found = deployments.find((one) => one.id === id);
    const step = found === undefined ? '' : `: step ${found.step} of ${found.steps}`;
    return `deployment ${id} holds the app${step}`;
  });
}
