import type { Call } from './calls/call-log.js';
import type { CallReport } from './calls/report.js';
import { pddMs } from './calls/report.js';

/** A node (`host:port`) that was killed at a moment (wall clock in ms). */
export interface Kill {
  readonly node: string;
  readonly atMs: number;
}

/** What became of the calls of a run in which nodes were killed. */
export interface Losses {
  /** Failed calls that stood on a node when it was killed. */
  readonly stoodOnIt: readonly Call[];
  /** Failed calls that no kill explains: none, if the platform keeps its promise. */
  readonly others: readonly Call[];
  /** Completed calls that waited longer than DELAYED_MS for their answer. */
  readonly delayed: number;
}

/** An answer that took longer than this had to fail over. */
export const DELAYED_MS = 500;

/** Clock of the caller and of the killer are the same machine's, read in two processes. */
const TOLERANCE_MS = 50;

/** An INVITE that a node has taken and not answered yet is on it as well. */
const SETUP_MS = 500;

/**
 * Tells which failed calls stood on a killed node. A call stands where its answer's Contact says; one that
 * was still being set up stands where `routed` (Call-ID → `host:port`, from the dispatchers) says. Pure.
 */
export function judgeLosses(
  report: CallReport,
  kills: readonly Kill[],
  routed: ReadonlyMap<string, string>,
): Losses {
  const failed = report.calls.filter((call) => call.end?.kind !== 'completed');
  const isExplained = (call: Call): boolean => kills.some((kill) => stoodOn(call, kill, routed));
  return {
    stoodOnIt: failed.filter(isExplained),
    others: failed.filter((call) => !isExplained(call)),
    delayed: report.calls.filter((call) => (pddMs(call) ?? 0) > DELAYED_MS).length,
  };
}

function stoodOn(call: Call, kill: Kill, routed: ReadonlyMap<string, string>): boolean {
  if (call.node !== null) {
    const untilMs = call.end?.atMs ?? Number.POSITIVE_INFINITY;
    return (
      call.node === kill.node &&
      (call.answeredAtMs ?? call.sentAtMs) <= kill.atMs + TOLERANCE_MS &&
      kill.atMs <= untilMs
    );
  }
  return (
    routed.get(call.callId) === kill.node &&
    call.sentAtMs <= kill.atMs + TOLERANCE_MS &&
    kill.atMs - call.sentAtMs <= SETUP_MS
  );
}
