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
 * part is fine, since a server whose control port went away may well go on serving. Evidence and notes
 * are those of all, the load is that of the first that tells it.
 */
export function allOf(probes: readonly Probe[]): Probe {
  return async (deadlineMs) => merged(await Promise.all(probes.map((probe) => probe(deadlineMs))));
}

/**
 * What the application says of itself (`appName` for people: "event socket") and what SIP shows, asked at
 * once. A server that talks well and does not serve gets a reason of its own; when both are amiss, both
 * are named.
 */
export function applicationAndSip(appName: string, application: Probe, sip: Probe): Probe {
  return async (deadlineMs) => {
    const [said, shown] = await Promise.all([application(deadlineMs), sip(deadlineMs)]);
    const result = merged([said, shown]);
    if (result.kind !== 'fail' || shown.kind !== 'fail' || said.kind !== 'ok') return result;
    const doubt = said.evidence?.find((check) => check.verdict !== 'ok');
    if (doubt === undefined) {
      return { ...result, reason: `${appName} says yes, SIP says no: ${shown.reason}` };
    }
    return { ...result, reason: `${said.note ?? doubt.text}; ${shown.reason}` };
  };
}

function merged(results: readonly ProbeResult[]): ProbeResult {
  const common = {
    latencyMs: Math.max(0, ...results.map((result) => result.latencyMs)),
    evidence: results.flatMap((result) => result.evidence ?? []),
  };
  const load = results.map((r) => (r.kind === 'unknown' ? undefined : r.load)).find(isKnown);
  const withLoad = load === undefined ? common : { ...common, load };
  const failed = results.filter((result) => result.kind === 'fail');
  if (failed.length > 0) {
    const reason = failed.map((result) => result.reason).join('; ');
    const isEnding = failed.some((r) => r.isEnding) && !results.some((r) => r.kind === 'ok');
    return { kind: 'fail', ...withLoad, reason, isEnding };
  }
  const unknown = results.find((result) => result.kind === 'unknown');
  if (unknown !== undefined) return { kind: 'unknown', ...common, reason: unknown.reason };
  const good = results.filter((result) => result.kind === 'ok');
  const calls = good.map((result) => result.calls).find(isKnown);
  return {
    kind: 'ok',
    ...withLoad,
    note: joined(
      '; ',
      good.map((result) => result.note),
    ),
    lifeId: joined(
      ' ',
      good.map((result) => result.lifeId),
    ),
    ...(calls === undefined ? {} : { calls }),
  };
}

/** The texts that there are, in one line; null when there is none. */
export function joined(between: string, texts: readonly (string | null)[]): string | null {
  const known = texts.filter((text) => text !== null);
  return known.length === 0 ? null : known.join(between);
}

function isKnown<T>(value: T | undefined): value is T {
  return value !== undefined;
}

/** The message of an expected failure; throws whatever else was thrown, which is a bug. */
export function reasonOf(err: unknown): string {
  if (err instanceof CarnaError) return err.message;
  throw err;
}
