import type { NodeRecord, NodeState } from '../../src/topology/node.js';

/** A server on the bus: a registrar that is up at 10.0.0.1, unless told otherwise. */
export function record(
  nodeId: string,
  more: {
    readonly host?: string;
    readonly role?: NodeRecord['role'];
    readonly dc?: string;
    readonly state?: NodeState;
  },
): NodeRecord {
  const { host = '10.0.0.1', role = 'registrar', dc = 'dc1', state = 'up' } = more;
  return {
    schema: 1,
    nodeId,
    instanceId: 'life-1',
    role,
    kind: 'kamailio',
    dc,
    sip: [{ transport: 'udp', host, port: 5060 }],
    state,
    reason: '',
    since: 0,
    weight: 100,
    maxSessions: 0,
    loadClass: 'normal',
    marathon: null,
    agent: { version: '0', http: null },
    trace: {
      id: 'trace-00',
      cause: '',
      from: 'gone',
      actor: 'agent',
      occurredAtMs: null,
      noticedAtMs: 0,
      publishedAtMs: 0,
    },
  };
}
