import type { Call } from '../calls/call-log.js';
import type { CallReport } from '../calls/report.js';
import type { Kill } from '../losses.js';
import { judgeLosses } from '../losses.js';
import type { Routings } from '../routed.js';
import type { Finding } from './stage.js';

/** Caller, agents and Kamailios read one machine's clock, in several processes. */
export const CLOCK_TOLERANCE_MS = 5;

/** An INVITE sent so shortly before the node is taken back may rightly reach it afterwards. */
export const SETUP_MS = 50;

/** A time in which a node (`host:port`) had to get no new call; wall clock in ms. */
export interface Closed {
  readonly address: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * The calls whose INVITE left the caller while the node was closed and that were sent there all the same,
 * by the Contact of their answer or by the log of those who route. Pure.
 */
export function callsWhileClosed(
  calls: readonly Call[],
  routings: Routings,
  closed: Closed,
): readonly Call[] {
  return calls.filter(
    (call) =>
      call.sentAtMs > closed.fromMs + CLOCK_TOLERANCE_MS &&
      call.sentAtMs < closed.untilMs - SETUP_MS &&
      (call.node === closed.address || (routings.get(call.callId) ?? []).includes(closed.address)),
  );
}

/** The calls that stood on a node (`host:port`) at a moment. Pure. */
export function callsOnAt(calls: readonly Call[], address: string, atMs: number): number {
  return calls.filter(
    ({ node, answeredAtMs, end }) =>
      node === address &&
      answeredAtMs !== null &&
      answeredAtMs <= atMs &&
      (end === null || end.atMs > atMs),
  ).length;
}

/** Failed calls are forgiven when they stood on a node at the moment when it was hit, and for nothing else. */
export function onlyStoodOnIt(
  report: CallReport,
  hits: readonly Kill[],
  routings: readonly Routings[],
): Finding {
  const triedOn = (callId: string, node: string): boolean =>
    routings.some((all) => (all.get(callId) ?? []).includes(node));
  const routed = new Map<string, string>();
  for (const { callId } of report.failed) {
    const hit = hits.find(({ node }) => triedOn(callId, node));
    if (hit !== undefined) routed.set(callId, hit.node);
  }
  const { stoodOnIt, others, delayed } = judgeLosses(report, hits, routed);
  const why = [...new Set(report.failed.map((call) => call.why))].join(', ');
  return {
    what: 'no call is lost but those that stood on it',
    isGood: others.length === 0 && report.sent > 0,
    seen: [
      `${report.sent} calls: ${stoodOnIt.length} stood on it`,
      `${others.length} others failed`,
      `${delayed} waited longer than 500 ms${why === '' ? '' : ` (${why})`}`,
    ].join(', '),
  };
}
