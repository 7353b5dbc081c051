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
  return [
    `${record.nodeId} (${record.role}) takes no new calls; the other nodes of its role get them.`,
    waitingText(present, intent, nowMs),
  ];
}

/** The same for the nodes of a host, one line each with its calls as far as they are known. */
export function hostDrainWarning(
  host: string,
  records: readonly NodeRecord[],
  intents: readonly IntentRecord[],
  calls: ReadonlyMap<string, number>,
  nowMs: number,
): string[] {
  const known = records.every(({ nodeId }) => calls.has(nodeId));
  const sum = records.reduce((all, { nodeId }) => all + (calls.get(nodeId) ?? 0), 0);
  const isOne = records.length === 1;
  const [them, verb, who] = isOne
    ? ['it', 'takes', 'It waits' as const]
    : ['them', 'take', 'They wait' as const];
  const present = known ? `the ${plural(sum, 'call')} on ${them}` : `the calls on ${them}`;
  const waits = intents.map((intent) => waitingText(present, intent, nowMs, who));
  return [
    `${plural(records.length, 'node')} on ${host} ${verb} no new calls; the other nodes of their roles get them.`,
    ...records.map(({ nodeId, role }) => {
      const count = calls.get(nodeId);
      return `  ${nodeId} (${role})${count === undefined ? '' : `: ${plural(count, 'call')}`}`;
    }),
    ...new Set(waits),
  ];
}

function waitingText(
  present: string,
  { now, deadline }: Pick<IntentRecord, 'deadline' | 'now'>,
  nowMs: number,
  who: 'It waits' | 'They wait' = 'It waits',
): string {
  if (now) {
    return `--now: nobody waits for ${present}; what is left is LOST when the server is stopped.`;
  }
  if (deadline !== null) {
    const left = formatDuration(deadline - nowMs);
    return `${who} up to ${left} for ${present}; what is left then is lost when the server is stopped.`;
  }
  const agent = who === 'It waits' ? 'its agent allows' : 'their agents allow';
  return `${who} for ${present} as long as ${agent}; none is cut before that.`;
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
    endedPerMinute === null ? '' : rateText(endedPerMinute),
    estimateMs === null ? '' : `about ${formatDuration(estimateMs)}`,
    deadlineAtMs === null ? '' : deadlineText(deadlineAtMs - nowMs, estimateMs, paint),
  ];
  return [...wrapSegments([first], width, ' '), ...wrapSegments(segments, width, '   ', '      ')];
}

/** "−3/min"; below one a minute with a decimal, so that a slow drain does not look like a stuck one. */
function rateText(perMinute: number): string {
  const shown = perMinute > 0 && perMinute < 0.95 ? perMinute.toFixed(1) : Math.round(perMinute);
  return perMinute === 0 ? '0/min' : `−${shown}/min`;
}

/** What `drain --wait` saw from its first look to its last. */
export interface DrainWatch {
  /** Most calls that were seen on it; null when none could be counted. */
  readonly mostCalls: number | null;
  /** What its agent said last before it vanished. */
  readonly lastCalls: number | null;
  readonly lastCut: number | null;
  /** False when it was over at the first look already. */
  readonly isWatched: boolean;
}

/** In a warning colour, and in words, when calls would outlive it at the present rate. */
function deadlineText(leftMs: number, estimateMs: number | null, paint: Painter): string {
  if (leftMs < 0) return paint.warn(`deadline ${formatDuration(-leftMs)} ago`);
  const text = `deadline in ${formatDuration(leftMs)}`;
  return estimateMs !== null && estimateMs > leftMs
    ? paint.warn(`${text}: too soon for all`)
    : text;
}

/** One sentence per step. */
export function drainStepText(nodeId: string, progress: DrainProgress): string {
  const { proven, consumers, consumerRole, provenAfterMs, isRefusing } = progress;
  const on = `${proven}/${plural(consumers, consumerRole ?? 'Kamailio')}`;
  const after = provenAfterMs === null ? '' : ` after ${formatDuration(provenAfterMs)}`;
  const refusing = isRefusing ? ', refusing by itself as well' : '';
  switch (progress.step) {
    case 'asked':
      return `${nodeId}: drain asked, its agent has not announced it yet.`;
    case 'announced':
      return `${nodeId} is draining: off the list on ${on}${refusing}.`;
    case 'unlisted':
      return `${nodeId} takes no new calls: off the list on ${on}${after}${refusing}.`;
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

/** The last words of `drain --wait`: how it ended, how long it took and what became of the calls. */
export function drainEndLines(
  nodeId: string,
  progress: DrainProgress,
  watch: DrainWatch,
  nowMs: number,
): string[] {
  const { step, callsLeft, cut, isNow, askedAtMs } = progress;
  const after =
    watch.isWatched && askedAtMs !== null ? ` after ${formatDuration(nowMs - askedAtMs)}` : '';
  const ended = endedText(watch.mostCalls, step === 'gone' ? watch.lastCalls : callsLeft);
  switch (step) {
    case 'drained': {
      if (callsLeft !== null && callsLeft > 0) {
        const why = isNow ? 'it was told not to wait (--now)' : 'the deadline passed';
        return [
          `${nodeId}: ${why}${after}, ${isAre(callsLeft, 'call')} left on it${ended === '' ? '' : `; ${ended}`}.`,
          'They go on until the server is stopped; what is left then is cut.',
        ];
      }
      const late =
        cut === null || cut === 0 ? '' : `, ${groupNumber(cut)} of them after the waiting`;
      if (after === '') return [drainStepText(nodeId, progress)];
      return [`${nodeId} is drained${after}: ${ended === '' ? 'no call is left' : ended}${late}.`];
    }
    case 'gone': {
      const { lastCut } = watch;
      const lost = lastCut ?? watch.lastCalls ?? 0;
      const fate = lastCut === null ? 'on it when last seen' : 'cut';
      const rest =
        lost === 0 ? '' : ` ${plural(lost, 'call')} ${lost === 1 ? 'was' : 'were'} ${fate}.`;
      const line = `${nodeId} has left the platform${after}, its drain has ended${ended === '' ? '' : `: ${ended}`}.${rest}`;
      if (askedAtMs === null) return [line];
      return [line, `It would drain again when it returns; if not wanted: carna undrain ${nodeId}`];
    }
    case 'overdue':
      return [
        drainStepText(nodeId, progress),
        `Next: carna drain ${nodeId} --now, or carna topology`,
      ];
    case 'asked':
    case 'announced':
    case 'unlisted':
    case 'cancelled':
      return [drainStepText(nodeId, progress)];
    default:
      return step satisfies never;
  }
}

/** "14 calls ended by themselves"; empty when nobody could count. */
function endedText(most: number | null, left: number | null): string {
  if (most === null || left === null) return '';
  if (most === 0) return 'no call was on it';
  const ended = Math.max(0, most - left);
  return `${plural(ended, 'call')} ended by ${ended === 1 ? 'itself' : 'themselves'}`;
}

function isAre(count: number, one: string): string {
  return `${plural(count, one)} ${count === 1 ? 'is' : 'are'}`;
}
