import type { AddressConflict, DesiredRow } from '../topology/desired-rows.js';
import type { HeldSet } from '../topology/guard.js';
import type { WitnessReport } from '../topology/node.js';
import type { RemoteStatus } from './remotes.js';
import type { RefusedRow } from '../topology/row-validation.js';

/** What the reconciler knows of itself, for metrics, /healthz and the CLI. */
export interface ReconcilerStatus {
  readonly isLeader: boolean;
  /** Of our term; null on standby or before it was taken. */
  readonly epoch: number | null;
  /** The last one read or committed by us; 0 before. */
  readonly generation: number;
  readonly isFresh: boolean;
  readonly isSettled: boolean;
  /** Since the view was up to date for the last time; 0 while it is. */
  readonly viewAgeMs: number;
  readonly held: readonly HeldSet[];
  readonly refused: readonly RefusedRow[];
  readonly conflicts: readonly AddressConflict[];
  /** Rows of others where a node of ours should stand. */
  readonly foreign: readonly DesiredRow[];
  /** Nodes that vanished without a goodbye; their rows are kept. */
  readonly silent: readonly string[];
  /** Where the witness's findings differ from the agents' word; null = nowhere. */
  readonly witnessed: WitnessReport | null;
  /** The other data centres. */
  readonly remotes: readonly RemoteStatus[];
  readonly lastPassMs: number | null;
  /** Wall clock in ms of the end of the last pass that succeeded. */
  readonly lastPassAtMs: number | null;
  /** Message of the failure that is being retried, null when all is well. */
  readonly failure: string | null;
  readonly counters: ReconcilerCounters;
}

export interface ReconcilerCounters {
  readonly passes: number;
  readonly failures: number;
  /** Commits that changed rows. */
  readonly commits: number;
  readonly rowsChanged: number;
  readonly znodeWrites: number;
  readonly stalePasses: number;
  readonly deposed: number;
  readonly liveNoted: number;
}

export const IDLE_STATUS: ReconcilerStatus = {
  isLeader: false,
  epoch: null,
  generation: 0,
  isFresh: false,
  isSettled: false,
  viewAgeMs: 0,
  held: [],
  refused: [],
  conflicts: [],
  foreign: [],
  silent: [],
  witnessed: null,
  remotes: [],
  lastPassMs: null,
  lastPassAtMs: null,
  failure: null,
  counters: {
    passes: 0,
    failures: 0,
    commits: 0,
    rowsChanged: 0,
    znodeWrites: 0,
    stalePasses: 0,
    deposed: 0,
    liveNoted: 0,
  },
};

/** The status when a term is over: what is held, found or failing is the next leader's to tell. Pure. */
export function retired(status: ReconcilerStatus): ReconcilerStatus {
  const { isLeader, epoch, held, refused, conflicts, foreign, silent, witnessed, failure } =
    IDLE_STATUS;
  const idle = { isLeader, epoch, held, refused, conflicts, foreign, silent, witnessed, failure };
  return { ...status, ...idle };
}

/** The status with some counters raised. */
export function counted(
  status: ReconcilerStatus,
  by: Partial<ReconcilerCounters>,
): ReconcilerStatus {
  const counters = Object.fromEntries(
    Object.entries(status.counters).map(([name, value]) => [
      name,
      (value as number) + (by[name as keyof ReconcilerCounters] ?? 0),
    ]),
  ) as unknown as ReconcilerCounters;
  return { ...status, counters };
}
