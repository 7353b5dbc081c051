import type { NodeKind, Role } from '../topology/node.js';

/** How large a lab is; what `carna lab up` takes as options. */
export interface LabSize {
  readonly loadBalancers: number;
  readonly dispatchers: number;
  readonly media: number;
  readonly registrars: number;
  readonly outbounds: number;
  readonly reconcilers: number;
  /** 1, 3 or 5 (ENSEMBLE_SIZES). */
  readonly zookeepers: number;
}

export const DEFAULT_SIZE: LabSize = {
  loadBalancers: 2,
  dispatchers: 2,
  media: 3,
  registrars: 2,
  outbounds: 2,
  reconcilers: 2,
  zookeepers: 1,
};

/** How many ZooKeeper servers a lab may have: with an even number one more could be lost for nothing. */
export const ENSEMBLE_SIZES = [1, 3, 5] as const;

/** Upper bound per role: each node is a process of its own on one machine. */
export const MAX_NODES_PER_ROLE = 50;

export interface LabAddress {
  readonly host: string;
  readonly port: number;
}

/** One SIP server of the lab with its agent. Its name is its nodeId. */
export interface LabNode {
  readonly name: string;
  readonly role: Role;
  readonly kind: NodeKind;
  readonly sip: LabAddress;
  /** Where its agent answers HTTP. */
  readonly http: LabAddress;
  /** FreeSWITCH's event socket; null for a Kamailio, which has a ctl socket in its folder. */
  readonly esl: LabAddress | null;
}

export interface LabReconciler {
  readonly name: string;
  readonly http: LabAddress;
}

/** One ZooKeeper server. */
export interface LabZookeeper {
  /** `zookeeper`, or `zookeeper-N` in an ensemble. */
  readonly name: string;
  /** Its number in the ensemble, from 1. */
  readonly id: number;
  /** Where clients connect. */
  readonly client: LabAddress;
  /** Where the ensemble's others connect; null without others. */
  readonly peers: { readonly quorum: LabAddress; readonly election: LabAddress } | null;
}

/** Another data centre that the reconcilers of a lab read. */
export interface LabRemote {
  readonly dc: string;
  /** Connect string of its ZooKeeper. */
  readonly zookeeper: string;
}

/** Which of several data centres on one machine a lab is. */
export interface LabSite {
  readonly dc: string;
  /** Before the name of each node: `dc2-`; empty in the first. */
  readonly prefix: string;
  readonly remotes: readonly LabRemote[];
}

/** A lab of one data centre. */
export const ONLY_SITE: LabSite = { dc: 'dc1', prefix: '', remotes: [] };

/** More would be as many platforms of a dozen nodes on one machine. */
export const MAX_DCS = 3;

/** Who stands where: every node on a loopback address of its own, so that all use the usual ports. */
export interface LabPlan {
  /** First two numbers of every address, for example `127.0`. */
  readonly net: string;
  readonly site: LabSite;
  readonly zookeepers: readonly LabZookeeper[];
  readonly postgres: LabAddress;
  /** Where calls come from. */
  readonly caller: string;
  readonly nodes: readonly LabNode[];
  readonly reconcilers: readonly LabReconciler[];
}

export const SIP_PORT = 5060;
/** Where registrars and outbound nodes tell each other of contacts. */
export const DMQ_PORT = 5061;
const ESL_PORT = 8021;
const HTTP_PORT = 9100;

/** Third number of the addresses of a role. */
const SUBNET: Readonly<Record<Role, number>> = {
  'load-balancer': 10,
  dispatcher: 20,
  media: 30,
  registrar: 40,
  outbound: 50,
};

/** Lays a lab of this size out below `net`. Pure; equal inputs give equal plans. */
export function planLab(size: LabSize, net: string, site: LabSite = ONLY_SITE): LabPlan {
  const nodes = (count: number, role: Role): LabNode[] =>
    series(count, (n) => labNode({ net, site }, role, n));
  return {
    net,
    site,
    zookeepers: labZookeepers(size.zookeepers, net),
    postgres: { host: `${net}.1.2`, port: 5432 },
    caller: `${net}.2.1`,
    nodes: [
      ...nodes(size.loadBalancers, 'load-balancer'),
      ...nodes(size.dispatchers, 'dispatcher'),
      ...nodes(size.media, 'media'),
      ...nodes(size.registrars, 'registrar'),
      ...nodes(size.outbounds, 'outbound'),
    ],
    reconcilers: series(size.reconcilers, (n) => ({
      name: `reconciler-${n}`,
      http: { host: `${net}.1.${10 + n}`, port: HTTP_PORT },
    })),
  };
}

