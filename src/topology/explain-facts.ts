import type { Derived } from './desired-rows.js';
import type { DispatcherRow } from './dispatcher-row.js';
import type { LiveList } from './drift.js';
import type { AppliedRecord, GenerationRecord, IntentRecord, NodeRecord } from './node.js';
import type { Finding } from './problems.js';
import type { AppFact, DeploymentFact } from './tasks.js';
import type { NodesInput } from './view.js';
import type { Wiring } from './wiring.js';

/** One check as an agent tells it. */
export interface CheckReport {
  /** "esl", "rpc", "sip", ... */
  readonly check: string;
  readonly verdict: 'ok' | 'fail' | 'unknown';
  readonly latencyMs: number;
  /** For people, one line. */
  readonly text: string;
  /** Wall clock in ms of the answer, and since when the verdict is what it is. */
  readonly atMs: number;
  readonly sinceMs: number;
}

/** What an agent tells of itself and its server; null = it does not say. */
export interface AgentReport {
  readonly nodeId: string | null;
  /** Of its own connection to ZooKeeper: "connected", ... */
  readonly registry: string | null;
  readonly calls: number | null;
  readonly server: {
    /** "process 812"; null while none runs. */
    readonly name: string | null;
    readonly starts: number | null;
    readonly lastExit: string | null;
  } | null;
  readonly health: { readonly isUp: boolean; readonly streak: number } | null;
  readonly checks: readonly CheckReport[];
  readonly notes: readonly string[];
  readonly quarantine: { readonly untilMs: number; readonly times: number } | null;
}

/** What came of asking the node's agent. */
export type AgentAnswer =
  | { readonly kind: 'told'; readonly report: AgentReport }
  /** `why` in words, without the address. */
  | { readonly kind: 'unreachable'; readonly http: string; readonly why: string }
  | { readonly kind: 'no-http' }
  /** No znode stands, so nobody knows where an agent would be. */
  | { readonly kind: 'nobody' };

/** What came of asking the scheduler for the node's task. */
export type TaskAnswer =
  /** No scheduler is configured. */
  | { readonly kind: 'unasked' }
  /** The node's record names no task. */
  | { readonly kind: 'no-task' }
  | { readonly kind: 'unread'; readonly why: string }
  | {
      readonly kind: 'told';
      /** Of a node without a znode its name, which is its task's. */
      readonly taskId: string;
      /** Null when no record names one. */
      readonly appId: string | null;
      /** With its tasks; null when there is no such app, or no app lists such a task. */
      readonly app: AppFact | null;
      readonly deployments: readonly DeploymentFact[];
    };

/** Everything that is known when one node is explained. Wall clocks in ms. */
export interface ExplainFacts {
  readonly nodeId: string;
  readonly nowMs: number;
  readonly wiring: Wiring;
  readonly nodes: NodesInput;
  readonly intent: IntentRecord | null;
  readonly generation: GenerationRecord | null;
  /** Reconcilers in the election, the one that leads first. */
  readonly candidates: readonly string[];
  readonly applied: ReadonlyMap<string, AppliedRecord>;
  /** Znodes that were refused. */
  readonly refused: readonly Finding[];
  readonly agent: AgentAnswer;
  readonly task: TaskAnswer;
  /** The table, and what it should hold; or why it could not be read. */
  readonly table:
    | { readonly rows: readonly DispatcherRow[]; readonly derived: Derived }
    | { readonly error: string };
  /** The lists of the Kamailios that consume a set of the node, as far as they were asked. */
  readonly live: readonly LiveList[];
}

/** The record of the node explained; null without a znode. */
export function recordOf(facts: ExplainFacts): NodeRecord | null {
  return facts.nodes.get(facts.nodeId)?.record ?? null;
}
