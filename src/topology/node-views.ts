import { describeRow, isOfZone } from './dispatcher-row.js';
import { destinationUri } from './node.js';
import type { NodeRecord, WitnessedRecord } from './node.js';
import type { NodeView, ViewInput } from './view.js';
import { setsListing } from './wiring.js';
import type { Findings } from './witnessed.js';
import { findingsOf } from './witnessed.js';

/** The nodes that have a znode, as they are shown. Pure. */
export function liveNodes(input: ViewInput): NodeView[] {
  const told = findingsOf(input.generation?.witnessed);
  return [...input.nodes.values()].map(({ record }) => {
    const intent = input.intents.get(record.nodeId) ?? null;
    const first = record.sip[0];
    return {
      nodeId: record.nodeId,
      role: record.role,
      state: intent !== null && record.state === 'up' ? 'draining' : record.state,
      published: record.state,
      reason: record.reason,
      sinceMs: record.since,
      destination: first === undefined ? '' : destinationUri(first),
      sets: setsListing(input.wiring, record.role),
      weight: record.weight,
      maxSessions: record.maxSessions,
      intent,
      witnessed: disagreementOf(record, told),
      agentHttp: record.agent.http,
    };
  });
}

/** The leader's record may be older than the node's own. */
function disagreementOf(record: NodeRecord, told: Findings): WitnessedRecord | null {
  const found = told.get(record.nodeId);
  return found?.finding === 'disagreed' && record.state === 'up' ? found : null;
}

/** Rows of ours that no znode owns: their nodes fell silent. One node may stand in several sets. Pure. */
export function silentNodes(input: ViewInput): NodeView[] {
  const owned = new Set<string>();
  for (const { record } of input.nodes.values()) {
    // A node that moved keeps its name: its old row is on the way out, the node itself is not silent.
    owned.add(describeRow(record.nodeId));
    for (const endpoint of record.sip) owned.add(destinationUri(endpoint));
  }
  const told = new Map<string, WitnessedRecord>();
  for (const found of findingsOf(input.generation?.witnessed).values()) {
    if (found.finding !== 'disagreed') told.set(describeRow(found.nodeId), found);
  }
  const silent = new Map<string, NodeView>();
  for (const row of input.rows ?? []) {
    const rule = input.wiring.find((r) => r.setid === row.setid);
    if (!isOfZone(row, undefined) || rule === undefined) continue;
    if (owned.has(row.destination) || owned.has(row.description)) continue;
    const witnessed = told.get(row.description) ?? null;
    const nodeId = witnessed?.nodeId ?? row.description.slice(row.description.indexOf(':') + 1);
    silent.set(row.destination, {
      nodeId,
      role: rule.target,
      state: 'silent',
      published: null,
      reason: whySilent(witnessed),
      sinceMs: witnessed?.sinceMs ?? null,
      destination: row.destination,
      sets: setsListing(input.wiring, rule.target),
      weight: null,
      maxSessions: 0,
      intent: input.intents.get(nodeId) ?? null,
      witnessed,
      agentHttp: null,
    });
  }
  return [...silent.values()];
}

function whySilent(witnessed: WitnessedRecord | null): string {
  switch (witnessed?.finding) {
    case 'unsupervised':
      return 'its agent vanished, it answers SIP: row kept, unsupervised';
    case 'silent':
      return 'its agent vanished, it does not answer SIP';
    case 'unasked':
      return 'its agent vanished, the reconciler is asking it';
    case 'disagreed':
    case undefined:
      return 'its znode vanished without a goodbye';
  }
}
