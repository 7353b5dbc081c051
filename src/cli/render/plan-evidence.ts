import { isLostHold } from '../../topology/held.js';
import type { PlanJson } from '../json-shapes.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { wrapText } from './explain-text.js';
import type { PlanCanvas } from './plan-text.js';
import { stateMark } from './state-mark.js';
import { formatDuration, groupNumber, plural } from './units.js';

/** Below the rows: what the guards say, who waits, what may not be written, what was assumed, what to do. */
export function planEvidence(plan: PlanJson, canvas: PlanCanvas): string[] {
  const { paint } = canvas;
  const sections = [
    wiringLines(plan, paint),
    guardLines(plan, canvas),
    plan.waiting.map(
      (one) =>
        `? ${one.nodeId} vanished without a goodbye, and nothing is told of it: it waits for the witness; ${rowsText(one)}`,
    ),
    untoldLines(plan),
    faultLines(plan),
    plan.assumed.map(({ text }) => paint.dim(`assumed: ${text}`)),
    nextLines(plan, paint),
  ];
  return sections.flatMap((lines) =>
    lines.length === 0 ? [] : ['', ...lines.flatMap((line) => hanging(line, canvas.width))],
  );
}

/** Goes on below the text when a line is too long. */
function hanging(line: string, width: number): string[] {
  const indent = `${/^ */.exec(line)?.[0] ?? ''}  `;
  const lead = /^ */.exec(line)?.[0] ?? '';
  return wrapText(line.slice(lead.length), width - lead.length, indent.slice(lead.length)).map(
    (l) => lead + l,
  );
}

const MAX_NAMES = 10;

function untoldLines({ untold }: PlanJson): string[] {
  if (untold.length === 0) return [];
  const nodes = plural(untold.length, 'vanished node is', 'vanished nodes are');
  const more = untold.length - MAX_NAMES;
  const names = untold.slice(0, MAX_NAMES).map(({ nodeId }) => printable(nodeId));
  const rest = more > 0 ? ` and ${groupNumber(more)} more (carna plan --json)` : '';
  return [
    `? ${nodes} not told by name: the leader counts more nodes that it asked than it names (carna guard), so nobody can say from here what becomes of ${names.join(', ')}${rest}`,
  ];
}

function rowsText({ rows }: PlanJson['waiting'][number]): string {
  const places = rows.map(({ setid, destination }) => `set ${setid} ${printable(destination)}`);
  return rows.length === 0 ? 'it has no row' : `${places.join(', ')} stays as it is`;
}

function wiringLines({ wiringChanges }: PlanJson, paint: Painter): string[] {
  return wiringChanges.map(({ did, consumer, target, setid }) => {
    const text = `wiring: ${consumer} ${did === 'added' ? 'would load' : 'would no longer load'} ${target} as set ${setid}`;
    return did === 'added' ? paint.good(text) : paint.bad(text);
  });
}

function guardLines({ holds, passing, held }: PlanJson, { paint, nowMs }: PlanCanvas): string[] {
  if (passing + held + holds.length === 0) return [];
  if (holds.length === 0)
    return [`guards: nothing is held, ${passing === 1 ? 'it passes' : `all ${passing} pass`}`];
  const lost = holds.filter(isLostHold).length;
  const sums = [
    ...(passing === 0 ? [] : [`${plural(passing, 'row')} ${passing === 1 ? 'passes' : 'pass'}`]),
    ...(held === 0 ? [] : [`${plural(held, 'row')} held`]),
    ...(lost === 0 ? [] : [`${plural(lost, 'lost set')} kept`]),
  ];
  return [
    `guards: ${sums.join(', ')}`,
    ...holds.flatMap((hold) => {
      const { setid, rule, why, count, sinceMs } = hold;
      const what = isLostHold(hold) ? 'all its rows' : plural(count, 'row');
      const by =
        sinceMs === null
          ? 'would be held'
          : `for ${formatDuration(nowMs - sinceMs)}, by the leader’s word`;
      return [
        `  ${stateMark('held', paint)} set ${setid}: ${what} (rule ${rule}), ${by}`,
        `    ${printable(why)}`,
      ];
    }),
  ];
}

function faultLines({ refused, conflicts, foreign }: PlanJson): string[] {
  return [
    ...refused.map(
      ({ setid, destination, why }) =>
        `refused: set ${setid} ${printable(destination)}: ${printable(why)}`,
    ),
    ...conflicts.map(({ setid, destination, winner, loser }) => {
      return `conflict: set ${setid} ${printable(destination)} is claimed by ${winner} and ${loser}; ${winner}, the younger, has it`;
    }),
    ...foreign.map(({ setid, destination, nodeId }) => {
      return `foreign: set ${setid} ${printable(destination)} belongs to somebody else's row; ${nodeId} gets none`;
    }),
  ];
}

function nextLines(plan: PlanJson, paint: Painter): string[] {
  const { wiring, leader, passing, held, holds, waiting, untold } = plan;
  const { changes, conflicts, foreign } = plan;
  const about = [
    changes[0]?.nodeId,
    waiting[0]?.nodeId,
    untold[0]?.nodeId,
    foreign[0]?.nodeId,
    conflicts[0]?.loser,
  ].find((nodeId) => typeof nodeId === 'string');
  const isDue = passing + held + waiting.length + untold.length > 0;
  const isTold = holds.some(({ sinceMs }) => sinceMs !== null);
  const next = [
    ...(isDue && wiring === null && leader === null
      ? ['start a reconciler: carna reconciler']
      : []),
    ...(isTold || untold.length > 0 ? ['carna guard'] : []),
    ...(about === undefined ? [] : [`carna explain ${about}`]),
  ];
  return next.map((step, i) => `${i === 0 ? 'Next: ' : '      '}${paint.bold(step)}`);
}
