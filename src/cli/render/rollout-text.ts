import { whyWaiting } from '../../marathon/deploy/app-progress.js';
import type { Evidence } from '../../marathon/rollout/judge-new-version.js';
import type { RolloutLook, TaskPhase } from '../../marathon/rollout/rollout-look.js';
import type { RolloutPlan } from '../rollout/plan-rollout.js';
import { printable } from './colour.js';
import type { Painter } from './colour.js';
import { formatDuration, plural } from './units.js';

/** What a rollout would do to the nodes and their calls. */
export function rolloutPlanLines(plan: RolloutPlan, paint: Painter): string[] {
  const { look, pace, differences, blocks, broken, calls, graceMs } = plan;
  const { id, instances } = look.app;
  const speed = pace.atOnce <= 1 ? 'one at a time' : `${pace.atOnce} at a time`;
  const what = look.role === null ? plural(instances, 'task') : plural(instances, 'node');
  const [first, ...more] = blocks;
  return [
    `${paint.bold(id)}: ${what} replaced, ${speed}; Marathon chooses the order.`,
    ...(differences.length === 0 ? [] : [`  differs in ${printable(differences.join(', '))}`]),
    ...(look.role === null ? [] : [drainLine(calls, graceMs)]),
    ...broken.map((why) => `  replaced first: ${printable(why)}`),
    ...(pace.isOwn
      ? []
      : [
          `  its upgradeStrategy is set to minimumHealthCapacity ${pace.strategy.minimumHealthCapacity}, ` +
            'maximumOverCapacity 0: its own would take more away at a time, or none',
        ]),
    ...(first === undefined
      ? []
      : [paint.bad(`refused (exit 4): the role cannot spare a node: ${printable(first)}`)]),
    ...more.map((why) => `  ${printable(why)}`),
  ];
}

function drainLine(calls: number, graceMs: number): string {
  return (
    `  ${plural(calls, 'call')} now: each node drains when it is told to stop, ` +
    `at most ${formatDuration(graceMs)}, and goes when its calls have ended`
  );
}

const WORDS: Readonly<Record<TaskPhase['phase'], string>> = {
  waiting: '● old, in service',
  draining: '◐ draining',
  gone: '✔ gone',
  started: '◌ new, starting',
  down: '○ new, down',
  up: '● new, up',
  listed: '✔ new, listed everywhere',
};

/** A task's phase, for the line that says that it changed. */
export function taskPhaseLine(task: TaskPhase, done: number, instances: number): string {
  const { taskId, phase, callsLeft, host, reason } = task;
  const calls =
    phase === 'draining' && callsLeft !== null ? `, ${plural(callsLeft, 'call')} left` : '';
  const place = phase === 'started' && host !== '' ? ` on ${printable(host)}` : '';
  const why = phase === 'down' && reason !== '' ? `: ${printable(reason)}` : '';
  const count = phase === 'listed' ? `: ${done} of ${instances} done` : '';
  return `  ${WORDS[phase]}${place}${calls}${why}  ${taskId}${count}`;
}

/** Why a new task has no place yet; null when none waits. */
export function waitingText({ waiting }: RolloutLook): string | null {
  if (waiting === null) return null;
  const why = whyWaiting(waiting);
  return `${plural(waiting.missing, 'task')} without a place${why === null ? '' : `: ${why}`}`;
}

/** Why the new version is worse. */
export function evidenceLines(evidence: readonly Evidence[], paint: Painter): string[] {
  return [
    paint.bad('✘ The new version is worse:'),
    ...evidence.map(({ taskId, why }) => `    ${taskId}: ${printable(why)}`),
  ];
}
