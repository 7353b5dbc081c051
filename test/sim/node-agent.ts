import type { NodeRecord, NodeState } from '../../src/topology/node.js';
import { wait } from '../../src/util/wait.js';
import type { Actor } from './actor.js';
import { bootApplier, daemon, simRegistry } from './daemons.js';
import type { SimNode, World } from './world.js';

const CHECK_MS = 500;
const FALL = 2;
const SETTLE_MS = 2_000;
const DRAIN_MS = 1_500;

/**
 * The agent beside a SIP server, reduced to what others see of it: it asks its server, publishes what it
 * finds, applies the table where the server is a Kamailio, and says goodbye when told to end.
 */
export function bootAgent(world: World, actor: Actor, node: SimNode): void {
  const registry = simRegistry(world, actor);
  const publication = registry.publishNode(node.nodeId);
  const beside =
    node.kamailio === null ? null : bootApplier(world, actor, registry, node, node.kamailio);
  const stop = new AbortController();
  world.terminations.set(actor, () => stop.abort());
  // A task that ends while it is being replaced takes its server along.
  actor.onDeath.add(() => {
    if (node.fate === 'left') world.stopServer(node);
  });
  let state: NodeState | null = null;
  let since = 0;
  let changes = 0;
  let failures = 0;
  let instance = -1;
  let weight = 100;

  const say = (next: NodeState, cause: string): void => {
    const from = state ?? 'gone';
    const isSame = instance === node.instance && weight === node.weight;
    if (state === next && isSame) return;
    instance = node.instance;
    weight = node.weight;
    state = next;
    since = Date.now();
    changes += 1;
    world.truth.said(node.nodeId, next);
    world.trace.note(() => `${actor.name} says ${next} (${cause})`);
    const id = `${actor.name}-${changes}`.padEnd(8, '-');
    const times = { occurredAtMs: null, noticedAtMs: since, publishedAtMs: since };
    publication.set({
      ...recordOf(node, next, cause, since),
      trace: { id, cause, from, actor: 'agent', ...times },
    });
  };

  const check = (): void => {
    const isUp = world.sip.answers(node.destination);
    failures = isUp ? 0 : failures + 1;
    const isProven = beside === null || beside.applier.isProven || state === 'up';
    if (isUp && isProven) say('up', 'it answers');
    else if (state !== null && failures >= FALL) say('down', 'it does not answer');
  };

  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      check();
      await wait(CHECK_MS, stop.signal);
    }
    if (state !== null) say('draining', 'told to end');
    await publication.settled(SETTLE_MS);
    await wait(DRAIN_MS);
    if (state !== null) say('down', 'drained');
    await publication.settled(SETTLE_MS);
    beside?.stop();
    await publication.close();
    await registry.close();
  };
  daemon(world, actor, run());
}

function recordOf(
  node: SimNode,
  state: NodeState,
  reason: string,
  since: number,
): Omit<NodeRecord, 'trace'> {
  const [host = '', port = ''] = node.address.split(':');
  return {
    schema: 1,
    nodeId: node.nodeId,
    instanceId: `${node.nodeId}-${node.instance}`,
    role: node.role,
    kind: node.kamailio === null ? 'freeswitch' : 'kamailio',
    dc: 'dc1',
    sip: [{ transport: 'udp', host, port: Number(port) }],
    state,
    reason,
    since,
    weight: node.weight,
    maxSessions: 0,
    loadClass: 'normal',
    marathon: null,
    agent: { version: '0', http: null },
  };
}
