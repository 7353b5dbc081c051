import { CarnaError, DeadlineError } from '../../util/errors.js';
import { withDeadline } from '../../util/wait.js';
import type { CheckResult } from './probe.js';

/** What became of one question. `isLate`: there was no answer in time, or the wait for another ended it. */
export type Answer<T> =
  | { readonly kind: 'answered'; readonly value: T; readonly latencyMs: number }
  | {
      readonly kind: 'failed';
      /** For people, one line. */
      readonly text: string;
      readonly isLate: boolean;
      readonly latencyMs: number;
    };

/**
 * Waits for the answer to a question that was asked just now, at most `leftMs`. An expected failure is
 * an answer too; anything else that is thrown is a bug and rejects. `deadlineMs` is what people are told.
 */
export async function ask<T>(
  question: Promise<T>,
  times: { readonly leftMs: number; readonly deadlineMs: number },
  monoMs: () => number,
): Promise<Answer<T>> {
  const askedMs = monoMs();
  try {
    const value = await withDeadline('question', times.leftMs, question);
    return { kind: 'answered', value, latencyMs: monoMs() - askedMs };
  } catch (err) {
    if (!(err instanceof CarnaError)) throw err;
    const isLate = err instanceof DeadlineError || err.cause instanceof DeadlineError;
    const text = isLate ? `no answer within ${times.deadlineMs} ms` : err.message;
    return { kind: 'failed', text, isLate, latencyMs: monoMs() - askedMs };
  }
}

/** A check whose question was answered: `fault` says what is wrong with the answer, null = nothing. */
export function judged(
  check: string,
  latencyMs: number,
  good: string,
  fault: string | null = null,
): CheckResult {
  return { check, verdict: fault === null ? 'ok' : 'fail', latencyMs, text: fault ?? good };
}

/** A duration for people: "0.9 ms", "12 ms". */
export function shortMs(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
