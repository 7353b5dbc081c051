import type { Summary } from './stats.js';

/** One line of the benchmark: what was measured, beside its budget and, where there is one, its baseline. */
export interface BenchRow {
  readonly name: string;
  /** The budget as DESIGN names it, or "baseline" for the platform without Carna. */
  readonly budget: string;
  readonly unit:
    'ms' | 'calls' | 'packets/s' | 'MB' | '% of a core' | 'writes' | 'nodes' | 'reloads/s';
  readonly summary: Summary;
  /** Null where there is no budget to meet. */
  readonly isWithin: boolean | null;
  readonly note: string;
}

export interface BenchReport {
  readonly schema: 1;
  readonly startedAt: string;
  readonly machine: { readonly cpus: number; readonly node: string; readonly media: string };
  readonly parts: Readonly<Record<string, string>>;
  readonly rows: readonly BenchRow[];
}

const HEAD = ['measured', 'n', 'median', 'p90', 'p99', 'max', 'unit', 'budget', ''] as const;

/** The report as a table for people; the JSON file has the same figures unrounded. Pure. */
export function renderReport(report: BenchReport): string {
  const lines = report.rows.map((row) => [
    row.name,
    String(row.summary.n),
    ...[row.summary.median, row.summary.p90, row.summary.p99, row.summary.max].map(figure),
    row.unit,
    row.budget,
    row.isWithin === null ? '' : row.isWithin ? '✔' : '✘ over',
  ]);
  const table = [[...HEAD], ...lines];
  const widths = HEAD.map((_, column) =>
    Math.max(...table.map((line) => (line[column] ?? '').length)),
  );
  const isNumber = (column: number): boolean => column >= 1 && column <= 5;
  const text = table.map((line) =>
    line
      .map((cell, column) =>
        isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  const notes = report.rows
    .filter((row) => row.note !== '')
    .map((row) => `  ${row.name}: ${row.note}`);
  return [...text, '', ...notes, ''].join('\n');
}

function figure(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
