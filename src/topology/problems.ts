import { isLostHold } from './held.js';
import type { WitnessFinding } from './node.js';
import type { RemoteDcView } from './remote-view.js';
import { fallbacksFor } from './remote-view.js';
import { findTaskProblems } from './task-problems.js';
import { REMOTE_SET_OFFSET } from './wiring.js';
import type { RoleView, TopologyView, ViewInput } from './view.js';

/** Something outside that was refused or does not fit; `what` names it. */
export interface Finding {
  readonly what: string;
  readonly why: string;
}

/** One thing an operator should know, the worst first; `next` is a command to paste. */
export interface Problem {
  readonly kind:
    | 'no-generation'
    | 'nobody-up'
    | 'held'
    | 'silent'
    | 'unsupervised'
    | 'disagreed'
    | 'down'
    | 'remote'
    | 'overdue'
    | 'node-without-task'
    | 'task-without-node'
    | 'waiting'
    | 'unproven'
    | 'conflict'
    | 'refused';
  /** What it is about: a nodeId, a set, a znode. */
  readonly what: string;
  readonly text: string;
  readonly next: string;
}

/** Lists what is wrong with a view. Pure. */
export function findProblems(
  view: Omit<TopologyView, 'problems'>,
  input: Pick<ViewInput, 'refused' | 'conflicts' | 'nowMs'>,
): Problem[] {
  return [
    ...noGeneration(view),
    ...view.roles.flatMap((role) => nobodyUp(role, view.remotes)),
    ...heldBack(view, input.nowMs),
    ...view.roles.flatMap((role) => missingNodes(role, input.nowMs)),
    ...disagreements(view, input.nowMs),
    ...view.remotes.flatMap((remote) => remoteProblems(remote, input.nowMs)),
    ...view.roles.flatMap((role) => overdueDrains(role, input.nowMs)),
    ...findTaskProblems(view.tasks, input.nowMs),
    ...unproven(view),
    ...input.conflicts.map(({ what, why }): Problem => ({
      kind: 'conflict',
      what,
      text: `${what}: ${why}`,
      next: 'carna nodes',
    })),
    ...input.refused.map(({ what, why }): Problem => ({
      kind: 'refused',
      what,
      text: `${what} was refused: ${why}`,
      next: 'carna topology --json',
    })),
  ];
}

function noGeneration(view: Omit<TopologyView, 'problems'>): Problem[] {
  if (view.generation !== null) return [];
  const text = 'no table was ever committed here: no reconciler leads';
  return [{ kind: 'no-generation', what: 'generation', text, next: 'carna reconciler' }];
}

/** A role with nodes, wanted by Kamailios that are there, and none of them takes new calls. */
function nobodyUp(role: RoleView, remotes: TopologyView['remotes']): Problem[] {
  if (role.nodes.length === 0 || role.counts.up > 0) return [];
  const others = fallbacksFor(remotes, role.role);
  const dcs = [...new Set(others.map(({ name }) => name.slice(0, name.indexOf('/'))))];
  const where =
    others.length === 0
      ? 'new calls for it have nowhere to go'
      : `its calls are carried by ${dcs.join(' and ')} (${others.length} in set ${others[0]?.setid ?? 0})`;
  return role.sets
    .filter((set) => set.consumers > 0)
    .map(({ setid }) => ({
      kind: 'nobody-up',
      what: `set ${setid}`,
      text: `set ${setid}: no ${role.role} is up, ${where}`,
      next: `carna nodes --role ${role.role}`,
    }));
}

/** Another data centre that is not read, and what the witness found of its nodes. */
function remoteProblems({ dc, link, sinceMs, nodes }: RemoteDcView, nowMs: number): Problem[] {
  const next = `carna dispatcher --set ${nodes[0]?.setid ?? REMOTE_SET_OFFSET}`;
  const rows =
    nodes.length === 1 ? 'its row stays as it was' : `its ${nodes.length} rows stay as they were`;
  const age = seconds(nowMs - (sinceMs ?? nowMs));
  const text = {
    linked: null,
    stale: `${dc} cannot be read for ${age}: ${rows}`,
    unread: `${dc} could not be read for ${age}, since the leader began: ${rows}`,
    unwatched: `${dc} is not read by the leader (CARNA_REMOTE_ZOOKEEPERS), ${rows}`,
  }[link];
  const found = nodes.flatMap(({ name, witnessed }): Problem[] =>
    witnessed === null
      ? []
      : [
          {
            kind: 'remote',
            what: name,
            text: `${name}: ${REMOTE_FINDINGS[witnessed.finding]} (for ${seconds(nowMs - witnessed.sinceMs)})`,
            next,
          },
        ],
  );
  return text === null ? found : [{ kind: 'remote', what: dc, text, next }, ...found];
}

