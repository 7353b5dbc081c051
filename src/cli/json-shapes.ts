import type { DrainCheck, DrainNumbers } from '../topology/drain-check.js';
import type {
  GuardRule,
  HeldRecord,
  IntentRecord,
  OverrideRecord,
  WitnessReport,
} from '../topology/node.js';
import type { Chain } from '../topology/explain.js';
import type { AddressConflict, RowWhy } from '../topology/desired-rows.js';
import type { RowChange } from '../topology/diff-rows.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import type { WiringRule } from '../topology/wiring.js';
import type { Assumption, PlannedHold, Waiting } from './plan-outlook.js';
import type { RefusedWrite } from '../store/refused-writes.js';
import type { DispatcherView } from '../topology/drift.js';
import type { TimelineEntry } from '../topology/timeline.js';
import type { NodeView, TopologyView } from '../topology/view.js';
import type { DeployJson } from './deploy/deploy-json.js';
import type { LintedFile } from './lint-files.js';
import type { RolloutJson } from './rollout/rollout-json.js';
import type { ScaleJson } from './scale/scale-json.js';
import type { TelephonyJson } from './telephony-json.js';

/**
 * What `--json` prints. These shapes are stable: fields are added, never renamed or given another meaning,
 * without a new `schema`. All times are wall clock in ms since 1970, durations ms; absent values are null.
 * One object on one line; `--watch` and `--follow` print one line per change.
 */
export const JSON_SCHEMA = 1;

interface Snapshot {
  readonly schema: typeof JSON_SCHEMA;
  readonly cluster: string;
  readonly dc: string;
  /** When the registry said so for certain. */
  readonly asOfMs: number;
  /** False: the connection to ZooKeeper is suspended, this is the last known value. */
  readonly isFresh: boolean;
}

/** `carna topology --json`. `loads`: calls per nodeId, as far as agents said. */
export interface TopologyJson extends Snapshot, TopologyView {
  readonly leader: string | null;
  readonly loads: Readonly<Record<string, number>>;
  /** Why the dispatcher table was not read (silent nodes are not shown then); null when it was. */
  readonly tableError: string | null;
  /** Why Marathon's tasks were not read (`tasks` is null then); null when they were, or none is configured. */
  readonly marathonError: string | null;
}

/** `carna nodes --json`. */
export interface NodesJson extends Snapshot {
  readonly nodes: readonly NodeView[];
}

/**
 * `carna dispatcher --json`. `agrees`: nothing pending, no drift, every Kamailio was asked. While ZooKeeper is
 * away: the last table alone, `asOfMs` is its last change, `isFresh` and `agrees` are false, `kamailios` is empty.
 */
export interface DispatcherJson extends Snapshot, DispatcherView {
  readonly agrees: boolean;
}

/**
 * `carna explain NODE --json`: Chain in src/topology/explain.ts, with all links up to the first broken one.
 * `isWhole`: no link is broken, though some may be unknown.
 */
export interface ExplainJson extends Snapshot, Chain {
  readonly isWhole: boolean;
}

/** The columns of a row that a plan may change. */
type PlanColumns = Pick<DispatcherRow, 'flags' | 'priority' | 'attrs' | 'description'>;

/** `carna plan --json`. */
export interface PlanJson extends Snapshot {
  /** Of the table, as the leader told it last; null before the first. */
  readonly generation: number | null;
  /** The reconciler that leads now, or is first in line; null when none runs. */
  readonly leader: string | null;
  /** The file given by --wiring; null = the shipped wiring. */
  readonly wiring: string | null;
  /** In which rules it differs from the shipped one. */
  readonly wiringChanges: readonly (WiringRule & { readonly did: 'added' | 'removed' })[];
  /** Rows that would change, and rows that a guard holds back (also those that the leader only counts; a lost set has none). */
  readonly passing: number;
  readonly held: number;
  readonly changes: readonly {
    readonly kind: RowChange['kind'];
    readonly setid: number;
    readonly destination: string;
    readonly nodeId: string | null;
    /** RowWhy in src/topology/desired-rows.ts; `reason` says it for people. */
    readonly why: RowWhy | null;
    readonly reason: string;
    /** Null for an insert, and `after` for a delete. */
    readonly before: PlanColumns | null;
    readonly after: PlanColumns | null;
    /** The guard's rule; null = it passes. */
    readonly heldBy: GuardRule | null;
  }[];
  /** `sinceMs` null: only this plan says so, the leader does not (yet). */
  readonly holds: readonly PlannedHold[];
  /** Vanished nodes whose rows stay as they are until the witness has asked them. */
  readonly waiting: readonly Waiting[];
  /** Vanished nodes that the leader does not name while it counts more nodes that it asked: their rows may change. */
  readonly untold: readonly Waiting[];
  readonly refused: readonly {
    readonly setid: number;
    readonly destination: string;
    readonly why: string;
  }[];
  readonly conflicts: readonly AddressConflict[];
  /** Rows of others where a row of `nodeId` should stand. */
  readonly foreign: readonly {
    readonly setid: number;
    readonly destination: string;
    readonly nodeId: string;
  }[];
  /** What only the leader knows and was taken for granted; `what` is stable. */
  readonly assumed: readonly { readonly what: Assumption; readonly text: string }[];
}

