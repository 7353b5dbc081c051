import type { Problem } from './problems.js';
import type { NodeWithoutTask, TasksView, TaskWithoutNode, WaitingFact } from './tasks.js';
import { appNameIn } from './tasks.js';

/** What the join of tasks and nodes shows to be wrong. Pure. */
export function findTaskProblems(tasks: TasksView | null, nowMs: number): Problem[] {
  if (tasks === null) return [];
  return [
    ...tasks.nodesWithoutTask.map((node) => nodeWithoutTask(node)),
    ...tasks.tasksWithoutNode.flatMap((task) => (task.isLate ? taskWithoutNode(task, nowMs) : [])),
    ...tasks.waiting.flatMap((waiting) => waitingForHost(waiting, tasks)),
  ];
}

function nodeWithoutTask({ nodeId, taskId, appId, relaunchedAs }: NodeWithoutTask): Problem {
  const which = taskId === nodeId ? '' : ` (${taskId})`;
  const text =
    relaunchedAs === null
      ? `${appId} does not list the task of ${nodeId}${which}`
      : `${appId} launched the instance of ${nodeId} again, which is another node: ${relaunchedAs}`;
  return { kind: 'node-without-task', what: nodeId, text, next: `carna explain ${nodeId}` };
}

/** The id comes last: it is long, and a narrow terminal cuts it there. */
function taskWithoutNode(task: TaskWithoutNode, nowMs: number): Problem {
  const { taskId, name, host, state, sinceMs } = task;
  const age = sinceMs === null ? '' : ` for ${ageText(nowMs - sinceMs)}`;
  const how =
    state === 'TASK_RUNNING' ? `runs on ${host}${age} but` : `is ${state} on ${host}${age},`;
  const text = `${name}: a task ${how} no node is published (${taskId})`;
  const next =
    state === 'TASK_UNREACHABLE'
      ? `look at ${host}: Mesos does not hear its agent`
      : `on ${host}: docker ps -a --filter label=MESOS_TASK_ID=${taskId}`;
  return { kind: 'task-without-node', what: taskId, text, next };
}

/** Nothing is wrong while Marathon has only begun to look. */
function waitingForHost(waiting: WaitingFact, { group, apps }: TasksView): Problem[] {
  const { appId, missing, delayMs, rejects } = waiting;
  if (rejects.length === 0 && delayMs <= 0) return [];
  const name = appNameIn(group, appId);
  const why = [
    ...(delayMs > 0 ? [`it failed, next try in ${ageText(delayMs)}`] : []),
    ...[...rejects]
      .sort((a, b) => b.declined - a.declined)
      .map(({ reason, declined, processed }) => `${reason} (${declined} of ${processed} offers)`),
  ];
  const what = missing === 1 ? '1 instance waits' : `${missing} instances wait`;
  const text = `${name}: ${what} for a host: ${why.join(', ')}`;
  const running = apps.find((app) => app.appId === appId)?.running ?? 0;
  const next =
    delayMs > 0
      ? 'the stderr of its last task, in its Mesos sandbox, says why'
      : `give it a host that fits, or take the wish back: carna scale ${name} ${running}`;
  return [{ kind: 'waiting', what: appId, text, next }];
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
] as const;

/** "40 s", "3 min", "2 h", "4 d": from two of a unit on. */
function ageText(ms: number): string {
  for (const [unitMs, unit] of UNITS) {
    if (ms >= 2 * unitMs) return `${Math.floor(ms / unitMs)} ${unit}`;
  }
  return `${Math.max(0, Math.ceil(ms / 1000))} s`;
}
