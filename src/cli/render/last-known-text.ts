import { isOurs } from '../../topology/dispatcher-row.js';
import type { DispatcherRow } from '../../topology/dispatcher-row.js';
import type { CarnaError } from '../../util/errors.js';
import type { Context } from '../context.js';
import type { LastKnown } from '../last-known.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { renderTable } from './layout.js';
import { flagsText } from './dispatcher-text.js';
import { formatAge, groupNumber } from './units.js';

/** Prints it for people. */
export function printLastKnown(context: Context, last: LastKnown, failure: CarnaError): void {
  const { paint } = context;
  const nowMs = context.clock.wallMs();
  context.print(...lastKnownText(last, failure.message, paint, nowMs, context.width()));
}

/** The last table, set by set, under a head that says how old it is and why there is no more. Pure. */
export function lastKnownText(
  last: LastKnown,
  why: string,
  paint: Painter,
  nowMs: number,
  width: number,
): string[] {
  const { generation, committedAtMs, leader } = last;
  const by = leader === null ? '' : `, last leader ${printable(leader.holder)}`;
  const sets = new Map<number, DispatcherRow[]>();
  for (const row of last.rows) sets.set(row.setid, [...(sets.get(row.setid) ?? []), row]);
  return [
    paint.bad(
      `STALE: ZooKeeper is away, this is the last table: generation ${groupNumber(generation)}, changed ${formatAge(nowMs - committedAtMs)}${by}`,
    ),
    ...[...sets].flatMap(([setid, rows]) => ['', ...setLines(setid, rows, paint, width)]),
    '',
    `Which nodes live, and what each Kamailio serves, is not known now: ${printable(why)}`,
    'Kamailios go on with the lists that they hold. next: check that ZooKeeper runs where CARNA_ZOOKEEPER says',
  ];
}

function setLines(
  setid: number,
  rows: readonly DispatcherRow[],
  paint: Painter,
  width: number,
): string[] {
  const columns = [{ header: `SET ${setid}` }, { header: 'NODE', drop: 1 }, { header: 'TABLE' }];
  const cells = rows.map((row) => {
    const owner = row.description.slice(row.description.indexOf(':') + 1);
    const node = isOurs(row) ? printable(owner) : paint.dim('not ours');
    return [printable(row.destination), node, flagsText(row.flags)];
  });
  return renderTable(columns, cells, width);
}
