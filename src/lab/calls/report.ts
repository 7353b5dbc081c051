import type { Call, Calls } from './call-log.js';

/** Post-dial delay: from the INVITE to the 200 that answered it, in milliseconds. */
export interface PddSummary {
  readonly n: number;
  readonly medianMs: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface NodeCalls {
  /** `host:port` */
  readonly node: string;
  readonly answered: number;
  /** Answered here and not completed. */
  readonly failed: number;
}

export interface FailedCall {
  readonly callId: string;
  readonly sentAtMs: number;
  /** Where the call stood; null when nobody had answered it. */
  readonly node: string | null;
  readonly why: string;
}

export interface CallReport {
  readonly sent: number;
  readonly completed: number;
  readonly refused: number;
  readonly unanswered: number;
  readonly lost: number;
  readonly aborted: number;
  /** Cut off by the end of the run. */
  readonly unfinished: number;
  /** Of all answered calls; null when there was none. */
  readonly pdd: PddSummary | null;
  /** By node name. */
  readonly nodes: readonly NodeCalls[];
  /** In the order in which they were sent. */
  readonly failed: readonly FailedCall[];
  readonly calls: readonly Call[];
}

/** Where a run stands. */
export interface CallProgress {
  readonly sent: number;
  readonly current: number;
  readonly completed: number;
  readonly failed: number;
}

/** Sums a finished run up. Pure. */
export function reportCalls(all: Calls): CallReport {
  const calls = [...all.values()];
  const ended = (kind: string): number => calls.filter((call) => call.end?.kind === kind).length;
  return {
    sent: calls.length,
    completed: ended('completed'),
    refused: ended('refused'),
    unanswered: ended('unanswered'),
    lost: ended('lost'),
    aborted: ended('aborted'),
    unfinished: calls.filter((call) => call.end === null).length,
    pdd: summarisePdd(calls),
    nodes: perNode(calls),
    failed: calls.filter((call) => call.end?.kind !== 'completed').map(failure),
    calls,
  };
}

/** Counts a run under way. Pure. */
export function progressOf(all: Calls): CallProgress {
  let current = 0;
  let completed = 0;
  for (const call of all.values()) {
    if (call.end === null) current++;
    else if (call.end.kind === 'completed') completed++;
  }
  return { sent: all.size, current, completed, failed: all.size - current - completed };
}

/** Post-dial delay of one call in milliseconds; null when it was not answered. */
export function pddMs(call: Call): number | null {
  return call.answeredAtMs === null ? null : call.answeredAtMs - call.sentAtMs;
}

function summarisePdd(calls: readonly Call[]): PddSummary | null {
  const sorted = calls
    .map(pddMs)
    .filter((ms) => ms !== null)
    .sort((a, b) => a - b);
  const rank = (share: number): number =>
    sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
  if (sorted.length === 0) return null;
  return {
    n: sorted.length,
    medianMs: rank(0.5),
    p90Ms: rank(0.9),
    p99Ms: rank(0.99),
    maxMs: rank(1),
  };
}

function perNode(calls: readonly Call[]): NodeCalls[] {
  const nodes = new Map<string, NodeCalls>();
  for (const call of calls) {
    if (call.node === null) continue;
    const before = nodes.get(call.node) ?? { node: call.node, answered: 0, failed: 0 };
    const failed = before.failed + (call.end?.kind === 'completed' ? 0 : 1);
    nodes.set(call.node, { node: call.node, answered: before.answered + 1, failed });
  }
  return [...nodes.values()].sort((a, b) => a.node.localeCompare(b.node));
}

function failure(call: Call): FailedCall {
  return { callId: call.callId, sentAtMs: call.sentAtMs, node: call.node, why: why(call) };
}

function why(call: Call): string {
  switch (call.end?.kind) {
    case undefined:
      return 'cut off by the end of the run';
    case 'refused':
      return `answered ${call.end.status}`;
    case 'unanswered':
      return 'no answer to INVITE';
    case 'lost':
      return call.end.why;
    case 'aborted':
      return `given up by the caller: ${call.end.why}`;
    case 'completed':
      return '';
  }
}
