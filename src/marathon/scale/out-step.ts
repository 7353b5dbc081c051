import type { MarathonApp } from '../client/answers.js';
import { isActive } from './member.js';

/** What comes next on the way up to `target` instances. */
export type OutStep =
  | { readonly kind: 'put' }
  | { readonly kind: 'await-lock'; readonly deploymentIds: readonly string[] }
  /** The number is asked for: `waiting` instances have no task yet, `surplus` tasks have not ended yet. */
  | { readonly kind: 'follow'; readonly waiting: number; readonly surplus: number }
  | { readonly kind: 'stop'; readonly why: string };

/**
 * The next step. More instances than asked for are never lowered here: Marathon would choose who dies. Pure.
 */
export function deriveOutStep(
  app: MarathonApp | undefined,
  appId: string,
  target: number,
): OutStep {
  if (app === undefined) return { kind: 'stop', why: `Marathon has no app ${appId} any more` };
  const { instances, deploymentIds } = app;
  if (instances > target) {
    return {
      kind: 'stop',
      why: `${appId} has ${instances} instances now: somebody else raised it`,
    };
  }
  if (instances < target) {
    return deploymentIds.length > 0 ? { kind: 'await-lock', deploymentIds } : { kind: 'put' };
  }
  const tasks = app.tasks.filter(isActive).length;
  return {
    kind: 'follow',
    waiting: Math.max(0, instances - tasks),
    surplus: Math.max(0, tasks - instances),
  };
}
