import type { DispatcherRow } from './dispatcher-row.js';
import { isLostHold } from './held.js';
import { ROLES } from './node.js';
import type {
  AppliedRecord,
  GenerationRecord,
  IntentRecord,
  NodeRecord,
  NodeState,
  Role,
  WitnessedRecord,
} from './node.js';
import { liveNodes, silentNodes } from './node-views.js';
import { findProblems } from './problems.js';
import type { Finding, Problem } from './problems.js';
import type { RemoteDcView } from './remote-view.js';
import { deriveRemotes } from './remote-view.js';
import { joinTasks } from './tasks.js';
import type { TasksInput, TasksView } from './tasks.js';
import { consumersOf, setsConsumedBy, setsListing } from './wiring.js';
import type { Wiring } from './wiring.js';

/** The youngest incarnation of every node by nodeId. `czxid` tells its successive lives apart. */
export type NodesInput = ReadonlyMap<
  string,
  { readonly record: NodeRecord; readonly czxid: bigint }
>;

/** All that a view of the platform is made of. */
export interface ViewInput {
  readonly nodes: NodesInput;
  readonly intents: ReadonlyMap<string, IntentRecord>;
  readonly applied: ReadonlyMap<string, AppliedRecord>;
  readonly generation: GenerationRecord | null;
  /** The dispatcher table; null when it was not read: silent nodes are not seen then. */
  readonly rows: readonly DispatcherRow[] | null;
  /** Znodes that were refused. */
  readonly refused: readonly Finding[];
  /** Two nodes that claim one address, and the like. */
  readonly conflicts: readonly Finding[];
  readonly wiring: Wiring;
  /** What the scheduler says of our apps; null or absent when it was not asked, or did not answer. */
  readonly tasks?: TasksInput | null;
  /** Wall clock in ms. */
  readonly nowMs: number;
}

/** `silent`: rows of it stand in the table, but its znode vanished without a goodbye. */
export const VIEW_STATES = ['up', 'draining', 'down', 'starting', 'silent'] as const;
export type ViewState = (typeof VIEW_STATES)[number];

/** One node as it is shown. */
export interface NodeView {
  readonly nodeId: string;
  readonly role: Role;
  readonly state: ViewState;
  /** What its agent says; differs from `state` while a drain was asked and is not announced yet; null when silent. */
  readonly published: NodeState | null;
  /** For people, one line. */
  readonly reason: string;
  /** Wall clock in ms of the last change of state; of a silent node the witness's word, null when it said none. */
  readonly sinceMs: number | null;
  /** SIP URI of its first endpoint. */
  readonly destination: string;
  /** The sets in which it is listed by its role. */
  readonly sets: readonly number[];
  readonly weight: number | null;
  /** 0 = unknown. */
  readonly maxSessions: number;
  readonly intent: IntentRecord | null;
  /** What the reconciler's own OPTIONS found where it differs from the agent's word; null = nothing is told. */
  readonly witnessed: WitnessedRecord | null;
  /** host:port of its agent's HTTP server. */
  readonly agentHttp: string | null;
}

/** How far the committed rows of one set have come. */
export interface SetView {
  readonly setid: number;
  readonly consumerRoles: readonly Role[];
  /** Kamailios that consume it and are up or draining. */
  readonly consumers: number;
  /** How many of them proved, by read-back, that they run the committed rows. */
  readonly proven: number;
  readonly lagging: readonly { readonly nodeId: string; readonly why: string }[];
}

/** All nodes of one role. */
export interface RoleView {
  readonly role: Role;
  readonly counts: Readonly<Record<ViewState, number>>;
  /** By nodeId, numbers in it compared as numbers. */
  readonly nodes: readonly NodeView[];
  /** The sets that list this role. */
  readonly sets: readonly SetView[];
}