const ZOOKEEPER_PORT = 2181;
const QUORUM_PORT = 2888;
const ELECTION_PORT = 3888;

function labZookeepers(count: number, net: string): LabZookeeper[] {
  if (count === 1) {
    const client = { host: `${net}.1.1`, port: ZOOKEEPER_PORT };
    return [{ name: 'zookeeper', id: 1, client, peers: null }];
  }
  return series(count, (id) => {
    const host = `${net}.3.${id}`;
    return {
      name: `zookeeper-${id}`,
      id,
      client: { host, port: ZOOKEEPER_PORT },
      peers: { quorum: { host, port: QUORUM_PORT }, election: { host, port: ELECTION_PORT } },
    };
  });
}

/** The only server, or the first of an ensemble. */
export function firstZookeeper(plan: Pick<LabPlan, 'zookeepers'>): LabZookeeper {
  const [first] = plan.zookeepers;
  if (first === undefined) throw new RangeError('a lab has at least one ZooKeeper server');
  return first;
}

/** The connect string of the lab's ZooKeeper: all its servers. */
export function zookeeperServers(plan: Pick<LabPlan, 'zookeepers'>): string {
  return plan.zookeepers.map(({ client }) => `${client.host}:${client.port}`).join(',');
}

/**
 * The plans of `dcs` data centres: the first below `net`, each further one below the next number, and each
 * with the others as its remotes. Throws RangeError when the numbers do not suffice. Pure.
 */
export function planLabs(size: LabSize, net: string, dcs: number): readonly LabPlan[] {
  const second = Number(net.slice(net.indexOf('.') + 1));
  if (second + dcs - 1 > 255) throw new RangeError(`${net} has no ${dcs - 1} further numbers`);
  const alone = series(dcs, (n) => {
    const dc = `dc${n}`;
    const site = { dc, prefix: n === 1 ? '' : `${dc}-`, remotes: [] };
    return planLab(size, `127.${second + n - 1}`, site);
  });
  return alone.map((plan) => {
    const others = alone.filter((other) => other !== plan);
    const remotes = others.map((other): LabRemote => {
      return { dc: other.site.dc, zookeeper: zookeeperServers(other) };
    });
    return { ...plan, site: { ...plan.site, remotes } };
  });
}

/** Addresses that the phones of a lab share when there are more phones than that. */
const PHONE_ADDRESSES = 250;

/** Where phone number `n` (from 1) of a lab stands; many phones share an address. Pure. */
export function phoneAddress({ net }: Pick<LabPlan, 'net'>, n: number): LabAddress {
  return { host: `${net}.60.${1 + ((n - 1) % PHONE_ADDRESSES)}`, port: SIP_PORT };
}

/** Where trunk number `n` (from 1) of a lab stands. Pure. */
export function trunkAddress({ net }: Pick<LabPlan, 'net'>, n: number): LabAddress {
  return { host: `${net}.70.${n}`, port: SIP_PORT };
}

/** Node number `n` (from 1) of a role. */
export function labNode(
  { net, site }: Pick<LabPlan, 'net' | 'site'>,
  role: Role,
  n: number,
): LabNode {
  const host = `${net}.${SUBNET[role]}.${n}`;
  const kind: NodeKind = role === 'media' ? 'freeswitch' : 'kamailio';
  return {
    name: `${site.prefix}${role === 'load-balancer' ? 'lb' : role}-${n}`,
    role,
    kind,
    sip: { host, port: SIP_PORT },
    http: { host, port: HTTP_PORT },
    esl: kind === 'freeswitch' ? { host, port: ESL_PORT } : null,
  };
}

/** Whether a node is one of those that tell each other of contacts. Pure. */
export function hasDmq({ role }: Pick<LabNode, 'role'>): boolean {
  return role === 'registrar' || role === 'outbound';
}

function series<T>(count: number, make: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index + 1));
}

/** The Kamailios of a lab, each of which holds a list of its own. Pure. */
export function kamailiosOf({ nodes }: Pick<LabPlan, 'nodes'>): readonly LabNode[] {
  return nodes.filter((node) => node.kind === 'kamailio');
}
