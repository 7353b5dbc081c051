import type { TimelineEntry } from '../../topology/timeline.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { pad, truncate, wrapSegments } from './layout.js';
import { formatOffset, formatTime } from './units.js';

const OFFSET_WIDTH = 12;

/** One change as UX wants it: when, what and why, then a line per stage with its offset. */
export function timelineEntryText(
  entry: TimelineEntry,
  timeZone: string | undefined,
  paint: Painter,
  width: number,
): string[] {
  const states = `${entry.from} → ${entry.to}`;
  const by = entry.actor === 'agent' ? '' : ` (by ${entry.actor})`;
  const head = [
    formatTime(entry.startMs, timeZone),
    paint.bold(printable(entry.nodeId)),
    states,
    printable(`${entry.cause}${by}`),
  ];
  const stages = [
    ...stage(entry.noticedMs, 'noticed by its agent'),
    ...stage(entry.publishedMs, 'published'),
    ...stage(entry.seenMs, 'seen by the reconciler'),
    ...stage(entry.committedMs, committed(entry)),
  ];
  const notes = entry.isSkewed
    ? [
        `${pad('', OFFSET_WIDTH)}  ${paint.warn('the clocks of the hosts differ: compare single stages with care')}`,
      ]
    : [];
  return [
    ...wrapSegments(head, width, '  ', pad('', OFFSET_WIDTH + 2)),
    ...stages.map((line) => truncate(line, width)),
    ...liveLines(entry, paint, width),
    ...notes.map((line) => truncate(line, width)),
  ];
}

function stage(ms: number | null, text: string): string[] {
  return ms === null ? [] : [`${pad(formatOffset(ms), OFFSET_WIDTH, 'end')}  ${text}`];
}

function committed(entry: TimelineEntry): string {
  const sets = entry.sets.map(({ setid, from, to }) => {
    if (from === null) return `set ${setid}, inserted with flags ${to}`;
    return to === null ? `set ${setid}, deleted` : `set ${setid}, flags ${from} → ${to}`;
  });
  const what = sets.length === 0 ? ['no row changed'] : sets;
  return `committed: generation ${entry.generation}, ${what.join('; ')}`;
}

/** `+17 ms  live on disp-1   +18 ms disp-2`, wrapped under each other. */
function liveLines(entry: TimelineEntry, paint: Painter, width: number): string[] {
  const [first, ...more] = entry.live;
  if (first === undefined) {
    if (entry.sets.length === 0) return [];
    return [`${pad('', OFFSET_WIDTH)}  ${paint.dim('no Kamailio has acknowledged it')}`];
  }
  const segments = [
    `${pad(formatOffset(first.ms), OFFSET_WIDTH, 'end')}  live on ${first.kamailio}`,
    ...more.map(({ kamailio, ms }) => `${formatOffset(ms)} ${kamailio}`),
    paint.dim('(proven by read-back)'),
  ];
  return wrapSegments(segments, width, '   ', pad('', OFFSET_WIDTH + 2));
}
