import type { Verdict } from '../../topology/health.js';
import { CarnaError } from '../../util/errors.js';

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
    }
  | {
      readonly kind: 'fail';
      readonly latencyMs: number;
      readonly reason: string;
      /** The server itself said or showed that it ends. */
      readonly isEnding: boolean;
    }
  | { readonly kind: 'unknown'; readonly latencyMs: number; readonly reason: string };

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
