import type { NodeRecord } from '../../topology/node.js';

/** A media node that only exists as a record, number `n` of many; no call is ever sent to its address. */
export function syntheticNode(n: number): NodeRecord {
  const nodeId = `bench-media-${n}`;
  const host = `127.${60 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
  return {
    schema: 1,
    nodeId,
    instanceId: `instance-${n}`,
    role: 'media',
    kind: 'freeswitch',
    dc: 'dc1',
    sip: [{ transport: 'udp', host, port: 5060 }],
    state: 'up',
    reason: 'made for a measurement',
    since: 0,
    weight: 100,
    maxSessions: 0,
    loadClass: 'normal',
    marathon: null,
    agent: { version: '0.0.0', http: null },
    trace: {
      id: `bench-trace-${n}`,
      cause: 'made for a measurement',
      from: 'gone',
      actor: 'bench',
      occurredAtMs: null,
      noticedAtMs: 0,
      publishedAtMs: 0,
    },
  };
}
