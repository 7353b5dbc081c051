import type { Plan } from './plan.js';

/** What a readiness check said last, by task. */
export interface ReadinessResult {
  readonly name: string;
  readonly taskId: string;
  readonly ready: boolean;
}

/** A change under way. */
export interface Deployment {
  readonly id: string;
  readonly version: string;
  readonly plan: Plan;
  /** Cancelled: no further step, no further action. */
  readonly abort: AbortController;
  /** 0: not begun. */
  currentStep: number;
  readonly readiness: Map<string, ReadinessResult>;
}
