import type { AppChange, DeployRefusal } from '../../marathon/deploy/deploy-plan.js';
import type { AppProgress } from '../../marathon/deploy/app-progress.js';
import type { JSON_SCHEMA } from '../json-shapes.js';

/** `carna deploy --json`: one object a line for each step, in this order. Durations are ms. */
export type DeployJson = { readonly schema: typeof JSON_SCHEMA; readonly group: string } & (
  | {
      readonly did: 'planned';
      readonly changes: readonly AppChange[];
      readonly refusals: readonly DeployRefusal[];
      readonly notes: readonly string[];
    }
  /** The end of a dry run, of a refusal, or where there is nothing to do; nothing was sent. */
  | { readonly did: 'nothing' | 'refused' | 'dry-run' | 'changed-meanwhile' }
  /** Nothing was sent, or what was followed is over: Marathon holds the file, and these apps are not there. */
  | { readonly did: 'unfinished'; readonly apps: readonly AppProgress[] }
  /** Others' deployments hold an app; they are waited for. */
  | { readonly did: 'locked'; readonly deploymentIds: readonly string[] }
  /** A deployment is under way; null: its answer was lost, and Marathon has none left. */
  | { readonly did: 'started' | 'attached'; readonly deploymentId: string | null }
  | {
      readonly did: 'progress';
      readonly apps: readonly AppProgress[];
      readonly away: string | null;
    }
  /** How it ended; `late` and `left` go on in Marathon. */
  | { readonly did: 'done' | 'failed' | 'late' | 'left'; readonly deploymentId: string | null }
);
