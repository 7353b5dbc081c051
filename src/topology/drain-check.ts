import type { IntentRecord, NodeRecord, Role } from './node.js';
import type { NodesInput } from './view.js';
import { consumersOf, setsListing } from './wiring.js';
import type { Wiring } from './wiring.js';

/** What must stay when a node is drained. */
export interface DrainLimits {
  /** Nodes of the role that must still take new calls. 0 = it may be the last one. */
  readonly floor: number;
  /** Room that must be left free beyond the calls of now, in percent of them. */
  readonly headroomPercent: number;
}

export interface DrainCheckInput {
  readonly nodes: NodesInput;
  readonly intents: ReadonlyMap<string, IntentRecord>;
  readonly wiring: Wiring;
  /** Calls on a node now, by nodeId, as far as agents said. */
  readonly calls: ReadonlyMap<string, number>;
  /** The node to drain. */
  readonly nodeId: string;
  readonly limits: DrainLimits;
}

/** The same for several nodes of one role that go together. */
export interface JointDrainInput extends Omit<DrainCheckInput, 'nodeId'> {
  /** At least one. */
  readonly nodeIds: readonly string[];
}

/** What the platform would be left with. */
export interface DrainNumbers {
  readonly role: Role;
  /** The sets that list the role and that some running Kamailio consumes. */
  readonly setids: readonly number[];
  /** Nodes of the role that take new calls, without those to drain. */
  readonly remaining: number;
  readonly floor: number;
  /** Calls now on all nodes of the role, those to drain included: they come back as new ones. */
  readonly calls: number;
  /** Nodes of the role whose calls are unknown; they count as none. */
  readonly nodesUnread: number;
  /** Calls that the remaining nodes admit; null while one of them does not say, or none remains. */
  readonly room: number | null;
  /** Calls for which that is enough with the headroom. */
  readonly roomWithHeadroom: number | null;
  readonly headroomPercent: number;
}

/** `lines` say why, `notes` what could not be looked at; both for people. */
export type DrainCheck =
  | { readonly kind: 'allowed'; readonly numbers: DrainNumbers; readonly notes: readonly string[] }
  | {
      readonly kind: 'refused';
      readonly numbers: DrainNumbers;
      readonly notes: readonly string[];
      readonly lines: readonly string[];
    };

/**
 * Tells whether a node may be drained: enough nodes of its role must stay (the floor), with room for the
 * calls of now and the headroom. The second is asked only when every remaining node says how many calls
 * it admits. A node that takes no calls (down, starting, draining already) may always be drained.
 *
 * Pure. Throws RangeError for a node that is not among `nodes`.
 */
export function checkDrain(input: DrainCheckInput): DrainCheck {
  return checkJointDrain({ ...input, nodeIds: [input.nodeId] });
}

/**
 * The same for several nodes together: each alone might go where all of them may not. Those that take
 * no calls now take nothing away.
 *
 * Pure. Throws RangeError for a node that is not among `nodes`, and when they are of several roles or none.
 */
export function checkJointDrain(input: JointDrainInput): DrainCheck {
  const leaving = input.nodeIds.map((nodeId) => {
    const record = input.nodes.get(nodeId)?.record;
    if (record === undefined) throw new RangeError(`no node is called ${nodeId}`);
    return record;
  });
  const role = leaving[0]?.role;
  if (role === undefined || leaving.some((record) => record.role !== role)) {
    throw new RangeError('expected nodes of one role');
  }
  const numbers = countRest(role, new Set(leaving), input);
  const notes = notesOn(numbers);
  const allowed = { kind: 'allowed', numbers, notes } as const;
  if (!leaving.some((record) => takesCalls(record, input))) return allowed;
  const { remaining, floor, roomWithHeadroom, calls } = numbers;
  if (remaining < floor) return { ...allowed, kind: 'refused', lines: [floorText(numbers)] };
  if (roomWithHeadroom !== null && roomWithHeadroom < calls) {
    return { ...allowed, kind: 'refused', lines: [roomText(numbers)] };
  }
  return allowed;
}

