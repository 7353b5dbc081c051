import type { AppProgress } from '../../marathon/deploy/app-progress.js';
import { whyWaiting } from '../../marathon/deploy/app-progress.js';
import type { AppChange, DeployPlan } from '../../marathon/deploy/deploy-plan.js';
import { printable } from './colour.js';
import type { Painter } from './colour.js';
import { plural } from './units.js';

/** What a deploy would do, first in one line, then app by app with what it means for calls. */
export function deployPlanLines(
  groupId: string,
  { changes, refusals }: DeployPlan,
  notes: readonly string[],
  paint: Painter,
): string[] {
  if (changes.length === 0) {
    return [`${groupId}: nothing to do, Marathon holds it already.`, ...notes.map(noteLine)];
  }
  return [
    `${paint.bold(groupId)}: ${headline(changes)}`,
    ...changes.map((change) => changeLine(change, paint)),
    ...notes.map(noteLine),
    ...refusals.flatMap(({ why, next }) => [
      paint.bad(`refused (exit 4): ${printable(why)}`),
      `  Next: ${printable(next)}`,
    ]),
  ];
}

function headline(changes: readonly AppChange[]): string {
  const words = { start: 'started', scale: 'scaled', restart: 'restarted', stop: 'REMOVED' };
  const counts = (['start', 'scale', 'restart', 'stop'] as const).flatMap((did) => {
    const count = changes.filter((change) => change.did === did).length;
    return count === 0 ? [] : [`${plural(count, 'app')} ${words[did]}`];
  });
  return `${counts.join(', ')}.`;
}

function changeLine(change: AppChange, paint: Painter): string {
  const { appId } = change;
  switch (change.did) {
    case 'start':
      return `  ${paint.good('+')} ${appId}  new, ${plural(change.instances, 'instance')}`;
    case 'scale':
      return `  ${paint.good('±')} ${appId}  ${change.from} → ${plural(change.to, 'instance')}, no running one is touched`;
    case 'restart':
      return `  ${paint.warn('↻')} ${appId}  all ${plural(change.instances, 'task')} replaced, ${paceOf(change.atOnce)}; ${callsOf(change)}`;
    case 'stop':
      return `  ${paint.bad('-')} ${appId}  REMOVED with ${plural(change.instances, 'task')}; ${callsOf(change)}`;
  }
}

function paceOf(atOnce: number): string {
  return atOnce === 0 ? 'each after a new one is ready' : `${atOnce} at a time`;
}

function callsOf({ role, did, atStake: { tasks, nodes, calls, unread } }: AppChange): string {
  if (nodes === 0) {
    // What the file does not name may be nodes; what it names without a role is none.
    const mayBeNodes = role !== null || did === 'stop';
    if (tasks === 0 || !mayBeNodes) return 'no node of it is in service, no call is touched';
    return `Marathon runs ${plural(tasks, 'task')}, none of them in service by the registry`;
  }
  const unknown = unread === 0 ? '' : ` (of ${plural(unread, 'node')} not known)`;
  return `${plural(calls, 'call')} now${unknown}: drained on SIGTERM, cut when the kill grace ends`;
}

function noteLine(note: string): string {
  return `  · ${printable(note)}`;
}

/** How far each app is, a line each. */
export function appProgressLines(apps: readonly AppProgress[], paint: Painter): string[] {
  return apps.map((app) => {
    const mark = app.isDone ? paint.good('✔') : paint.dim('…');
    return `${mark} ${app.appId}  ${progressWords(app)}`;
  });
}

function progressWords(app: AppProgress): string {
  const { wanted, running, up, listed, oldLeft, waiting } = app;
  const old = oldLeft === 0 ? [] : [`${plural(oldLeft, 'old task')} left`];
  if (wanted === 0) return [`${running} running`, ...old].join(', ');
  const parts = [`${running} of ${wanted} running`];
  if (up !== null) parts.push(`${up} up`, `${listed ?? 0} listed`);
  const why = waiting === null ? null : whyWaiting(waiting);
  if (waiting !== null) {
    parts.push(`${waiting.missing} without a place${why === null ? '' : `: ${printable(why)}`}`);
  }
  return [...parts, ...old].join(', ');
}
