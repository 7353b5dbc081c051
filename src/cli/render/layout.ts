import { widthOf } from './colour.js';

/** A column of a table. `end`: numbers, aligned to the right. */
export interface Column {
  readonly header: string;
  readonly align?: 'start' | 'end';
  /** Left out first when the terminal is narrow: the highest goes first; 0 = always shown. */
  readonly drop?: number;
  readonly isHidden?: boolean;
}

const GAP = '  ';
const ESC = String.fromCharCode(27);

/**
 * Lines of a table, the header first. Columns with `drop` are left out until it fits `width`, then
 * lines are cut. No space at the ends of lines.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const lines = [columns.map((column) => column.header), ...rows];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => widthOf(line[i] ?? ''))));
  const shown = columns.flatMap((column, i) => (column.isHidden === true ? [] : [i]));
  const total = (): number =>
    shown.reduce((sum, i) => sum + (widths[i] ?? 0), GAP.length * (shown.length - 1));
  while (total() > width) {
    const droppable = shown.filter((i) => (columns[i]?.drop ?? 0) > 0);
    if (droppable.length === 0) break;
    const next = droppable.reduce((a, b) =>
      (columns[b]?.drop ?? 0) >= (columns[a]?.drop ?? 0) ? b : a,
    );
    shown.splice(shown.indexOf(next), 1);
  }
  return lines.map((line) => {
    const cells = shown.map((i) => pad(line[i] ?? '', widths[i] ?? 0, columns[i]?.align));
    return truncate(cells.join(GAP).trimEnd(), width);
  });
}

/** Fills a text with spaces up to `width` columns. */
export function pad(text: string, width: number, align: 'start' | 'end' = 'start'): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'end' ? space + text : text + space;
}

/** Cuts a text at `width` columns, the last one an ellipsis; colours are kept and closed. */
export function truncate(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  if (width < 1) return '';
  let out = '';
  let used = 0;
  let isColoured = false;
  for (const [part] of text.matchAll(new RegExp(`${ESC}\\[[0-9;]*m|[^]`, 'gu'))) {
    if (part.startsWith(ESC)) {
      out += part;
      isColoured = true;
    } else if (used < width - 1) {
      out += part;
      used++;
    } else break;
  }
  return `${out}…${isColoured ? `${ESC}[0m` : ''}`;
}

/**
 * Joins segments with `separator` and goes on in a new line, indented, where the width ends. A segment
 * wider than a whole line is cut.
 */
export function wrapSegments(
  segments: readonly string[],
  width: number,
  separator: string,
  indent = '',
): string[] {
  const lines: string[] = [];
  let line = '';
  for (const segment of segments.filter((s) => s !== '')) {
    const longer = line === '' ? segment : line + separator + segment;
    if (line === '' || widthOf(longer) <= width) {
      line = longer;
    } else {
      lines.push(line);
      line = indent + segment;
    }
  }
  if (line !== '') lines.push(line);
  return lines.map((l) => truncate(l, width));
}
