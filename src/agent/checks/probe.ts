import type { Verdict } from '../../topology/health.js';
import { CarnaError } from '../../util/errors.js';

/** What one of a probe's questions showed: the evidence behind the judgement. */
export interface CheckResult {
  /** Stable, a label of metrics: "esl", "rpc", "sip", "memory", ... */
  readonly check: string;
  readonly verdict: 'ok' | 'fail' | 'unknown';
  readonly latencyMs: number;
  /** For people, one line: "200 OK", "no answer within 800 ms". */
  readonly text: string;
}

/** How full the server is, as far as it says; null = it does not say. */
export interface LoadSample {
  /** Sessions (legs), dialogs or transactions now. */
  readonly sessions: number | null;
  /** The server's own limit for them. */
  readonly limit: number | null;
  /** New sessions in the last full second. */
  readonly ratePerSecond: number | null;
  readonly idleCpuPercent: number | null;
  /** Of the memory that it may use: 0 to 1. */
  readonly memoryUsedShare: number | null;
}

/** One question to the SIP server with a deadline. Never rejects with a CarnaError. */
export type Probe = (deadlineMs: number) => Promise<ProbeResult>;

export type ProbeResult =
  | {
      readonly kind: 'ok';
      readonly latencyMs: number;
      /** What is amiss without harming calls, for people. */
      readonly note: string | null;
      /** Changes when the server restarted behind our back; null when the probe cannot tell. */
      readonly lifeId: string | null;
      /** Calls on the server now; absent when the probe does not learn it. */
      readonly calls?: number;
      readonly load?: LoadSample;
      /** One entry per question that was asked. */
      readonly evidence?: readonly CheckResult[];
    }
  | {
      readonly kind: 'fail';
      readonly latencyMs: number;
      readonly reason: string;
      /** The server itself said or showed that it ends. */
      readonly isEnding: boolean;
      readonly load?: LoadSample;
      readonly evidence?: readonly CheckResult[];
    }
  | {
      readonly kind: 'unknown';
      readonly latencyMs: number;
      readonly reason: string;
      readonly evidence?: readonly CheckResult[];
    };

/** What a result means for the health (topology/health.ts). */
export function verdictOf(result: ProbeResult): Verdict {
  return result.kind === 'fail' && result.isEnding ? 'ended' : result.kind;
}

/**
 * Asks all at once: one failure fails, else one unknown leaves it unknown. "Ending" counts only when no
 * part is fine, since a server whose control port went away may well go on serving.
 */
export function allOf(probes: readonly Probe[]): Probe {
  return async (deadlineMs) => {
    const results = await Promise.all(probes.map((probe) => probe(deadlineMs)));
    const latencyMs = Math.max(0, ...results.map((result) => result.latencyMs));
    const failed = results.filter((result) => result.kind === 'fail');
    if (failed.length > 0) {
      return {
        kind: 'fail',
        latencyMs,
        reason: failed.map((result) => result.reason).join('; '),
        isEnding: failed.some((result) => result.isEnding) && !results.some((r) => r.kind === 'ok'),
      };
    }
    const unknown = results.find((result) => result.kind === 'unknown');
    if (unknown !== undefined) return { ...unknown, latencyMs };
    const good = results.filter((result) => result.kind === 'ok');
    const notes = good.map((result) => result.note).filter((note) => note !== null);
    const calls = good.map((result) => result.calls).find((count) => count !== undefined);
    const lifeIds = good.map((result) => result.lifeId).filter((id) => id !== null);
    return {
      kind: 'ok',
      latencyMs,
      note: notes.length === 0 ? null : notes.join('; '),
      lifeId: lifeIds.length === 0 ? null : lifeIds.join(' '),
      ...(calls === undefined ? {} : { calls }),
    };
  };
}

/** The message of an expected failure; throws whatever else was thrown, which is a bug. */
export function reasonOf(err: unknown): string {
  if (err instanceof CarnaError) return err.message;
  throw err;
}
