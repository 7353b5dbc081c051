import { LabError } from '../util/errors.js';
import { askDaemon } from './ask-daemon.js';
import type { LabAddress } from './plan.js';

/** A series (`name` or `name{label="value"}`) → its value. */
export type Figures = ReadonlyMap<string, number>;

/** What a daemon of the lab tells on `/metrics`; null when it does not answer. */
export async function readFigures(http: LabAddress): Promise<Figures | null> {
  const text = await askDaemon(http, '/metrics');
  return text === null ? null : parseFigures(text);
}

/** The same from a daemon that has to answer. Throws LabError when it does not. */
export async function requireFigures(http: LabAddress): Promise<Figures> {
  const figures = await readFigures(http);
  if (figures === null) throw new LabError(`${http.host}:${http.port}/metrics does not answer`);
  return figures;
}

/** Prometheus' text format, as far as our own daemons write it; what is no series is left out. Pure. */
export function parseFigures(text: string): Figures {
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, series, value] = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? [];
    if (series !== undefined && !Number.isNaN(Number(value))) found.set(series, Number(value));
  }
  return found;
}

/** The sum of all series of a name; 0 without any. Pure. */
export function sumOf(figures: Figures, name: string): number {
  return [...figures]
    .filter(([series]) => series === name || series.startsWith(`${name}{`))
    .reduce((sum, [, value]) => sum + value, 0);
}