const REMOTE_FINDINGS: Readonly<Record<WitnessFinding, string>> = {
  unsupervised: 'its agent vanished, it answers SIP from here: row kept',
  silent: 'its agent vanished, it does not answer SIP from here',
  unasked: 'its agent vanished, the reconciler is asking it',
  disagreed: 'its agent says up, it does not answer SIP from here: no call until it does',
};

/** What the guards hold back, by the leader's last word. */
function heldBack(view: Omit<TopologyView, 'problems'>, nowMs: number): Problem[] {
  return (view.generation?.held ?? []).map((held) => {
    const { setid, count, why, sinceMs } = held;
    const what = isLostHold(held)
      ? 'its lists in the Kamailios kept'
      : `${changes(count)} held back`;
    return {
      kind: 'held',
      what: `set ${setid}`,
      text: `set ${setid}: ${what} for ${seconds(nowMs - sinceMs)}: ${why}`,
      next: 'carna guard',
    };
  });
}

function changes(count: number): string {
  return count === 1 ? '1 change' : `${count} changes`;
}

function missingNodes(role: RoleView, nowMs: number): Problem[] {
  return role.nodes.flatMap((node): Problem[] => {
    if (node.state !== 'down' && node.state !== 'silent') return [];
    const what = node.nodeId;
    const next = `carna timeline --node ${what}`;
    const { witnessed } = node;
    if (witnessed === null) {
      return [{ kind: node.state, what, text: `${what} is ${node.state}: ${node.reason}`, next }];
    }
    const age = `for ${seconds(nowMs - witnessed.sinceMs)}`;
    if (witnessed.finding === 'unsupervised') {
      const text = `${what}: ${node.reason} ${age}; start its agent again`;
      return [{ kind: 'unsupervised', what, text, next }];
    }
    return [{ kind: 'silent', what, text: `${what}: ${node.reason} (${age})`, next }];
  });
}

/** By name as far as the leader's record names them. */
function disagreements(view: Omit<TopologyView, 'problems'>, nowMs: number): Problem[] {
  const named = view.roles
    .flatMap((role) => role.nodes)
    .flatMap(({ nodeId: what, witnessed }): Problem[] => {
      if (witnessed?.finding !== 'disagreed') return [];
      const age = seconds(nowMs - witnessed.sinceMs);
      const text = `${what}: agent and witness disagree for ${age}: its agent says up, ${witnessed.destination} does not answer the reconciler; no call until a Kamailio's own OPTIONS succeed`;
      return [{ kind: 'disagreed', what, text, next: 'carna dispatcher' }];
    });
  const more = (view.generation?.witnessed?.counts.disagreed ?? 0) - named.length;
  if (more <= 0 || named.length === 0) return named;
  const text = `agent and witness disagree about ${more} more nodes`;
  return [...named, { kind: 'disagreed', what: 'more nodes', text, next: 'carna dispatcher' }];
}

function seconds(ms: number): string {
  return `${Math.max(0, Math.ceil(ms / 1000))} s`;
}

function overdueDrains(role: RoleView, nowMs: number): Problem[] {
  return role.nodes.flatMap((node): Problem[] => {
    const deadline = node.intent?.deadline ?? null;
    if (deadline === null || deadline > nowMs || node.state !== 'draining') return [];
    const text = `${node.nodeId} still drains ${seconds(nowMs - deadline)} after its deadline`;
    return [{ kind: 'overdue', what: node.nodeId, text, next: `carna drain ${node.nodeId} --now` }];
  });
}

/** One line per Kamailio that lags, with the sets in which it does. */
function unproven(view: Omit<TopologyView, 'problems'>): Problem[] {
  const { generation } = view;
  if (generation === null) return [];
  const byNode = new Map<string, { why: string; setids: Set<number> }>();
  for (const set of view.roles.flatMap((role) => role.sets)) {
    if (generation.sets[String(set.setid)] === undefined) continue; // Nothing to prove.
    for (const { nodeId, why } of set.lagging) {
      const entry = byNode.get(nodeId) ?? { why, setids: new Set() };
      entry.setids.add(set.setid);
      byNode.set(nodeId, entry);
    }
  }
  return [...byNode].map(([nodeId, { why, setids }]) => ({
    kind: 'unproven',
    what: nodeId,
    text: `${nodeId} does not prove set ${[...setids].join(', ')}: ${why}`,
    next: 'carna dispatcher',
  }));
}
