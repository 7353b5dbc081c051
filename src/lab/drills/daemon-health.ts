import type { ReconcilerStatus } from '../../reconciler/status.js';
import type { LabAddress } from '../plan.js';
import type { LabState } from '../state.js';
import type { Platform } from '../platform.js';

const TIMEOUT_MS = 1_000;

/** What drills use of a reconciler's `/healthz`. */
export type SeenReconciler = Pick<
  ReconcilerStatus,
  'isLeader' | 'isFresh' | 'epoch' | 'failure' | 'lastPassAtMs' | 'counters'
>;

/** Asks one reconciler of the lab; null when it does not answer. */
export async function readReconciler(http: LabAddress): Promise<SeenReconciler | null> {
  const text = await readText(http, '/healthz');
  return text === null ? null : (JSON.parse(text) as SeenReconciler);
}

/** Asks the reconciler that holds the newest epoch; null when there is none, or it does not answer or lead. */
export async function readLeading(
  lab: LabState,
  platform: Platform,
): Promise<SeenReconciler | null> {
  const leader = await platform.leader();
  const part = lab.plan.reconcilers.find(({ name }) => name === leader?.holder);
  const seen = part === undefined ? null : await readReconciler(part.http);
  return seen?.isLeader === true && seen.epoch === leader?.epoch ? seen : null;
}

/** The sum of a metric over all its labels, from a daemon's `/metrics`; null when it does not answer. */
export async function readMetric(http: LabAddress, name: string): Promise<number | null> {
  const text = await readText(http, '/metrics');
  return text === null ? null : sumOf(text, name);
}

/** Adds up the samples of a metric in Prometheus' text format. Pure. */
export function sumOf(text: string, name: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

async function readText(http: LabAddress, path: string): Promise<string | null> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch(`http://${http.host}:${http.port}${path}`, { signal });
    return await answer.text();
  } catch {
    return null; // Away, frozen, or not up yet.
  }
}
