import type { RefusedWrite } from '../../store/refused-writes.js';
import { isLostHold } from '../../topology/held.js';
import type { HeldRecord, OverrideRecord } from '../../topology/node.js';
import { DEFAULT_WIRING, remoteWiring } from '../../topology/wiring.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { stateMark } from './state-mark.js';
import { formatAge, formatDuration, formatTime, plural } from './units.js';

/** What is held, set by set, each with how it ends. Pure. */
export function guardText(
  held: readonly HeldRecord[],
  overrides: readonly OverrideRecord[],
  paint: Painter,
  nowMs: number,
): string[] {
  if (held.length === 0) return ['nothing is held back', ...overrideLines(overrides, nowMs)];
  return [
    headline(held),
    ...held.flatMap((one) => heldLines(one, paint, nowMs)),
    ...overrideLines(overrides, nowMs),
  ];
}

function headline(held: readonly HeldRecord[]): string {
  const known = held.filter((one) => !isLostHold(one));
  const lost = held.length - known.length;
  const changes = known.reduce((sum, { count }) => sum + count, 0);
  const sets = new Set(known.map(({ setid }) => setid)).size;
  return [
    ...(sets === 0 ? [] : [`${plural(changes, 'change')} held back in ${plural(sets, 'set')}`]),
    ...(lost === 0 ? [] : [`${plural(lost, 'lost set')} kept as the Kamailios have it`]),
  ].join(', ');
}

function heldLines(held: HeldRecord, paint: Painter, nowMs: number): string[] {
  const { setid, rule, why, sinceMs, count, destinations } = held;
  const more = count > destinations.length ? `, and ${count - destinations.length} more` : '';
  const what = isLostHold(held) ? 'all its rows' : plural(count, 'row');
  const lines = isLostHold(held)
    ? lostLines(setid)
    : [
        `   kept   ${destinations.map(printable).join(', ')}${more}`,
        '   ends   by itself when the nodes publish again',
      ];
  return [
    '',
    `${stateMark('held', paint)} for ${formatDuration(nowMs - sinceMs)}   set ${setid}: ${what} (rule ${rule})`,
    `   why    ${printable(why)}`,
    ...lines.slice(0, -1),
    `${lines.at(-1) ?? ''} · or: carna guard override ${setid} --for 10m`,
  ];
}

function lostLines(setid: number): string[] {
  const isRemote = remoteWiring(DEFAULT_WIRING).some((rule) => rule.setid === setid);
  return [
    '   kept   the lists that the Kamailios hold',
    isRemote
      ? '   until  a new node of this data centre is to be loaded: that Kamailio goes on without them'
      : '   cost   no Kamailio that holds one takes in new nodes meanwhile, of whatever set',
    '   ends   by itself when one of its nodes is up and answers the reconciler',
  ];
}

function overrideLines(overrides: readonly OverrideRecord[], nowMs: number): string[] {
  return overrides.flatMap(({ setid, by, why, since, until }) => {
    const reason = why === '' ? '' : ` (${printable(why)})`;
    const left = until <= nowMs ? 'over' : `for ${formatDuration(until - nowMs)} more`;
    return [
      '',
      `set ${setid}: overridden ${formatAge(nowMs - since)} by ${printable(by)}${reason}, ${left}`,
    ];
  });
}

/**
 * Writes of deposed leaders that PostgreSQL refused within the last day, the newest five; nothing when there
 * were none. `error` is told when they could not be read. Pure.
 */
export function refusalsText(
  refusals: readonly RefusedWrite[] | null,
  error: string | null,
  nowMs: number,
): string[] {
  if (refusals === null) {
    return ['', `refused writes are not known: ${printable(error ?? 'no database')}`];
  }
  const recent = refusals.filter(({ atMs }) => atMs > nowMs - SHOWN_FOR_MS);
  if (recent.length === 0) return [];
  const shown = recent.slice(-MAX_SHOWN);
  const more = recent.length - shown.length;
  const before =
    more === 0 ? [] : [`refused: ${plural(more, 'write')} more before these, see --json`];
  return ['', ...before, ...shown.map((one) => refusalLine(one))];
}

function refusalLine({
  epoch,
  holder,
  rulingEpoch,
  rulingHolder,
  rowCount,
  atMs,
}: RefusedWrite): string {
  const who = printable(holder ?? 'an unnamed reconciler');
  const ruler = rulingHolder === null ? '' : ` (${printable(rulingHolder)})`;
  const time = formatTime(atMs, undefined).slice(0, 'hh:mm:ss'.length);
  const what = plural(rowCount, 'row');
  return `refused: a write of ${who} (epoch ${epoch}) at ${time}, ${what}; epoch ${rulingEpoch}${ruler} rules`;
}

const SHOWN_FOR_MS = 24 * 3_600_000;
const MAX_SHOWN = 5;

/** What an override does, before it is asked for. Pure. */
export function overrideWarning(setid: number, held: readonly HeldRecord[]): string[] {
  const count = held.reduce((sum, one) => sum + one.count, 0);
  const what = held.every(isLostHold) ? 'All' : plural(count, 'row');
  return [
    `${what} of set ${setid} will be taken out of use or deleted. Calls that stand there go on; new ones go elsewhere,`,
    'or nowhere when these are the last. Held because:',
    ...held.map(({ why }) => `  ${printable(why)}`),
  ];
}
