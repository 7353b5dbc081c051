import type { MarathonApp } from '../client/answers.js';
import { findStale } from '../client/kill-verdict.js';
import type { Member } from './member.js';
import { isActive } from './member.js';

/** What was agreed. */
export interface InGoal {
  readonly appId: string;
  /** Instances that must be left; null = these tasks go, whatever number is left. */
  readonly target: number | null;
  /** Whole task ids. */
  readonly victims: readonly string[];
  /** Deployments that only wait for offers and may be ended for this. */
  readonly mayCancel: readonly string[];
  /** Also tasks go that nobody supervises. */
  readonly isForced: boolean;
}

/** The world, as far as the next step goes by it. */
export interface InWorld {
  /** Undefined: Marathon has none of that id. */
  readonly app: MarathonApp | undefined;
  readonly members: readonly Member[];
  /** False: what is known of nodes and intents may be old. */
  readonly isRegistryFresh: boolean;
}

/** What comes next before anything is killed. */
export type InStep =
  /** No intent stands for these. */
  | { readonly kind: 'drain'; readonly taskIds: readonly string[] }
  | { readonly kind: 'await-drain'; readonly taskIds: readonly string[] }
  | { readonly kind: 'await-registry' }
  | { readonly kind: 'await-lock'; readonly deploymentIds: readonly string[] }
  | { readonly kind: 'cancel'; readonly deploymentIds: readonly string[] }
  /** More tasks run than are wanted: Marathon would choose some by itself. */
  | { readonly kind: 'await-settled'; readonly running: number; readonly wanted: number }
  | { readonly kind: 'kill'; readonly taskIds: readonly string[] }
  /** None of them is left: somebody else has done it. */
  | { readonly kind: 'gone' }
  /** It cannot be done any more as it was agreed. */
  | { readonly kind: 'stop'; readonly why: string };

/**
 * What to do next so that exactly the agreed tasks go, each of them drained. It knows nothing of earlier
 * steps: whoever comes back after a crash, or finds that another operator was here, goes on from the world.
 *
 * Pure.
 */
export function deriveInStep(goal: InGoal, world: InWorld): InStep {
  const { app, members } = world;
  if (app === undefined) return { kind: 'stop', why: `Marathon has no app ${goal.appId} any more` };
  const stale = findStale(app, goal.victims);
  const relaunched = stale?.relaunched[0];
  if (relaunched !== undefined) {
    const why = `${relaunched.id} was relaunched meanwhile as ${relaunched.now}, which was not drained`;
    return { kind: 'stop', why };
  }
  const left = members.filter(({ taskId }) => goal.victims.includes(taskId));
  if (goal.target === app.instances && left.length > 0 && app.deploymentIds.length > 0) {
    // Somebody else may be killing the same ones, which run until they are dead.
    return { kind: 'await-lock', deploymentIds: app.deploymentIds };
  }
  const mismatch = whyMismatch(goal, app, left.length);
  if (mismatch !== null) return { kind: 'stop', why: mismatch };
  if (left.length === 0) return { kind: 'gone' };
  return drainStep(goal, world, left) ?? killStep(goal, app, left);
}

function drainStep(goal: InGoal, world: InWorld, left: readonly Member[]): InStep | null {
  if (!world.isRegistryFresh) return { kind: 'await-registry' };
  const serving = left.filter(({ drain }) => drain === 'serving');
  if (serving.length > 0) return { kind: 'drain', taskIds: idsOf(serving) };
  const waiting = left.filter(
    ({ drain, isUnsupervised }) => drain !== 'drained' && !(goal.isForced && isUnsupervised),
  );
  return waiting.length > 0 ? { kind: 'await-drain', taskIds: idsOf(waiting) } : null;
}

function killStep(goal: InGoal, app: MarathonApp, left: readonly Member[]): InStep {
  const { deploymentIds, instances } = app;
  if (deploymentIds.length > 0) {
    const isOurs = deploymentIds.every((id) => goal.mayCancel.includes(id));
    return { kind: isOurs ? 'cancel' : 'await-lock', deploymentIds };
  }
  const running = app.tasks.filter(isActive).length;
  if (running > instances) return { kind: 'await-settled', running, wanted: instances };
  return { kind: 'kill', taskIds: idsOf(left) };
}

function whyMismatch(goal: InGoal, app: MarathonApp, left: number): string | null {
  const { target } = goal;
  const { id, instances } = app;
  if (instances < left)
    return `${id} has ${instances} instances, fewer than the ${left} tasks to go`;
  if (target === null || instances - left === target) return null;
  if (left === 0) {
    return `the chosen tasks are gone, but ${id} has ${instances} instances instead of ${target}`;
  }
  if (instances === target) {
    return `${id} was brought to ${target} instances by somebody else meanwhile`;
  }
  const expected = target + left;
  return `${id} has ${instances} instances now, it had ${expected}: somebody else changed it meanwhile`;
}

function idsOf(members: readonly Member[]): readonly string[] {
  return members.map(({ taskId }) => taskId);
}
