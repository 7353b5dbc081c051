import assert from 'node:assert/strict';
import { dcPaths } from '../../../src/registry/paths.js';
import { NodePublication } from '../../../src/registry/record-publication.js';
import { EphemeralPublication } from '../../../src/registry/publish.js';
import type { ZkSession } from '../../../src/registry/session.js';
import { AgentView } from '../../../src/registry/views.js';
import { nodeRecord } from '../../registry/records.js';
import type { FaultPair, FaultProxy } from '../../support/fault-proxy.js';
import { ZkFrames, isNotice, operationOf } from '../../support/zk-frames.js';
import { atEnd, connected, quiet } from './lab.js';

/** Counts what passes through a proxy. */
export function counting(proxy: FaultProxy): {
  requests: number;
  notices: number;
  operations: number[];
} {
  const counts = { requests: 0, notices: 0, operations: [] as number[] };
  const asked = new WeakMap<FaultPair, ZkFrames>();
  const answered = new WeakMap<FaultPair, ZkFrames>();
  const framesOf = (of: WeakMap<FaultPair, ZkFrames>, pair: FaultPair): ZkFrames => {
    const known = of.get(pair) ?? new ZkFrames();
    of.set(pair, known);
    return known;
  };
  proxy.onClientBytes = (bytes, pair) => {
    for (const frame of framesOf(asked, pair).push(bytes)) {
      const operation = operationOf(frame);
      if (operation === null) continue;
      counts.requests += 1;
      counts.operations.push(operation);
    }
    return undefined;
  };
  proxy.onServerBytes = (bytes, pair) => {
    counts.notices += framesOf(answered, pair).push(bytes).filter(isNotice).length;
    return undefined;
  };
  return counts;
}

export interface HerdAgent {
  readonly session: ZkSession;
  readonly view: AgentView;
  readonly node: NodePublication;
  readonly nodeId: string;
}

/** Sessions with all that an agent asks of the registry. */
export async function startAgents(
  count: number,
  address: string,
  dc: string,
): Promise<HerdAgent[]> {
  const paths = dcPaths('herd', dc);
  const agents: HerdAgent[] = [];
  const start = async (at: number): Promise<void> => {
    const { session } = await connected(address, { zkSessionTimeoutMs: 10_000 });
    const nodeId = `m-${at}`;
    const restore = async (): Promise<void> => assert.fail('no intent is lost here');
    const view = new AgentView(session, paths, nodeId, { log: quiet, restore });
    atEnd(() => view.close());
    const options = { parentPath: paths.nodes, id: nodeId, log: quiet, verifyMs: 600_000 };
    const node = new NodePublication(new EphemeralPublication(session, options));
    node.set(recordOf(nodeId, 'up'));
    assert.equal(await node.settled(20_000), true);
    await view.whenFresh(20_000);
    agents.push({ session, view, node, nodeId });
  };
  for (let from = 0; from < count; from += 20) {
    await Promise.all(
      Array.from({ length: Math.min(20, count - from) }, (_, at) => start(from + at)),
    );
  }
  return agents;
}

export function recordOf(nodeId: string, state: 'up' | 'draining'): ReturnType<typeof nodeRecord> {
  return nodeRecord({ nodeId, dc: 'fra1', state, since: Date.now() });
}
