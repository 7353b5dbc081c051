import type { DispatcherRow } from './dispatcher-row.js';
import { isOurs, isSelectable, zoneOf } from './dispatcher-row.js';
import type { GenerationRecord, RemoteLink, Role, WitnessedRecord } from './node.js';
import type { Wiring } from './wiring.js';
import { remoteWiring } from './wiring.js';

/** A node of another data centre as its row here shows it. */
export interface RemoteNodeView {
  /** As it is known here: `dc2/media-1`. */
  readonly name: string;
  readonly role: Role;
  readonly setid: number;
  readonly destination: string;
  /** Of its row: 8 active, 9 inactive, 4 disabled. */
  readonly flags: number;
  /** What the reconciler's own OPTIONS found where it differs from the agent's word; null = nothing is told. */
  readonly witnessed: WitnessedRecord | null;
}

/** Another data centre as it is shown. */
export interface RemoteDcView {
  readonly dc: string;
  /** `unwatched`: rows of it stand here, but the leader reads no such data centre. */
  readonly link: RemoteLink | 'unwatched';
  /** Wall clock in ms since when; of a stale one the time of what was known last. */
  readonly sinceMs: number | null;
  /** Its nodes in the table, by name; empty when the table was not read. */
  readonly nodes: readonly RemoteNodeView[];
}

/** The other data centres, by name, from the leader's last word and the table. Pure. */
export function deriveRemotes(
  generation: GenerationRecord | null,
  rows: readonly DispatcherRow[] | null,
  wiring: Wiring,
): readonly RemoteDcView[] {
  const told = new Map((generation?.remotes ?? []).map((remote) => [remote.dc, remote] as const));
  const nodes = new Map<string, RemoteNodeView[]>();
  for (const row of rows ?? []) {
    const dc = isOurs(row) ? zoneOf(row) : undefined;
    const role = remoteWiring(wiring).find(({ setid }) => setid === row.setid)?.target;
    if (dc === undefined || role === undefined) continue;
    const { setid, destination, flags } = row;
    const name = row.description.slice(row.description.indexOf(':') + 1);
    const witnessed =
      told.get(dc)?.witnessed?.nodes.find((one) => one.destination === destination) ?? null;
    const known = nodes.get(dc) ?? [];
    known.push({ name, role, setid, destination, flags, witnessed });
    nodes.set(dc, known);
  }
  return [...new Set([...told.keys(), ...nodes.keys()])].sort().map((dc) => {
    const remote = told.get(dc);
    const here = (nodes.get(dc) ?? []).sort((a, b) => (a.name < b.name ? -1 : 1));
    if (remote === undefined) return { dc, link: 'unwatched', sinceMs: null, nodes: here };
    return { dc, link: remote.link, sinceMs: remote.sinceMs, nodes: here };
  });
}

/** The nodes of others that can take the calls of a role of ours. Pure. */
export function fallbacksFor(
  remotes: readonly RemoteDcView[],
  role: Role,
): readonly RemoteNodeView[] {
  return remotes
    .flatMap(({ nodes }) => nodes)
    .filter((node) => node.role === role && isSelectable(node.flags));
}
