import type { PassPlan } from '../topology/plan-pass.js';
import type { Findings } from '../topology/witnessed.js';

/** What a pass did. */
export interface PassResult {
  /** Null when nothing could be judged: the view is stale or we may not write. */
  readonly plan: PassPlan | null;
  readonly generation: number;
  readonly rowsChanged: number;
  readonly wroteZnode: boolean;
  /** Whether anything was committed, rows or audit. */
  readonly hasCommitted: boolean;
  /** Findings of the witness. */
  readonly found: Findings;
}
