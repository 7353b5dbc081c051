import { DEFAULT_BUDGET_LIMITS } from '../../src/topology/guard-budget.js';
import type { DeriveInput, LiveNode } from '../../src/topology/desired-rows.js';
import { DEFAULT_DERIVE_LIMITS } from '../../src/topology/desired-rows.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { describeRow } from '../../src/topology/dispatcher-row.js';
import type { IntentRecord, NodeRecord } from '../../src/topology/node.js';
import { DEFAULT_WIRING } from '../../src/topology/wiring.js';

export const NOW_MS = 10_000_000;

/** A media node that is up, unless told otherwise. */
export function record(nodeId: string, part: Partial<NodeRecord> = {}): NodeRecord {
  return {
    schema: 1,
    nodeId,
    instanceId: `i-${nodeId}`,
    role: 'media',
    kind: 'freeswitch',
    dc: 'dc1',
    sip: [{ transport: 'udp', host: `${nodeId}.test`, port: 5060 }],
    state: 'up',
    reason: '',
    since: NOW_MS - 1_000,
    weight: 100,
    maxSessions: 0,
    loadClass: 'normal',
    marathon: null,
    agent: { version: '0', http: null },
    trace: {
      id: `trace-${nodeId}-${part.state ?? 'up'}`,
      cause: 'test',
      from: 'starting',
      actor: 'agent',
      occurredAtMs: null,
      noticedAtMs: 1,
      publishedAtMs: 2,
    },
    ...part,
  };
}

export function rowOf(nodeId: string, flags = 8, part: Partial<DispatcherRow> = {}): DispatcherRow {
  return {
    setid: 30,
    destination: `sip:${nodeId}.test:5060`,
    flags,
    priority: 0,
    attrs: '',
    description: describeRow(nodeId),
    ...part,
  };
}

export function intentFor(nodeId: string): IntentRecord {
  return {
    schema: 1,
    nodeId,
    want: 'drain',
    by: 'ann',
    why: 'kernel update',
    since: 5_000,
    deadline: null,
    now: false,
  };
}

export function liveNodes(...records: readonly NodeRecord[]): Map<string, LiveNode> {
  return new Map(records.map((r) => [r.nodeId, { record: r }] as const));
}

/** The last records of nodes whose znode vanished. */
export function known(...records: readonly NodeRecord[]): Map<string, NodeRecord> {
  return new Map(records.map((r) => [r.nodeId, r] as const));
}

export function derivation(part: Partial<DeriveInput> = {}): DeriveInput {
  return {
    nodes: new Map(),
    intents: new Map(),
    wiring: DEFAULT_WIRING,
    previous: [],
    remembered: new Map(),
    evidence: new Map(),
    isSettled: true,
    nowMs: NOW_MS,
    limits: DEFAULT_DERIVE_LIMITS,
    ...part,
  };
}

/** A calm view and nothing spent, for plans whose guards are not the matter. */
export const UNGUARDED = {
  heldSince: new Map<number, number>(),
  spent: new Map<number, readonly number[]>(),
  freshForMs: Number.POSITIVE_INFINITY,
  budget: DEFAULT_BUDGET_LIMITS,
  overrides: new Map<number, never>(),
};
