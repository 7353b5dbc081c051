import type { IntentRecord } from '../topology/node.js';

/** What is wanted now: by an operator's intent, by SIGTERM (final: the agent ends with it), or by both. */
export interface DrainOrder {
  readonly actor: string;
  readonly why: string;
  readonly isFinal: boolean;
  readonly isNow: boolean;
  /** Wall clock in ms. */
  readonly deadlineAtMs: number;
}

export interface Wishes {
  readonly intent: IntentRecord | null;
  /** Wall clock in ms of the first SIGTERM; null = none came. */
  readonly terminatedAtMs: number | null;
  /** Wall clock in ms at which the drain began, or now when none is under way. */
  readonly beganAtMs: number;
  /** How long calls may take to end when nobody set another deadline. */
  readonly deadlineMs: number;
}

/** The order that follows from the wishes; null when nobody wants a drain. SIGTERM counts from its own moment. Pure. */
export function drainOrder(wishes: Wishes): DrainOrder | null {
  const { intent, terminatedAtMs, beganAtMs, deadlineMs } = wishes;
  const isNow = intent?.now === true;
  if (terminatedAtMs !== null) {
    const deadlineAtMs = terminatedAtMs + deadlineMs;
    return { actor: 'SIGTERM', why: 'asked to end', isFinal: true, isNow, deadlineAtMs };
  }
  if (intent === null) return null;
  const deadlineAtMs = intent.deadline ?? beganAtMs + deadlineMs;
  return { actor: intent.by, why: intent.why, isFinal: false, isNow, deadlineAtMs };
}