function countRest(
  role: Role,
  leaving: ReadonlySet<NodeRecord>,
  input: JointDrainInput,
): DrainNumbers {
  const { wiring, limits, calls } = input;
  const all = [...input.nodes.values()].map((node) => node.record);
  const peers = all.filter((peer) => peer.role === role);
  const rest = peers.filter((peer) => !leaving.has(peer) && takesCalls(peer, input));
  const serving = peers.filter((peer) => peer.state === 'up' || peer.state === 'draining');
  const known = rest.length > 0 && rest.every((peer) => peer.maxSessions > 0);
  const room = known ? rest.reduce((sum, peer) => sum + peer.maxSessions, 0) : null;
  return {
    role,
    setids: setsListing(wiring, role).filter((setid) => isConsumed(setid, all, wiring)),
    remaining: rest.length,
    floor: limits.floor,
    calls: peers.reduce((sum, peer) => sum + (calls.get(peer.nodeId) ?? 0), 0),
    nodesUnread: serving.filter((peer) => !calls.has(peer.nodeId)).length,
    room,
    roomWithHeadroom:
      room === null ? null : Math.floor((room * 100) / (100 + limits.headroomPercent)),
    headroomPercent: limits.headroomPercent,
  };
}

function takesCalls(record: NodeRecord, input: Pick<JointDrainInput, 'intents'>): boolean {
  return record.state === 'up' && !input.intents.has(record.nodeId);
}

function isConsumed(setid: number, all: readonly NodeRecord[], wiring: Wiring): boolean {
  const roles = consumersOf(wiring, setid);
  return all.some(
    ({ role, state }) => roles.includes(role) && (state === 'up' || state === 'draining'),
  );
}

function notesOn({ remaining, room, nodesUnread, role }: DrainNumbers): string[] {
  if (remaining === 0) return [];
  if (room === null) {
    return [`room was not compared: not every ${nounOf(role)} says how many calls it admits`];
  }
  if (nodesUnread === 0) return [];
  return [`calls of ${nodesUnread === 1 ? '1 node' : `${nodesUnread} nodes`} are unknown`];
}

/** "set 30 would keep 4 media nodes", or without a consumer "4 load-balancers would stay". */
function keepText({ setids, remaining, role }: DrainNumbers): string {
  const what = nodesText(remaining, role);
  if (setids.length === 0) return `${what} would stay`;
  return `${setids.length === 1 ? 'set' : 'sets'} ${setids.join(', ')} would keep ${what}`;
}

function floorText(numbers: DrainNumbers): string {
  const { floor } = numbers;
  return `${keepText(numbers)} for new calls, at least ${floor} ${floor === 1 ? 'is' : 'are'} asked for.`;
}

function roomText(numbers: DrainNumbers): string {
  const { calls, roomWithHeadroom, headroomPercent } = numbers;
  return `${keepText(numbers)} for ${callsText(calls)}, room for ${grouped(roomWithHeadroom ?? 0)} with the ${headroomPercent} % headroom asked for.`;
}

/** What an allowed drain leaves: "set 30 keeps 2 media nodes for 61 calls, room for 1,600 with 25 % headroom". */
export function describeRest(numbers: DrainNumbers): string {
  const { setids, remaining, role, calls, roomWithHeadroom, headroomPercent } = numbers;
  const what = nodesText(remaining, role);
  const kept =
    setids.length === 0
      ? `${what} ${remaining === 1 ? 'stays' : 'stay'}`
      : `${setids.length === 1 ? 'set' : 'sets'} ${setids.join(', ')} ${setids.length === 1 ? 'keeps' : 'keep'} ${what}`;
  if (roomWithHeadroom === null) return `${kept}.`;
  return `${kept} for ${callsText(calls)}, room for ${grouped(roomWithHeadroom)} with ${headroomPercent} % headroom.`;
}

function nodesText(count: number, role: Role): string {
  return `${count === 0 ? 'no' : grouped(count)} ${nounOf(role)}${count === 1 ? '' : 's'}`;
}

/** "media" and "outbound" are no nouns. */
function nounOf(role: Role): string {
  return role === 'media' || role === 'outbound' ? `${role} node` : role;
}

function callsText(count: number): string {
  return `${grouped(count)} ${count === 1 ? 'call' : 'calls'}`;
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
