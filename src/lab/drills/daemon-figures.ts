import type { LabAddress } from '../plan.js';

const TIMEOUT_MS = 2_000;

/** A series (`name` or `name{label="value"}`) → its value. */
export type Figures = ReadonlyMap<string, number>;

/** What a daemon of the lab tells on `/metrics`; null when it does not answer. */
export async function readFiguresOf(http: LabAddress): Promise<Figures | null> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch(`http://${http.host}:${http.port}/metrics`, { signal });
    return parseFigures(await answer.text());
  } catch {
    return null; // Away, hung, or not up yet.
  }
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
