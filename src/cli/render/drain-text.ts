import type { DrainProgress } from '../drain-progress.js';
import type { IntentRecord, NodeRecord } from '../../topology/node.js';
import { wrapSegments } from './layout.js';
import type { Painter } from './colour.js';
import { formatDuration, groupNumber, plural } from './units.js';

/** What a drain will do to calls, said before it is asked for. */
export function drainWarning(
  record: NodeRecord,
  intent: Pick<IntentRecord, 'deadline' | 'now'>,
  calls: number | null,
  nowMs: number,
): string[] {
  const present = calls === null ? 'the calls on it' : `the ${plural(calls, 'call')} on it`;
  const lines = [
    `${record.nodeId} (${record.role}) takes no new calls; the other nodes of its role get them.`,
  ];
  if (intent.now) {
    lines.push(
      `--now: nobody waits for ${present}; what is left is LOST when the server is stopped.`,
    );
  } else if (intent.deadline !== null) {
    const left = formatDuration(intent.deadline - nowMs);
    lines.push(
      `It waits up to ${left} for ${present}; what is left then is lost when the server is stopped.`,
    );
  } else {
    lines.push(`It waits for ${present} as long as its agent allows; none is cut before that.`);
  }
  return lines;
}

const BAR_CELLS = 20;

/** The lines of `drain --wait` on a screen. `mostCalls` is what the bar counts from. */
export function drainProgressLines(
  nodeId: string,
  progress: DrainProgress,
  mostCalls: number | null,
  nowMs: number,
  paint: Painter,
  width: number,
): string[] {
  const first = drainStepText(nodeId, progress);
  const { callsLeft, endedPerMinute, estimateMs, deadlineAtMs } = progress;
  if (callsLeft === null) return wrapSegments([first], width, ' ');
  const most = Math.max(mostCalls ?? 0, callsLeft);
  const done = most === 0 ? BAR_CELLS : Math.round(((most - callsLeft) / most) * BAR_CELLS);
  const segments = [
    `calls ${paint.good('█'.repeat(done))}${paint.dim('░'.repeat(BAR_CELLS - done))}`,
    `${groupNumber(callsLeft)} of ${groupNumber(most)} left`,
    endedPerMinute === null ? '' : `−${Math.round(endedPerMinute)}/min`,
    estimateMs === null ? '' : `about ${formatDuration(estimateMs)}`,
    deadlineAtMs === null ? '' : deadlineText(deadlineAtMs - nowMs),
  ];
  return [...wrapSegments([first], width, ' '), ...wrapSegments(segments, width, '   ', '      ')];
}

function deadlineText(leftMs: number): string {
  return leftMs >= 0
    ? `deadline in ${formatDuration(leftMs)}`
    : `deadline ${formatDuration(-leftMs)} ago`;
}

/** One sentence per step. */
export function drainStepText(nodeId: string, progress: DrainProgress): string {
  const on = `${progress.proven}/${plural(progress.consumers, 'Kamailio')}`;
  switch (progress.step) {
    case 'asked':
      return `${nodeId}: drain asked, its agent has not announced it yet.`;
    case 'announced':
      return `${nodeId} is draining: off the list on ${on}.`;
    case 'unlisted':
      return `${nodeId} takes no new calls: off the list on ${on}.`;
    case 'drained':
      return progress.callsLeft === null || progress.callsLeft === 0
        ? `${nodeId} is drained: no call is left on it.`
        : `${nodeId} stopped waiting with ${plural(progress.callsLeft, 'call')} left on it.`;
    case 'gone':
      return `${nodeId} has left the platform.`;
    case 'cancelled':
      return `${nodeId}: the drain was taken back by somebody.`;
    case 'overdue':
      return `${nodeId} still drains after its deadline.`;
    default:
      return progress.step satisfies never;
  }
}
