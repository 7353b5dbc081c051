import type {
  AppliedRecord,
  GenerationRecord,
  IntentRecord,
  NodeRecord,
} from '../../src/topology/node.js';

/** Valid records for tests; `change` replaces fields. */
export function nodeRecord(change: Partial<NodeRecord> = {}): NodeRecord {
  return {
    schema: 1,
    nodeId: 'media-1',
    instanceId: '4f7c2a10',
    role: 'media',
    kind: 'freeswitch',
    dc: 'fra1',
    sip: [{ transport: 'udp', host: '10.0.0.1', port: 5060 }],
    state: 'up',
    reason: 'all checks pass',
    since: 1_700_000_000_000.25,
    weight: 50,
    maxSessions: 1_000,
    loadClass: 'normal',
    marathon: null,
    agent: { version: '0.1.0', http: '10.0.0.1:8080' },
    trace: {
      id: '0d5a9e2c1c9b',
      cause: 'its checks pass',
      from: 'starting',
      actor: 'agent',
      occurredAtMs: null,
      noticedAtMs: 1_700_000_000_000.5,
      publishedAtMs: 1_700_000_000_001,
    },
    ...change,
  };
}

export function intentRecord(change: Partial<IntentRecord> = {}): IntentRecord {
  return {
    schema: 1,
    nodeId: 'media-1',
    want: 'drain',
    by: 'operator',
    why: 'kernel update',
    since: 1_700_000_000_000,
    deadline: null,
    now: false,
    ...change,
  };
}

export function generationRecord(change: Partial<GenerationRecord> = {}): GenerationRecord {
  return {
    schema: 1,
    generation: 7,
    epoch: 2,
    sets: { '30': 'abc' },
    traces: [{ id: '0d5a9e2c1c9b', generation: 7 }],
    committedAtMs: 1_700_000_000_000,
    ...change,
  };
}

export function appliedRecord(change: Partial<AppliedRecord> = {}): AppliedRecord {
  return {
    schema: 1,
    nodeId: 'dispatcher-1',
    role: 'dispatcher',
    generation: 7,
    sets: { '30': 'abc' },
    provenAtMs: 1_700_000_000_000,
    drift: null,
    ...change,
  };
}
