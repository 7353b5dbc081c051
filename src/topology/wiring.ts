import type { Role } from './node.js';

/**
 * How a Kamailio uses a set: `hash` = by hash of the call, `weight` = in turn, each node as often as its
 * weight says, `trust` = by name, or only to tell whether a request comes from one of its nodes.
 */
export const SELECTIONS = ['hash', 'weight', 'trust'] as const;
export type Selection = (typeof SELECTIONS)[number];

/** The Kamailios of `consumer` hold the nodes of `target` as destination set `setid`. */
export interface WiringRule {
  readonly consumer: Role;
  readonly target: Role;
  readonly setid: number;
  readonly selection: Selection;
  /** Whether nodes of other data centres stand in set `setid + REMOTE_SET_OFFSET` for these Kamailios to fall back to. */
  readonly remote?: true | undefined;
}

export type Wiring = readonly WiringRule[];

/** The nodes of another data centre stand in set `setid + REMOTE_SET_OFFSET`. */
export const REMOTE_SET_OFFSET = 100;

/** The platform as shipped (DESIGN section 5). */
export const DEFAULT_WIRING: Wiring = [
  { consumer: 'load-balancer', target: 'dispatcher', setid: 10, selection: 'hash' },
  { consumer: 'load-balancer', target: 'registrar', setid: 20, selection: 'trust' },
  { consumer: 'load-balancer', target: 'outbound', setid: 40, selection: 'trust' },
  // The way back for a media node's own calls names another dispatcher beside the one that routed.
  { consumer: 'dispatcher', target: 'dispatcher', setid: 10, selection: 'trust' },
  { consumer: 'dispatcher', target: 'registrar', setid: 20, selection: 'hash' },
  { consumer: 'dispatcher', target: 'media', setid: 30, selection: 'weight', remote: true },
  { consumer: 'dispatcher', target: 'outbound', setid: 40, selection: 'weight' },
  { consumer: 'dispatcher', target: 'load-balancer', setid: 50, selection: 'trust' },
  { consumer: 'registrar', target: 'dispatcher', setid: 10, selection: 'trust' },
  { consumer: 'registrar', target: 'load-balancer', setid: 50, selection: 'trust' },
  { consumer: 'outbound', target: 'dispatcher', setid: 10, selection: 'trust' },
  { consumer: 'outbound', target: 'load-balancer', setid: 50, selection: 'trust' },
];

/** The sets that a Kamailio of this role uses, those of other data centres too, ascending, without doubles. */
export function setsConsumedBy(wiring: Wiring, role: Role): number[] {
  const setids = [...wiring, ...remoteWiring(wiring)]
    .filter((rule) => rule.consumer === role)
    .map((rule) => rule.setid);
  return unique(setids);
}

/** Of them those without which it cannot serve: the sets of other data centres are only fallen back to. */
export function setsNeededBy(wiring: Wiring, role: Role): number[] {
  return unique(wiring.filter((rule) => rule.consumer === role).map((rule) => rule.setid));
}

/** The sets that its view in PostgreSQL shows: of each set that it may use also the one of other data centres. */
export function setsShownTo(wiring: Wiring, role: Role): number[] {
  const local = setsNeededBy(wiring, role);
  return unique([...local, ...local.map((setid) => setid + REMOTE_SET_OFFSET)]);
}

/** The sets in which a node of this role is listed, ascending, without doubles. */
export function setsListing(wiring: Wiring, role: Role): number[] {
  return unique(wiring.filter((rule) => rule.target === role).map((rule) => rule.setid));
}

const knownRemote = new WeakMap<Wiring, Wiring>();

/** The sets in which nodes of other data centres stand, as a wiring of their own; the same object for the same wiring. */
export function remoteWiring(wiring: Wiring): Wiring {
  const known = knownRemote.get(wiring);
  if (known !== undefined) return known;
  const rules = wiring
    .filter((rule) => rule.remote === true)
    .map(({ consumer, target, setid, selection }) => {
      return { consumer, target, setid: setid + REMOTE_SET_OFFSET, selection };
    });
  knownRemote.set(wiring, rules);
  return rules;
}

/** How the configurations as shipped select among nodes of `target`; by hash where they do not. */
export function shippedSelection(consumer: Role, target: Role): Selection {
  const rule = DEFAULT_WIRING.find((r) => r.consumer === consumer && r.target === target);
  return rule?.selection ?? 'hash';
}

/** True for a set whose rows carry weights. */
export function isWeighted(wiring: Wiring, setid: number): boolean {
  return wiring.some((rule) => rule.setid === setid && rule.selection === 'weight');
}

/** The roles whose Kamailios send new calls to a set; those that only trust it are not among them. */
export function consumersOf(wiring: Wiring, setid: number): Role[] {
  const rules = wiring.filter((rule) => rule.setid === setid && rule.selection !== 'trust');
  return [...new Set(rules.map((rule) => rule.consumer))];
}

/** The sets to which a Kamailio of this role sends new calls, ascending, without doubles. */
export function setsRoutedBy(wiring: Wiring, role: Role): number[] {
  return setsConsumedBy(
    wiring.filter((rule) => rule.selection !== 'trust'),
    role,
  );
}

function unique(setids: readonly number[]): number[] {
  return [...new Set(setids)].sort((a, b) => a - b);
}
