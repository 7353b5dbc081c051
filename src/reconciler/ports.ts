import type { Logger } from 'pino';
import type {
  CommitOptions,
  Committed,
  TableHead,
  TableSnapshot,
} from '../store/dispatcher-table.js';
import type { EpochOptions } from '../store/dispatcher-table.js';
import type { LiveProof } from '../store/change-log.js';
import type { DeriveLimits, LiveNode } from '../topology/desired-rows.js';
import type { BudgetLimits, Loss } from '../topology/guard-budget.js';
import type {
  AppliedRecord,
  GenerationRecord,
  IntentRecord,
  OverrideRecord,
} from '../topology/node.js';
import type { Wiring } from '../topology/wiring.js';
import type { BackoffLimits } from '../util/backoff.js';
import type { Clock } from '../util/clock.js';
import type { RemoteView } from './remotes.js';
import type { WitnessPort } from './witness.js';

export type ViewPart = 'nodes' | 'intents' | 'overrides' | 'applied';

/** What the registry's view shows; kept warm whether we lead or not. */
export interface ReconcilerView {
  nodes(): ReadonlyMap<string, LiveNode>;
  intents(): ReadonlyMap<string, IntentRecord>;
  /** By setid. */
  overrides(): ReadonlyMap<number, OverrideRecord>;
  applied(): ReadonlyMap<string, AppliedRecord>;
  /** False while the view may be out of date (disconnected, not yet filled): nothing is judged then. */
  isFresh(): boolean;
  /** Calls `listener` after a change of one of the parts or of freshness; gives the way to stop it. */
  subscribe(listener: () => void, parts: readonly ViewPart[]): () => void;
}

/** The store, bound to one database. Rejects with StoreUnavailableError, StoreRefusedError or DeposedError. */
export interface ReconcilerTable {
  takeEpoch(options: EpochOptions): Promise<number>;
  readTable(): Promise<TableSnapshot>;
  readHead(maxTraces: number): Promise<TableHead>;
  /** Unexplained losses of the last `windowMs`, also those of earlier leaders. */
  readLosses(windowMs: number): Promise<readonly Loss[]>;
  /** When the last word was said that a commit of the data centre used, also one of an earlier leader; by setid. */
  readUsedOverrides(dc: string): Promise<ReadonlyMap<number, number>>;
  knownTraces(ids: readonly string[]): Promise<ReadonlySet<string>>;
  commitPlan(options: CommitOptions): Promise<Committed>;
  recordLive(proof: LiveProof): Promise<number>;
}

/** The znode `generation`. */
export interface GenerationZnode {
  /** Null when it does not exist or cannot be understood. */
  read(): Promise<GenerationRecord | null>;
  /** Rejects when a later generation or epoch stands: with StoreConflictError or DeposedError. */
  write(record: GenerationRecord): Promise<void>;
}

/** Operators' words against the guards. */
export interface Overrides {
  /** It was used; that it counts no more is in the table. One that was said since then stays. */
  remove(word: OverrideRecord): Promise<void>;
}

export interface ReconcilerTiming {
  /** Changes within this time after a pass are merged into the next; 100 to 250. */
  readonly quietMs: number;
  /** A pass at least this often, with a full read of the table. */
  readonly resyncMs: number;
  /** After a failed pass. */
  readonly retry: BackoffLimits;
  /** The view must have been fresh this long before anything is removed: one session time-out. */
  readonly settleMs: number;
}

export interface ReconcilerDeps {
  readonly dc: string;
  /** Our name, kept beside the epoch. */
  readonly holder: string;
  readonly wiring: Wiring;
  readonly limits: DeriveLimits;
  readonly budget: BudgetLimits;
  readonly timing: ReconcilerTiming;
  readonly view: ReconcilerView;
  /** Of the other data centres; none = this one stands alone. */
  readonly remotes: readonly RemoteView[];
  readonly table: ReconcilerTable;
  readonly generation: GenerationZnode;
  readonly overrides: Overrides;
  readonly clock: Clock;
  /** [0, 1) */
  readonly random: () => number;
  /** A new id of at most 28 characters each time. */
  readonly newPassId: () => string;
  readonly bell: Bell;
  /** How the second witness asks nodes that vanished. */
  readonly witness: WitnessPort;
  /** Resolves after `ms` or when the signal aborts. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** What a Doorbell does. */
export interface Bell {
  ring(): void;
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** A term as leader, given by the election. */
export interface Term {
  /** Aborts when the term is over. */
  readonly signal: AbortSignal;
  /** False while it is unknown whether we still lead: no transaction is begun. */
  mayWrite(): boolean;
  /** Of our candidate znode. */
  readonly czxid: bigint;
}
