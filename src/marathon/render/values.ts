import type { Role } from '../../topology/node.js';

/** The app beside the roles. */
export const RECONCILER = 'reconciler';
export type AppName = Role | typeof RECONCILER;

/** Apps of a data centre, in the order of its group: whoever is watched comes before whoever watches. */
export const APP_NAMES = [
  RECONCILER,
  'registrar',
  'media',
  'outbound',
  'dispatcher',
  'load-balancer',
] as const satisfies readonly AppName[];

/** As an app takes it: field, operator, and a value for those that want one. */
export type ConstraintTuple = readonly [string, string] | readonly [string, string, string];

/** A port that is reserved beside those that the role itself listens on. */
export interface FurtherPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp' | 'udp,tcp';
}

/** What is said of one app. */
export interface AppValues {
  readonly instances: number;
  /** The lowest count that operators scale in to; what may be away during an upgrade follows from it. */
  readonly leastInstances: number;
  readonly cpus: number;
  /** In MB, of the agent and its server together. */
  readonly mem: number;
  /** After the data centre's own. */
  readonly constraints: readonly ConstraintTuple[];
  /** Null = the data centre's. */
  readonly acceptedResourceRoles: readonly string[] | null;
  /** Further variables; the definition's own cannot be set here. */
  readonly env: Readonly<Record<string, string>>;
}

/** What is said of the app of a role. */
export interface NodeValues extends AppValues {
  readonly sipPort: number;
  readonly drainDeadlineMs: number;
  readonly furtherPorts: readonly FurtherPort[];
}

/** Everything that differs from one data centre to another, complete. */
export interface Values {
  readonly cluster: string;
  readonly dc: string;
  /** Begins with a slash. */
  readonly group: string;
  readonly images: Readonly<Record<'carna' | 'kamailio' | 'freeswitch', string>>;
  /** Of this data centre, as CARNA_ZOOKEEPER takes it. */
  readonly zookeeper: string;
  /** The others, by data centre. */
  readonly remoteZookeepers: Readonly<Record<string, string>>;
  readonly sipDomain: string;
  /** Folder on the hosts; read-only for every task. */
  readonly secretsDir: string;
  /** Whether the folder holds `zookeeper-auth` and `route-secret`. */
  readonly hasZookeeperAuth: boolean;
  readonly hasRouteSecret: boolean;
  readonly dockerSocket: DockerSocket;
  /** Network interface whose address the nodes take; null = the one that the host's name stands for. */
  readonly sipInterface: string | null;
  /** Marathon's --env_vars_prefix; empty = it has none. */
  readonly environmentPrefix: string;
  readonly ports: Readonly<Record<'agent' | 'reconciler' | 'esl' | 'dmq', number>>;
  readonly constraints: readonly ConstraintTuple[];
  readonly acceptedResourceRoles: readonly string[] | null;
  /** Of all agents. */
  readonly env: Readonly<Record<string, string>>;
  readonly nodes: Readonly<Record<Role, NodeValues>>;
  readonly reconciler: AppValues;
}

export interface DockerSocket {
  /** On the host. */
  readonly path: string;
  /** Id of the group that may use it. */
  readonly group: number;
  /** The socket alone, or its folder: for an engine that makes its socket anew when it restarts. */
  readonly mount: 'socket' | 'folder';
}
