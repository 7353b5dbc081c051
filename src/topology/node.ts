/** What a node does on the platform (ARCHITECTURE.md, "Words"). */
export const ROLES = ['load-balancer', 'dispatcher', 'registrar', 'media', 'outbound'] as const;
export type Role = (typeof ROLES)[number];
/** The roles whose nodes are Kamailios and hold a list. */
export const KAMAILIO_ROLES = ['load-balancer', 'dispatcher', 'registrar', 'outbound'] as const;
export type KamailioRole = (typeof KAMAILIO_ROLES)[number];

export const NODE_KINDS = ['kamailio', 'freeswitch'] as const;
export type NodeKind = (typeof NODE_KINDS)[number];

/** What an agent publishes of its node; `gone` (see lifecycle.ts) is the absence of a znode. */
export const NODE_STATES = ['starting', 'up', 'draining', 'down'] as const;
export type NodeState = (typeof NODE_STATES)[number];

export const TRANSPORTS = ['udp', 'tcp', 'tls'] as const;
export type Transport = (typeof TRANSPORTS)[number];

export const LOAD_CLASSES = ['normal', 'busy', 'full'] as const;
export type LoadClass = (typeof LOAD_CLASSES)[number];

/** An address where the node takes SIP. */
export interface Endpoint {
  readonly transport: Transport;
  /** IPv4 address, bracketed IPv6 address or host name. */
  readonly host: string;
  readonly port: number;
}

/** Where the last change of state came from and when; carried through the chain so that its speed can be told. */
export interface ChangeTrace {
  /** Unique per change; 8 to 36 characters. */
  readonly id: string;
  /** For people: "its process was killed (SIGKILL)". */
  readonly cause: string;
  readonly from: NodeState | 'gone';
  /** Who wanted it: "agent", or the operator's name for a drain. */
  readonly actor: string;
  /** When it happened, wall clock in ms with fractions; null when only the noticing is known. */
  readonly occurredAtMs: number | null;
  /** When the agent noticed. */
  readonly noticedAtMs: number;
  /** When the agent began to write the record. */
  readonly publishedAtMs: number;
}

/** One SIP server as its agent describes it: the content of `nodes/<nodeId>~<incarnation>`, at most 1 KB as JSON. */
export interface NodeRecord {
  readonly schema: 1;
  readonly nodeId: string;
  /** New at every start of the SIP server. */
  readonly instanceId: string;
  readonly role: Role;
  readonly kind: NodeKind;
  readonly dc: string;
  /** At least one; the first is the one that goes into the dispatcher table. */
  readonly sip: readonly Endpoint[];
  readonly state: NodeState;
  /** For people, one line. */
  readonly reason: string;
  /** Wall clock in ms of the last change of state. */
  readonly since: number;
  /** Relative share of calls, 1 to 100. */
  readonly weight: number;
  /** Calls that it can carry; 0 = unknown. */
  readonly maxSessions: number;
  readonly loadClass: LoadClass;
  readonly marathon: {
    readonly taskId: string;
    readonly appId: string;
    readonly appVersion: string;
  } | null;
  /** `http` is host:port of its HTTP server, null when it has none. */
  readonly agent: { readonly version: string; readonly http: string | null };
  readonly trace: ChangeTrace;
}

/** An operator's will: the content of `intents/<nodeId>`. */
export interface IntentRecord {
  readonly schema: 1;
  readonly nodeId: string;
  readonly want: 'drain' | 'maintenance';
  readonly by: string;
  readonly why: string;
  /** Wall clock in ms. */
  readonly since: number;
  /** Wall clock in ms by which a drain must end, whatever calls are left; null = the agent's own limit. */
  readonly deadline: number | null;
  /** Ends the drain at once, calls or not (`carna drain --now`). */
  readonly now: boolean;
}

/** The content of `generation`: what the leader committed last. */
export interface GenerationRecord {
  readonly schema: 1;
  readonly generation: number;
  readonly epoch: number;
  /** setid (decimal) -> hash of its rows (set-hash.ts). */
  readonly sets: Readonly<Record<string, string>>;
  /** The newest changes it contains, newest last, at most MAX_TRACES: in which generation each one stands. */
  readonly traces: readonly { readonly id: string; readonly generation: number }[];
  /** Wall clock in ms. */
  readonly committedAtMs: number;
  /** What the guards hold back now, by setid; absent = nothing. At most MAX_HELD sets. */
  readonly held?: readonly HeldRecord[] | undefined;
  /** What the reconciler's own OPTIONS found where they differ from the agents' word; absent = nothing. */
  readonly witnessed?: WitnessReport | undefined;
  /** The other data centres whose nodes the leader reads; absent = none. At most MAX_REMOTES. */
  readonly remotes?: readonly RemoteRecord[] | undefined;
}

