import type { Evidence } from '../../marathon/rollout/judge-new-version.js';
import type { TaskPhase } from '../../marathon/rollout/rollout-look.js';
import type { JSON_SCHEMA } from '../json-shapes.js';

/** `carna rollout --json`: one object a line for each step. Durations are ms. */
export type RolloutJson = { readonly schema: typeof JSON_SCHEMA; readonly appId: string } & (
  | {
      readonly did: 'planned';
      readonly instances: number;
      readonly atOnce: number;
      /** The definition's own upgradeStrategy does it; else one is put in its place. */
      readonly isOwnPace: boolean;
      readonly differences: readonly string[];
      /** Why the role cannot spare a node; empty = it can. */
      readonly blocks: readonly string[];
      /** Nodes that are out of service already; they are replaced first. */
      readonly broken: readonly string[];
      readonly calls: number;
      readonly graceMs: number;
    }
  /** Nothing was sent. */
  | { readonly did: 'unknown-app' | 'nothing' | 'refused' | 'dry-run' | 'changed-meanwhile' }
  /** Nothing was sent either: Marathon holds the definition, and these tasks run an earlier one. */
  | { readonly did: 'unfinished'; readonly oldTaskIds: readonly string[] }
  | { readonly did: 'locked'; readonly deploymentIds: readonly string[] }
  | { readonly did: 'started' | 'attached'; readonly deploymentId: string | null }
  /** All tasks, at each change of one of them. */
  | {
      readonly did: 'progress';
      readonly tasks: readonly TaskPhase[];
      /** Why a task has no place yet. */
      readonly waiting: string | null;
      readonly away: string | null;
    }
  | { readonly did: 'worse'; readonly evidence: readonly Evidence[] }
  /** How the rollout was ended after that, or by --cancel. */
  | { readonly did: 'stopped' | 'over'; readonly deploymentId: string | null }
  | { readonly did: 'rolling-back' | 'rolled-back'; readonly deploymentId: string }
  | { readonly did: 'not-ended'; readonly deploymentId: string; readonly why: string }
  /** `ended`: by somebody, with old tasks left; `late` and `left` go on in Marathon, null: not begun. */
  | { readonly did: 'done' | 'ended' | 'late' | 'left'; readonly deploymentId: string | null }
);
