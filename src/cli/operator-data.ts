import type { IntentChange } from '../registry/intents.js';
import type { RefusedWrite } from '../store/refused-writes.js';
import type { ContactPage, ContactQuery } from '../store/registrations.js';
import type { User } from '../store/subscribers.js';
import type { Aor } from '../topology/account.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import type { LiveList } from '../topology/drift.js';
import type { IntentRecord, NodeRecord, OverrideRecord } from '../topology/node.js';
import type { Finding } from '../topology/problems.js';
import type { ChangeRow } from '../topology/timeline.js';
import type { ViewInput } from '../topology/view.js';
import type { AgentReport } from '../topology/explain-facts.js';
import type { LastKnown } from './last-known.js';
import type { AgentHealth } from './agent-health-codec.js';

/** What the registry says, read as a whole. */
export interface TopologyData extends Pick<
  ViewInput,
  'nodes' | 'intents' | 'applied' | 'generation'
> {
  /** Operators' words against the guards that stand, by setid. */
  readonly overrides: ReadonlyMap<number, OverrideRecord>;
  readonly refused: readonly Finding[];
  readonly conflicts: readonly Finding[];
  /** Name of the leading reconciler; null when none leads or it is not known. */
  readonly leader: string | null;
  /** Reconcilers that stand in the election now, the one that leads first. */
  readonly candidates: readonly string[];
  /** Wall clock in ms at which this was true for certain. */
  readonly asOfMs: number;
  /** False while the connection to ZooKeeper is suspended or lost: the last known value is shown. */
  readonly isFresh: boolean;
}

/** Which committed changes to read, oldest first in the answer. */
export interface ChangeQuery {
  /** At most so many: the newest of those that match. */
  readonly last: number;
  /** Only of this node; null = of all. */
  readonly node: string | null;
  /** Only those with a higher id; null = any. */
  readonly sinceId: number | null;
}

/**
 * Where operators' commands get their data and leave their will.
 *
 * Connections open at first use: `topology` works without PostgreSQL, `timeline` without ZooKeeper.
 * Every call has a deadline of its own and rejects with a CarnaError when what it needs is away.
 */
export interface OperatorData {
  readTopology(): Promise<TopologyData>;
  /** Calls the listener with the present state and after every change, until `signal` aborts; resolves then. */
  watchTopology(listener: (data: TopologyData) => void, signal: AbortSignal): Promise<void>;
  /** What PostgreSQL alone knows, for when ZooKeeper is away. */
  readLastKnown(): Promise<LastKnown>;
  /** The dispatcher table in the order in which Kamailio reads it. */
  readTable(): Promise<readonly DispatcherRow[]>;
  /** The rows that the reconciler would want now. Pure. */
  deriveDesired(
    topology: TopologyData,
    table: readonly DispatcherRow[],
    nowMs: number,
  ): readonly DispatcherRow[];
  /** Asks the agent beside a Kamailio (or its ctl socket, where reachable) for its live list. */
  readLive(node: NodeRecord): Promise<LiveList>;
  readChanges(query: ChangeQuery): Promise<readonly ChangeRow[]>;
  /** The newest refused writes, at most `last`, oldest first. */
  readRefusals(last: number): Promise<readonly RefusedWrite[]>;
  /** Registrations that match, from the durable copy that the registrars write. */
  readContacts(query: ContactQuery): Promise<ContactPage>;
  /** Null when there is no such user. */
  readUser(aor: Aor): Promise<User | null>;
  /** Users whose names begin like that one, at most `limit`. */
  readSimilarUsers(aor: Aor, limit: number): Promise<readonly Aor[]>;
  /** Who has a number. */
  readOwners(number: string): Promise<readonly Aor[]>;
  /** Sets what `change` makes of the intent that stands for a node, and gives what stands then; see IntentChange. */
  changeIntent<T extends IntentRecord | null>(nodeId: string, change: IntentChange<T>): Promise<T>;
  /** Whatever stands, also what somebody else asked just now. False when there was none. */
  removeIntent(nodeId: string): Promise<boolean>;
  /** Creates or replaces an operator's word against the guards of a set. */
  writeOverride(override: OverrideRecord): Promise<void>;
  /** What the agent behind `host:port` says of itself and its server. */
  readAgentHealth(httpAddress: string): Promise<AgentHealth>;
  /** All that the agent behind `host:port` tells of its server and the checks behind the node's state. */
  readAgentReport(httpAddress: string): Promise<AgentReport>;
  /** Ends all connections; safe to call twice. */
  close(): Promise<void>;
}