/**
 * Whether the nodes of another data centre are read: `linked` = now; `stale` = not now, their last known rows
 * stay; `unread` = never since the leader's process began, the rows stay as an earlier leader left them.
 */
export const REMOTE_LINKS = ['linked', 'stale', 'unread'] as const;
export type RemoteLink = (typeof REMOTE_LINKS)[number];

/** Another data centre as the leader sees it. */
export interface RemoteRecord {
  readonly dc: string;
  readonly link: RemoteLink;
  /** Wall clock in ms since when: of a stale one the time of what was known last. */
  readonly sinceMs: number;
  /** What the reconciler's own OPTIONS found of its nodes, by their own ids; absent = nothing. */
  readonly witnessed?: WitnessReport | undefined;
}

export const MAX_REMOTES = 8;

export const MAX_TRACES = 100;

/** never-empty, budget, stop: see guard.ts. */
export const GUARD_RULES = ['never-empty', 'budget', 'stop'] as const;
export type GuardRule = (typeof GUARD_RULES)[number];

/** Changes of one set that a guard holds back. */
export interface HeldRecord {
  readonly setid: number;
  readonly rule: GuardRule;
  /** For people, with the suspected cause. */
  readonly why: string;
  /** Wall clock in ms when the holding began. */
  readonly sinceMs: number;
  readonly count: number;
  /** Of the rows that stay, at most MAX_HELD_DESTINATIONS; none = they are lost, and the Kamailios keep their lists. */
  readonly destinations: readonly string[];
}

/**
 * What the second witness (the reconciler's own OPTIONS) found of a node.
 *
 * - `unsupervised`: its znode vanished without a goodbye, and it answers SIP: its row stays.
 * - `silent`: its znode vanished, and it does not answer.
 * - `unasked`: its znode vanished, and nobody could ask it yet.
 * - `disagreed`: its agent says up, and it does not answer the witness.
 */
export const WITNESS_FINDINGS = ['unsupervised', 'silent', 'unasked', 'disagreed'] as const;
export type WitnessFinding = (typeof WITNESS_FINDINGS)[number];

export interface WitnessedRecord {
  readonly nodeId: string;
  readonly finding: WitnessFinding;
  /** Where it was asked, as it stands in the table. */
  readonly destination: string;
  /** Wall clock in ms when the finding began. */
  readonly sinceMs: number;
}

export interface WitnessReport {
  /** How many nodes there are of each finding; one that is missing here = none. */
  readonly counts: Readonly<Partial<Record<WitnessFinding, number>>>;
  /** At most MAX_WITNESSED of them, by nodeId. */
  readonly nodes: readonly WitnessedRecord[];
}

export const MAX_WITNESSED = 50;

export const MAX_HELD = 50;
export const MAX_HELD_DESTINATIONS = 10;

/** An operator's word that a set's held changes may be made: the content of `overrides/<setid>`. Used once. */
export interface OverrideRecord {
  readonly schema: 1;
  readonly setid: number;
  readonly by: string;
  readonly why: string;
  /** Wall clock in ms. */
  readonly since: number;
  /** Wall clock in ms after which it counts for nothing. */
  readonly until: number;
}

/** The content of `applied/<nodeId>` (ephemeral): what one Kamailio was proven, by read-back, to run. */
export interface AppliedRecord {
  readonly schema: 1;
  readonly nodeId: string;
  readonly role: Role;
  readonly generation: number;
  /** setid (decimal) -> hash of what the live list holds, in the terms of set-hash.ts. */
  readonly sets: Readonly<Record<string, string>>;
  /** Wall clock in ms of the read-back. */
  readonly provenAtMs: number;
  /** One line when the live list still differs from the table, else null. */
  readonly drift: string | null;
  /**
   * With drift: what is in use by the table and not by the live list (see unlisted.ts). The first MAX_UNLISTED;
   * a full list may lack some. Absent without drift, and where an agent does not tell.
   */
  readonly unlisted?: readonly string[] | undefined;
}

export const MAX_UNLISTED = 50;

/** The SIP URI of an endpoint as it stands in the dispatcher table (`sip:host:port`, transport only when not UDP). */
export function destinationUri(endpoint: Endpoint): string {
  const transport = endpoint.transport === 'udp' ? '' : `;transport=${endpoint.transport}`;
  return `sip:${endpoint.host}:${endpoint.port}${transport}`;
}
