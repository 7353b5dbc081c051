import {
  FLAGS_ACTIVE_PROBED,
  FLAGS_DISABLED,
  FLAGS_INACTIVE_PROBED,
} from '../../topology/dispatcher-row.js';
import type { DispatcherSetView, DispatcherView, LiveCell, RowData } from '../../topology/drift.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { renderTable, truncate, wrapSegments } from './layout.js';
import { plural } from './units.js';

/** The answer, one table per set, what differs in words, and what to do. */
export function dispatcherText(
  view: DispatcherView,
  age: string,
  paint: Painter,
  width: number,
): string[] {
  const lines = wrapSegments([verdict(view, paint), age], width, ' · ');
  for (const set of view.sets) lines.push('', ...setLines(set, paint, width));
  const remarks = remarkLines(view, paint);
  if (remarks.length > 0) lines.push('', ...remarks.map((line) => truncate(line, width)));
  return lines;
}

function verdict(view: DispatcherView, paint: Painter): string {
  const rows = view.sets.reduce((sum, set) => sum + set.destinations.length, 0);
  const what = `${plural(view.sets.length, 'set')}, ${plural(rows, 'destination')}`;
  const asked = view.kamailios.length - view.unknown;
  if (rows === 0 && view.unknown === 0)
    return 'the dispatcher table is empty, and so is every live list';
  if (view.drift > 0) {
    return paint.bad(
      `DRIFT: ${plural(view.drift, 'live entry', 'live entries')} differ from the table (${what})`,
    );
  }
  if (view.pending > 0) {
    return paint.warn(`${plural(view.pending, 'row')} not yet written (${what})`);
  }
  if (view.unknown > 0) {
    return paint.warn(
      `${what}: agree as far as ${asked} of ${plural(view.kamailios.length, 'Kamailio')} could be asked`,
    );
  }
  return paint.good(`${what}: desired rows, table and ${plural(asked, 'live list')} agree`);
}

function setLines(set: DispatcherSetView, paint: Painter, width: number): string[] {
  const kamailios = set.destinations[0]?.live.map((cell) => cell.nodeId) ?? [];
  const rows = set.destinations.map((d) => [
    printable(d.destination),
    d.owner === null ? paint.dim('not ours') : printable(d.owner),
    rowText(d.desired),
    d.pending === null ? rowText(d.table) : paint.warn(`${rowText(d.table)} *`),
    ...d.live.map((cell) => cellText(cell, paint)),
  ]);
  const columns = [
    { header: `SET ${set.setid}` },
    { header: 'NODE', drop: 2 },
    { header: 'DESIRED', drop: 1 },
    { header: 'TABLE' },
    ...kamailios.map((nodeId) => ({ header: nodeId })),
  ];
  return renderTable(columns, rows, width);
}

const FLAG_WORDS: Readonly<Record<number, string>> = {
  [FLAGS_ACTIVE_PROBED]: 'active',
  [FLAGS_INACTIVE_PROBED]: 'inactive',
  [FLAGS_DISABLED]: 'disabled',
};

function rowText(row: RowData | null): string {
  return row === null ? '–' : flagsText(row.flags);
}

/** `8 active`; the number alone when it has no name. */
export function flagsText(flags: number): string {
  const word = FLAG_WORDS[flags];
  return word === undefined ? String(flags) : `${flags} ${word}`;
}

/** Marks beside the letters, so that it reads without colour: ✘ drift, ~ probed out, ? unknown. */
function cellText(cell: LiveCell, paint: Painter): string {
  switch (cell.kind) {
    case 'same':
      return cell.letters === '' ? '–' : cell.letters;
    case 'probed-out':
      return paint.warn(`${cell.letters} ~`);
    case 'drift':
      return paint.bad(`${cell.letters ?? '–'} ✘`);
    case 'unknown':
      return paint.warn('?');
    default:
      return cell satisfies never;
  }
}

function remarkLines(view: DispatcherView, paint: Painter): string[] {
  const lines: string[] = [];
  for (const { setid, destinations } of view.sets) {
    for (const d of destinations) {
      const what = `set ${setid} ${printable(d.destination)}`;
      if (d.pending !== null) lines.push(paint.warn(`* ${what}: ${d.pending} by the reconciler`));
      for (const cell of d.live) {
        if (cell.kind === 'drift')
          lines.push(paint.bad(`✘ ${what}: ${cell.why} on ${cell.nodeId}`));
        if (cell.kind === 'probed-out') {
          lines.push(paint.warn(`~ ${what}: ${cell.nodeId} gets no answer to its own OPTIONS`));
        }
      }
    }
  }
  for (const { nodeId, error } of view.kamailios) {
    if (error !== null) lines.push(paint.warn(`? ${nodeId}: ${printable(error)}`));
  }
  if (view.drift > 0) lines.push('Agents heal drift by themselves. If it stays: carna topology');
  else if (view.pending > 0) lines.push('If it stays: carna topology (is there a leader?)');
  return lines;
}
