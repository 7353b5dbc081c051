import type { Chain } from '../../topology/explain.js';
import type { Link, LinkState } from '../../topology/explain-link.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { pad, wrapSegments } from './layout.js';
import { formatAge, formatDuration } from './units.js';

const NAME_WIDTH = 9;
const INDENT = ' '.repeat(NAME_WIDTH + 4);

const MARKS: Readonly<
  Record<LinkState, { readonly glyph: string; readonly colour: keyof Painter }>
> = {
  ok: { glyph: '✔', colour: 'good' },
  broken: { glyph: '✘', colour: 'bad' },
  unknown: { glyph: '?', colour: 'warn' },
};

/** The answer, the chain up to its first broken link, what that means and what to do. */
export function explainText(
  chain: Chain,
  age: string,
  paint: Painter,
  nowMs: number,
  width: number,
): string[] {
  const colour = chain.broken === null ? paint.good : paint.bad;
  const answer = wrapText(printable(chain.answer), width, '').map(colour);
  const role = chain.role === null ? [] : [chain.role];
  const lines = [
    ...answer,
    ...wrapSegments([...role, age], width, ' · '),
    '',
    ...chain.links.flatMap((link) => linkLines(link, paint, nowMs, width)),
  ];
  if (chain.broken === null) return lines;
  const next = chain.next.flatMap((step) =>
    wrapText(printable(step), width - 8, '').map(paint.bold),
  );
  return [
    ...lines,
    '',
    ...wrapText(printable(chain.meaning), width, ''),
    ...next.map((line, i) => `${i === 0 ? '  Next: ' : '        '}${line}`),
  ];
}

function linkLines(link: Link, paint: Painter, nowMs: number, width: number): string[] {
  const { glyph, colour } = MARKS[link.state];
  const [first = '', ...rest] = wrapText(
    `${printable(link.text)}${ageOf(link, nowMs)}`,
    width - INDENT.length,
    '',
  );
  const details = link.details.flatMap((text) =>
    wrapText(printable(text), width - INDENT.length, ''),
  );
  return [
    ` ${paint[colour](glyph)} ${pad(link.link, NAME_WIDTH)} ${first}`,
    ...[...rest, ...details].map((line) => `${INDENT}${line}`),
  ];
}

function ageOf({ sinceMs, atMs, untilMs }: Link, nowMs: number): string {
  if (sinceMs !== null) return `, for ${formatDuration(nowMs - sinceMs)}`;
  if (atMs !== null) return `, ${formatAge(nowMs - atMs)}`;
  if (untilMs === null) return '';
  const leftMs = untilMs - nowMs;
  return leftMs >= 0 ? `, ${formatDuration(leftMs)} left` : `, ${formatDuration(-leftMs)} overdue`;
}

/** Breaks a text between words. */
export function wrapText(text: string, width: number, indent: string): string[] {
  return wrapSegments(text.split(' '), width, ' ', indent);
}
