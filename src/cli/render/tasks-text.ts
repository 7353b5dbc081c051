import type {
  AppCount,
  DeploymentFact,
  OutsideNode,
  TasksView,
  TaskWithoutNode,
} from '../../topology/tasks.js';
import type { Problem } from '../../topology/problems.js';
import type { TopologyView } from '../../topology/view.js';
import { appNameIn } from '../../topology/tasks.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { wrapText } from './explain-text.js';
import { wrapSegments } from './layout.js';
import { formatDuration, plural } from './units.js';

interface Canvas {
  readonly paint: Painter;
  readonly width: number;
  readonly nowMs: number;
}

/** How many nodes outside the group are named. */
const MAX_NAMED = 5;

/** Marathon's instances per role, what changes them now, and which tasks and nodes are not compared. */
export function tasksLines(tasks: TasksView, { paint, width, nowMs }: Canvas): string[] {
  const { group, apps } = tasks;
  const counts = apps.map((app) => countText(app, tasks, paint));
  const none = [paint.warn('no app of ours')];
  const head = [`Marathon ${paint.bold(printable(group))}`, ...(apps.length === 0 ? none : counts)];
  const deployments = tasks.deployments.map((one) => paragraph(deploymentText(one, group), width));
  const others = [
    ...tasks.tasksWithoutNode.flatMap((task) => startingText(task, nowMs)),
    ...outsideTexts(tasks.outside),
  ].map((text) => paragraph(text, width));
  return [
    ...wrapSegments(head, width, ' · ', '  '),
    ...deployments.flat().map(paint.warn),
    ...others.flat(),
  ];
}

function paragraph(text: string, width: number): string[] {
  return wrapText(printable(text), width - 2, '  ').map((line) => `  ${line}`);
}

/** Of a task that need not have a node yet. */
function startingText(task: TaskWithoutNode, nowMs: number): string[] {
  const { isLate, name, host, state, sinceMs, taskId } = task;
  const age = sinceMs === null ? '' : ` for ${formatDuration(nowMs - sinceMs)}`;
  return isLate ? [] : [`${name} on ${host}: ${state}${age}, no node yet (${taskId})`];
}

/** "media 5/6 (1 staged, 1 waits)": running of wanted. */
function countText(app: AppCount, { waiting }: TasksView, paint: Painter): string {
  const { name, appId, running, wanted, staged, unhealthy } = app;
  const missing = waiting
    .filter((one) => one.appId === appId)
    .reduce((sum, one) => sum + one.missing, 0);
  const more = [
    staged > 0 ? `${staged} staged` : '',
    unhealthy > 0 ? `${unhealthy} unhealthy` : '',
    missing > 0 ? `${missing} ${missing === 1 ? 'waits' : 'wait'} for a host` : '',
  ].filter((part) => part !== '');
  const text = `${name} ${running}/${wanted}${more.length === 0 ? '' : ` (${more.join(', ')})`}`;
  return running === wanted && more.length === 0 ? text : paint.warn(text);
}

/** "deployment 5ed4 changes media, registrar: step 2 of 4". Pure. */
export function deploymentText({ id, appIds, step, steps }: DeploymentFact, group: string): string {
  const names = appIds.map((appId) => appNameIn(group, appId)).join(', ');
  return `deployment ${id} changes ${names}: step ${step} of ${steps}`;
}

const OUTSIDE_WORDS: Readonly<Record<OutsideNode['why'], string>> = {
  'no-task': 'started by other means than Marathon',
  'other-app': 'of other apps',
  'unknown-app': 'of apps that Marathon does not list (pods, or deleted)',
};

function outsideTexts(outside: readonly OutsideNode[]): string[] {
  const kinds = Object.keys(OUTSIDE_WORDS) as OutsideNode['why'][];
  return kinds.flatMap((why) => {
    const nodes = outside.filter((node) => node.why === why);
    if (nodes.length === 0) return [];
    const names = nodes.slice(0, MAX_NAMED).map(({ nodeId }) => nodeId);
    const rest = nodes.length > names.length ? ` and ${nodes.length - names.length} more` : '';
    return [`${plural(nodes.length, 'node')} ${OUTSIDE_WORDS[why]}: ${names.join(', ')}${rest}`];
  });
}

/** What Marathon and the registry say otherwise of each other. */
const OF_TASKS: ReadonlySet<Problem['kind']> = new Set([
  'node-without-task',
  'task-without-node',
  'waiting',
]);

/** One line per change between two views, for pipes. */
export function taskDifferences(before: TopologyView, after: TopologyView): string[] {
  const [old, now] = [before.tasks, after.tasks];
  if (now === null) return old === null ? [] : ['Marathon is not heard: tasks are not shown'];
  const problemsOf = (view: TopologyView): Problem[] =>
    view.problems.filter(({ kind }) => OF_TASKS.has(kind));
  const problemKey = ({ kind, what }: Problem): string => `${kind} ${what}`;
  const lines = [
    ...(old === null ? ['Marathon is heard'] : []),
    ...countChanges(old, now),
    ...added(old?.deployments ?? [], now.deployments, ({ id, step }) => `${id} ${step}`).map(
      (deployment) => deploymentText(deployment, now.group),
    ),
    ...added(now.deployments, old?.deployments ?? [], ({ id }) => id).map(
      ({ id }) => `deployment ${id} is over`,
    ),
    ...added(problemsOf(before), problemsOf(after), problemKey).map(({ text }) => text),
    ...added(problemsOf(after), problemsOf(before), problemKey).map(
      ({ text }) => `no longer: ${text}`,
    ),
  ];
  return lines.map(printable);
}

function countChanges(before: TasksView | null, after: TasksView): string[] {
  const old = new Map(before?.apps.map((app) => [app.appId, app]));
  return after.apps.flatMap(({ appId, name, running, wanted }) => {
    const was = old.get(appId);
    if (was?.running === running && was.wanted === wanted) return [];
    const from = was === undefined ? '' : `${was.running}/${was.wanted} → `;
    return [`tasks of ${name}  ${from}${running}/${wanted} running`];
  });
}

/** What `after` has and `before` has not. */
function added<T>(before: readonly T[], after: readonly T[], key: (one: T) => string): T[] {
  const known = new Set(before.map(key));
  return after.filter((one) => !known.has(key(one)));
}
