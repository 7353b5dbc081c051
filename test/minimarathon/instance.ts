import type { MesosHost, RunningTask, TaskEnd } from './driver.js';
import type { RunSpec } from './run-spec.js';

export type Condition =
  | 'Scheduled'
  | 'Provisioned'
  | 'Staging'
  | 'Starting'
  | 'Running'
  | 'Killing'
  | 'Unreachable'
  | 'UnreachableInactive'
  | 'Failed'
  | 'Finished'
  | 'Killed'
  | 'Error'
  | 'Gone';

export type Goal = 'Running' | 'Decommissioned';

export type TaskState =
  | 'TASK_STAGING'
  | 'TASK_RUNNING'
  | 'TASK_KILLING'
  | 'TASK_UNREACHABLE'
  | 'TASK_FINISHED'
  | 'TASK_FAILED'
  | 'TASK_KILLED';

/** One launched container. */
export interface Task {
  readonly id: string;
  readonly container: string;
  readonly hostname: string;
  /** What it leased, in the order of the definition; null: a mapping without a host port. */
  readonly ports: readonly (number | null)[];
  readonly stagedAtMs: number;
  state: TaskState;
  startedAtMs: number | null;
  running: RunningTask | null;
  end: TaskEnd | null;
  /** Somebody asked for its end: it will be TASK_KILLED. */
  isKilled: boolean;
  health: TaskHealth | null;
}

export interface TaskHealth {
  alive: boolean;
  consecutiveFailures: number;
  firstSuccess: string | null;
  lastSuccess: string | null;
  lastFailure: string | null;
}

/** What scaling decides on. */
export interface Candidate {
  readonly id: string;
  readonly goal: Goal;
  readonly condition: Condition;
  readonly sinceMs: number;
  readonly activeSinceMs: number | null;
  readonly stagedAtMs: number | null;
  readonly host: MesosHost | null;
}

/** An instance of a run spec; the tracker alone changes it. */
export interface Instance extends Candidate {
  readonly id: string;
  /** What it was or will be launched from. */
  readonly spec: RunSpec;
  goal: Goal;
  condition: Condition;
  sinceMs: number;
  activeSinceMs: number | null;
  stagedAtMs: number | null;
  host: MesosHost | null;
  healthy: boolean | null;
  /** 0 until the first launch. */
  incarnation: number;
  tasks: readonly Task[];
  unreachableSinceMs: number | null;
}

const TERMINAL: readonly Condition[] = ['Failed', 'Finished', 'Killed', 'Error', 'Gone'];
const ACTIVE: readonly Condition[] = [
  'Provisioned',
  'Staging',
  'Starting',
  'Running',
  'Killing',
  'Unreachable',
];

export const isTerminal = (condition: Condition): boolean => TERMINAL.includes(condition);
export const isActive = (condition: Condition): boolean => ACTIVE.includes(condition);

/** What whoever waits for an end takes for one: an unreachable task counts as gone. Pure. */
export function considerTerminal(condition: Condition): boolean {
  return (
    isTerminal(condition) || condition === 'Unreachable' || condition === 'UnreachableInactive'
  );
}

/** Whether a task may still run. Pure. */
export function isLive(task: Task): boolean {
  return !['TASK_FINISHED', 'TASK_FAILED', 'TASK_KILLED'].includes(task.state);
}

/**
 * Healthy, or without any check. One that has but a readiness check never counts as healthy: nobody
 * asks for its health. Pure.
 */
export function isConsideredHealthy(instance: Instance): boolean {
  const { healthChecks, readinessChecks, check } = instance.spec.app;
  if (healthChecks.length + readinessChecks.length === 0 && check === undefined) return true;
  return instance.healthy === true;
}