/** What topology, nodes and the web show. */
export interface TopologyView {
  readonly generation: GenerationRecord | null;
  /** Consuming Kamailios that are up or draining, and how many run the newest generation without drift. */
  readonly consumers: number;
  readonly proven: number;
  /** Every role, in the order of ROLES, also without nodes. */
  readonly roles: readonly RoleView[];
  /** The other data centres, by name. */
  readonly remotes: readonly RemoteDcView[];
  readonly problems: readonly Problem[];
  /** The scheduler's tasks beside the nodes; null when it was not asked, or did not answer. */
  readonly tasks: TasksView | null;
}

/** Derives what is shown from what is known. Pure; equal inputs give equal views. */
export function deriveTopologyView(input: ViewInput): TopologyView {
  const all = [...liveNodes(input), ...silentNodes(input)].sort(byNodeId);
  const roles = ROLES.map((role) => roleView(role, all, input));
  const consumers = all.filter(
    (node) => isServing(node) && setsConsumedBy(input.wiring, node.role).length > 0,
  );
  const { generation } = input;
  const proven = consumers.filter((node) => whyUnproven(node.nodeId, null, input) === null);
  const remotes = deriveRemotes(generation, input.rows, input.wiring);
  const tasks = input.tasks ? joinTasks(input.nodes, input.tasks, input.nowMs) : null;
  const counts = { consumers: consumers.length, proven: proven.length };
  const view = { generation, ...counts, roles, remotes, tasks };
  return { ...view, problems: findProblems(view, input) };
}

function roleView(role: Role, all: readonly NodeView[], input: ViewInput): RoleView {
  const nodes = all.filter((node) => node.role === role);
  const counts = { up: 0, draining: 0, down: 0, starting: 0, silent: 0 };
  for (const node of nodes) counts[node.state]++;
  const sets = setsListing(input.wiring, role).map((setid) => setView(setid, all, input));
  return { role, counts, nodes, sets };
}

function setView(setid: number, all: readonly NodeView[], input: ViewInput): SetView {
  const consumerRoles = consumersOf(input.wiring, setid);
  const consumers = all.filter((node) => isServing(node) && consumerRoles.includes(node.role));
  const lagging = consumers.flatMap(({ nodeId }) => {
    const why = whyUnproven(nodeId, setid, input);
    return why === null ? [] : [{ nodeId, why }];
  });
  const proven = consumers.length - lagging.length;
  return { setid, consumerRoles, consumers: consumers.length, proven, lagging };
}

function isServing(node: NodeView): boolean {
  return node.published === 'up' || node.published === 'draining';
}

/**
 * Why a Kamailio does not count as running what was committed; null when it does. For one set the
 * hash decides, for the whole (`setid` null) the generation and the absence of drift.
 */
function whyUnproven(nodeId: string, setid: number | null, input: ViewInput): string | null {
  const { generation } = input;
  const applied = input.applied.get(nodeId);
  if (generation === null) return 'no generation is committed';
  if (applied === undefined) return 'has proved nothing yet';
  const behind = `runs generation ${applied.generation} of ${generation.generation}`;
  if (setid === null) {
    if (applied.drift !== null) return applied.drift;
    return applied.generation >= generation.generation ? null : behind;
  }
  // An acknowledged set without rows has no hash on one side or the other: both absent is agreement.
  const proven = applied.sets[String(setid)];
  if (proven === generation.sets[String(setid)]) return null;
  const isLost = generation.held?.some((held) => held.setid === setid && isLostHold(held));
  if (isLost === true && proven === undefined) {
    return 'has no list of it, PostgreSQL lost the rows';
  }
  return applied.drift ?? behind;
}

/** Made when it is first needed: its tables are several megabytes. */
let collator: Intl.Collator | undefined;

/** Orders by nodeId, `media-2` before `media-10`. */
export function byNodeId(a: { readonly nodeId: string }, b: { readonly nodeId: string }): number {
  collator ??= new Intl.Collator('en', { numeric: true });
  return collator.compare(a.nodeId, b.nodeId) || (a.nodeId < b.nodeId ? -1 : 1);
}
