import type { Contact, SipAddress, WayBack } from './contact.js';
import { addressText, parseSipAddress, wayBackOf } from './contact.js';
import type { NodeView, ViewState } from './view.js';

/** What is needed of a node to find it by its address. */
export type PlacedNode = Pick<NodeView, 'nodeId' | 'role' | 'state' | 'destination'>;

/** The load-balancer that a contact's Path names. */
export interface EdgeView {
  /** `host:port`, or `host`, as the Path says. */
  readonly address: string;
  /** Null: no load-balancer of this data centre has that address, or the nodes are not known. */
  readonly nodeId: string | null;
  readonly state: ViewState | null;
}

/** One contact with the nodes that its addresses stand for. */
export interface ContactView extends Contact {
  readonly edge: EdgeView | null;
  /** Where the call arrives at last; null when neither Path nor contact can be read. */
  readonly phone: SipAddress | null;
  /** The registrar that took it; null when it is not known. */
  readonly registrar: string | null;
  /** It expired and still stands in the table. */
  readonly isExpired: boolean;
  /** Whether a call can get to it: not when it expired, has no address, or its edge does not run. */
  readonly isReachable: boolean;
}

/** States in which a load-balancer passes calls on. */
const CARRIES: readonly ViewState[] = ['up', 'draining'];

/** A contact as operators see it. `nowMs` is the clock that `expiresAtMs` goes by. Pure. */
export function contactView(
  contact: Contact,
  nodes: readonly PlacedNode[],
  nowMs: number,
): ContactView {
  const way: WayBack = wayBackOf(contact);
  const edge = way.edge === null ? null : edgeView(way.edge, nodes);
  const isExpired = contact.expiresAtMs !== null && contact.expiresAtMs <= nowMs;
  const isEdgeGone = edge !== null && edge.state !== null && !CARRIES.includes(edge.state);
  return {
    ...contact,
    edge,
    phone: way.phone,
    registrar: registrarOf(contact.socket, nodes),
    isExpired,
    isReachable: !isExpired && !isEdgeGone && way.phone !== null,
  };
}

/** The load-balancer behind an address of a Path. Pure. */
export function edgeView(address: SipAddress, nodes: readonly PlacedNode[]): EdgeView {
  const edges = nodes.filter(({ role }) => role === 'load-balancer');
  const node = nodeAt(address, edges);
  return {
    address: addressText(address),
    nodeId: node?.nodeId ?? null,
    state: node?.state ?? null,
  };
}

/** `socket` as Kamailio writes it: `udp:10.0.4.1:5060`. */
function registrarOf(socket: string | null, nodes: readonly PlacedNode[]): string | null {
  const address = socket === null ? null : parseSipAddress(socket.replace(/^\w+:/, 'sip:'));
  if (address === null) return null;
  const registrars = nodes.filter(({ role }) => role === 'registrar');
  return nodeAt(address, registrars)?.nodeId ?? null;
}

const SIP_PORT = 5060;

/** By host and port; else, since a node has a port for TLS too that it does not publish, the only one on that host. */
function nodeAt({ host, port }: SipAddress, nodes: readonly PlacedNode[]): PlacedNode | undefined {
  const placed = nodes.flatMap((node) => {
    const at = parseSipAddress(node.destination);
    return at === null || at.host !== host ? [] : [{ node, port: at.port ?? SIP_PORT }];
  });
  const exact = placed.find((one) => one.port === (port ?? SIP_PORT));
  return (exact ?? (placed.length === 1 ? placed[0] : undefined))?.node;
}
