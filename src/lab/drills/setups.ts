import type { Call } from '../calls/call-log.js';
import type { CallReport } from '../calls/report.js';
import type { Finding } from './stage.js';

/** A time in which calls that were being set up may fail; wall clock in ms. */
export interface Outage {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** An INVITE or an answer that is on its way, and the clocks of several processes. */
const TOLERANCE_MS = 100;

/** Only calls that nobody had answered yet may fail, and only those of such a time. Pure. */
export function onlyBeingSetUp(report: CallReport, outages: readonly Outage[]): Finding {
  const failed = report.calls.filter((call) => call.end?.kind !== 'completed');
  const others = failed.filter((call) => !outages.some((outage) => wasSetUpIn(call, outage)));
  const why = [...new Set(report.failed.map((call) => call.why))].join(', ');
  return {
    what: 'no call is lost but those that were begun or not yet answered meanwhile',
    isGood: others.length === 0 && report.sent > 0,
    seen: `${report.sent} calls: ${failed.length - others.length} of those failed, ${others.length} others${why === '' ? '' : ` (${why})`}`,
  };
}

function wasSetUpIn(call: Call, { fromMs, untilMs }: Outage): boolean {
  const answeredMs = call.answeredAtMs ?? call.end?.atMs ?? Number.POSITIVE_INFINITY;
  return call.sentAtMs <= untilMs + TOLERANCE_MS && answeredMs >= fromMs - TOLERANCE_MS;
}

/** Calls that stood when something began and whose BYE was answered before it ended. Pure. */
export function hungUpIn(report: CallReport, { fromMs, untilMs }: Outage): number {
  return report.calls.filter(
    ({ answeredAtMs, end }) =>
      answeredAtMs !== null &&
      answeredAtMs < fromMs &&
      end?.kind === 'completed' &&
      end.atMs > fromMs &&
      end.atMs < untilMs,
  ).length;
}
