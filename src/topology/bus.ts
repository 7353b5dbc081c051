import type { Evidence } from './desired-rows.js';
import type { NodeRecord, NodeState } from './node.js';

/** A registered node of the bus on which registrars and outbound nodes of one data centre share contacts. */
export interface BusNode {
  readonly nodeId: string;
  readonly role: 'registrar' | 'outbound';
  readonly state: NodeState;
  /** `sip:host:port` on the bus. */
  readonly address: string;
  /** Where it takes SIP. */
  readonly sip: { readonly host: string; readonly port: number };
}

/** A member as our own server lists it. */
export interface ListedMember {
  /** `sip:host:port` on the bus. */
  readonly address: string;
  readonly status: 'active' | 'disabled' | 'timeout' | 'pending';
  /** It is our own server. */
  readonly isLocal: boolean;
}

export interface BusInput {
  /** The other nodes, without ourselves. */
  readonly nodes: readonly BusNode[];
  /** False while the registry is not up to date: then nothing is changed. */
  readonly isFresh: boolean;
  readonly listed: readonly ListedMember[];
  /** What our own question to a member showed, by address; missing = not asked. */
  readonly evidence: ReadonlyMap<string, Evidence>;
  /** Our own address on the bus. */
  readonly self: string;
}

export interface BusStep {
  readonly address: string;
  /** For people, one line. */
  readonly why: string;
}

/** What is to be done now: removals first. A member in both lists is to be named anew. */
export interface BusPlan {
  readonly remove: readonly BusStep[];
  readonly announce: readonly BusStep[];
  /** What no step can mend; null = nothing. */
  readonly alarm: string | null;
}

/** In one pass at most; what is left over is found again by the next one. */
export const MAX_BUS_STEPS = 8;
/** A server is told at most so many peers when it starts: it learns of the others from them. */
export const MAX_FIRST_PEERS = 2;

/** Kamailio must be able to use it without a name server (see protocols/sip/kdmq.ts). */
const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\])$/;

/** The address of a node on the bus: the host of its first endpoint and the port that all share; null when that is a name. Pure. */
export function busAddress(host: string, dmqPort: number): string | null {
  return ADDRESS.test(host) ? `sip:${host}:${dmqPort}` : null;
}

/**
 * The other nodes of the bus in this data centre, by nodeId. Of two that claim one address the one that
 * serves counts. A node whose host is a name is left out. Pure.
 */
export function busNodes(
  records: readonly NodeRecord[],
  self: { readonly nodeId: string; readonly dc: string; readonly dmqPort: number },
): BusNode[] {
  const byAddress = new Map<string, BusNode>();
  for (const record of [...records].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))) {
    const { nodeId, role, state, dc, sip } = record;
    const [endpoint] = sip;
    if (role !== 'registrar' && role !== 'outbound') continue;
    if (nodeId === self.nodeId || dc !== self.dc || endpoint === undefined) continue;
    const address = busAddress(endpoint.host, self.dmqPort);
    if (address === null || serves(byAddress.get(address))) continue;
    byAddress.set(address, { nodeId, role, state, address, sip: endpoint });
  }
  return [...byAddress.values()];
}

/** The members that a starting server is told of, the best ones first. Pure. */
export function firstPeers(nodes: readonly BusNode[]): string[] {
  return inOrderOfWorth(nodes)
    .filter(({ state }) => state !== 'down')
    .slice(0, MAX_FIRST_PEERS)
    .map(({ address }) => address);
}

/** Nodes whose contacts are whole, the best ones first. Pure. */
export function donorsOf(nodes: readonly BusNode[]): BusNode[] {
  return inOrderOfWorth(nodes.filter(serves));
}

/** The addresses of which own evidence is needed: nobody speaks for them. Pure. */
export function whomToAsk(nodes: readonly BusNode[], listed: readonly ListedMember[]): string[] {
  const vouched = new Set(nodes.filter(serves).map(({ address }) => address));
  const all = [...listed.filter((one) => !one.isLocal), ...nodes].map(({ address }) => address);
  return [...new Set(all)].filter((address) => !vouched.has(address));
}

/**
 * What our server's list of members lacks and has too much. A node that serves (up, draining) is a member by
 * its agent's word. Of any other one the answer to our own question decides, whatever was said or not said
 * of it: its server may be starting again, or its agent alone may be gone. Pure; equal inputs give equal plans.
 */
export function planBus(input: BusInput): BusPlan {
  const { nodes, listed, evidence } = input;
  if (!input.isFresh) return { remove: [], announce: [], alarm: null };
  const byAddress = new Map(nodes.map((node) => [node.address, node]));
  const members = new Map(listed.map((member) => [member.address, member]));
  const remove: BusStep[] = [];
  const announce: BusStep[] = [];
  for (const { address, status, isLocal } of members.values()) {
    if (isLocal) continue;
    const node = byAddress.get(address);
    const lives = serves(node) || evidence.get(address) === 'answers';
    if (!lives && evidence.get(address) === 'silent') {
      remove.push({ address, why: `${described(node)} and does not answer` });
    } else if (lives && node !== undefined && status !== 'active') {
      // Kamailio revives no member that it lists as disabled, however often it is named.
      if (status === 'disabled') remove.push({ address, why: 'it is listed as disabled' });
      announce.push({ address, why: `${described(node)}, listed as ${status}` });
    }
  }
  for (const node of nodes) {
    if (members.has(node.address)) continue;
    if (!serves(node) && evidence.get(node.address) !== 'answers') continue;
    announce.push({ address: node.address, why: `${described(node)}, not listed` });
  }
  return {
    remove: remove.slice(0, MAX_BUS_STEPS),
    announce: announce.slice(0, MAX_BUS_STEPS),
    alarm: alarmOf(input),
  };
}

function alarmOf({ listed, self }: BusInput): string | null {
  const local = listed.find((member) => member.isLocal);
  if (local === undefined || local.address === self) return null;
  return `the server is ${local.address} on the bus, and not ${self}: no peer can know it`;
}

function described(node: BusNode | undefined): string {
  return node === undefined ? 'nobody speaks for it' : `${node.nodeId} is ${node.state}`;
}

function serves(node: BusNode | undefined): boolean {
  return node?.state === 'up' || node?.state === 'draining';
}

const WORTH: Readonly<Record<NodeState, number>> = { up: 0, draining: 1, starting: 2, down: 3 };

/** Registrars before outbound nodes of the same state: they took the registrations themselves. */
function inOrderOfWorth(nodes: readonly BusNode[]): BusNode[] {
  const worth = ({ state, role }: BusNode): number =>
    2 * WORTH[state] + (role === 'registrar' ? 0 : 1);
  return [...nodes].sort((a, b) => worth(a) - worth(b) || (a.nodeId < b.nodeId ? -1 : 1));
}