/** `carna timeline --json`: one object, `entries` oldest first; with `--follow` one TimelineEntry a line. */
export interface TimelineJson {
  readonly schema: typeof JSON_SCHEMA;
  readonly entries: readonly TimelineEntry[];
}

/**
 * `carna drain --json` and `carna undrain --json`. With `drain --wait` DrainProgressJson lines follow, with
 * `undrain --wait` UndrainProgressJson lines.
 */
export interface DrainJson {
  readonly schema: typeof JSON_SCHEMA;
  readonly nodeId: string;
  /**
   * `refused`: by the guard, nothing was written, or after `asked` it was taken back (exit code 4), or could not be (3).
   * `undrained` also after `asked`: what stood could not be judged.
   */
  readonly did: 'asked' | 'refused' | 'already-draining' | 'undrained' | 'nothing-to-undo';
  /** As it stands now; null after undrain, and when refused unless it could not be taken back. */
  readonly intent: IntentRecord | null;
  /** What the guard found; null when it was not asked: undrain, and a drain that was asked before. */
  readonly check: DrainCheckJson | null;
}

/** `carna guard --json`. */
export interface GuardJson {
  readonly schema: typeof JSON_SCHEMA;
  readonly asOfMs: number;
  readonly isFresh: boolean;
  /** By set and rule, as the leader told it last; HeldRecord in src/topology/node.ts. */
  readonly held: readonly HeldRecord[];
  /** Operators' words that were not used yet, also those that are over. */
  readonly overrides: readonly OverrideRecord[];
  /** Nodes of which the reconciler's own OPTIONS say something else than their agents; src/topology/node.ts. */
  readonly witnessed: WitnessReport | null;
  /** Writes of deposed leaders that PostgreSQL refused, oldest first, the newest 100; null when they could not be read. */
  readonly refusals: readonly RefusedWrite[] | null;
  /** Why not; null when they were read. */
  readonly refusalsError: string | null;
}

/** `carna guard override --json`. */
export interface OverrideJson {
  readonly schema: typeof JSON_SCHEMA;
  readonly did: 'overridden';
  readonly override: OverrideRecord;
}

/** What a drain leaves to the other nodes of the role (src/topology/drain-check.ts explains each number). */
export interface DrainCheckJson extends DrainNumbers {
  readonly kind: DrainCheck['kind'];
  /** Refused, and done all the same by --force. */
  readonly isForced: boolean;
}

/** One line of `carna drain --wait --json`. */
export interface DrainProgressJson {
  readonly schema: typeof JSON_SCHEMA;
  readonly nodeId: string;
  /** `drained`, `gone`, `cancelled` and `overdue` are the last line. */
  readonly step: 'asked' | 'announced' | 'unlisted' | 'drained' | 'gone' | 'cancelled' | 'overdue';
  /** Kamailios that proved a list without it, of so many. */
  readonly proven: number;
  readonly consumers: number;
  readonly callsLeft: number | null;
  readonly estimateMs: number | null;
  readonly deadlineAtMs: number | null;
  /** Calls that were still there when the agent stopped waiting for them; null while it waits or does not say. */
  readonly cut: number | null;
}

/** One line of `carna undrain --wait --json`. */
export interface UndrainProgressJson {
  readonly schema: typeof JSON_SCHEMA;
  readonly nodeId: string;
  /** `listed` (it takes calls), `gone` and `draining-again` are the last line. */
  readonly step: 'asked' | 'up' | 'listed' | 'gone' | 'draining-again';
  /** Kamailios that proved a list with it, of so many. */
  readonly proven: number;
  readonly consumers: number;
}

/** `carna lint --json`: every file in the order given. Finding and Rule in src/marathon/lint/finding.ts. */
export interface LintJson {
  readonly schema: typeof JSON_SCHEMA;
  readonly files: readonly LintedFile[];
}

/** One line of JSON. */
export function jsonLine(
  value:
    | TopologyJson
    | NodesJson
    | DispatcherJson
    | ExplainJson
    | PlanJson
    | DeployJson
    | RolloutJson
    | TimelineJson
    | TimelineEntry
    | DrainJson
    | DrainProgressJson
    | UndrainProgressJson
    | GuardJson
    | OverrideJson
    | LintJson
    | ScaleJson
    | TelephonyJson,
): string {
  return JSON.stringify(value);
}
