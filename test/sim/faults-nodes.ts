import type { Fault } from './faults.js';
import type { Random } from './random.js';
import { addNode } from './schedule.js';
import type { SimNode, World } from './world.js';

export const withNode =
  (strike: (world: World, lots: Random, node: SimNode) => string | null): Fault['strike'] =>
  (world, lots) => {
    const nodes = world.nodes.filter(({ fate }) => fate === 'stays');
    return nodes.length === 0 ? null : strike(world, lots, lots.pick(nodes));
  };

export const later = (world: World, ms: number, work: () => void): void => {
  world.scheduler.world(ms, () => {
    if (!world.isHealed) work();
  });
};

const serverDies = withNode((world, lots, node) => {
  const ms = lots.between(500, 15_000);
  world.stopServer(node);
  later(world, ms, () => world.startServer(node));
  return `${node.nodeId} for ${Math.round(ms)} ms`;
});

const hostLost = withNode((world, lots, node) => {
  const ms = lots.between(500, 25_000);
  world.stopServer(node);
  world.crash(node.host, ms);
  later(world, ms, () => world.startServer(node));
  return `${node.nodeId} for ${Math.round(ms)} ms`;
});

/** A reload is due for each, and not one a second may be more than one. */
const weightChanges = withNode((world, lots, node) => {
  const changes = lots.int(1, 6);
  for (let at = 0; at < changes; at++) {
    later(world, at * lots.between(0, 1_500), () => {
      node.weight = lots.int(10, 99);
    });
  }
  return `${node.nodeId}, ${changes} times`;
});

/** At most one for good: what is left must be able to settle. */
function mayGoForGood(world: World, node: SimNode): boolean {
  const others = world.nodes.filter(
    ({ fate, role, nodeId }) => fate === 'stays' && role === node.role && nodeId !== node.nodeId,
  );
  return others.length >= 2 && world.nodes.every(({ fate }) => fate === 'stays' || fate === 'left');
}

const lostForGood = withNode((world, _, node) => {
  if (!mayGoForGood(world, node)) return null;
  node.fate = 'lost';
  node.host.mayLive = false;
  world.kill(node.host, 'is lost with its host');
  world.stopServer(node);
  return node.nodeId;
});

const orphaned = withNode((world, _, node) => {
  if (!mayGoForGood(world, node) || !world.sip.answers(node.destination)) return null;
  node.fate = 'orphan';
  node.host.mayLive = false;
  world.kill(node.host, 'is lost, its server lives');
  return node.nodeId;
});

const replaced = withNode((world, lots, node) => {
  const { actor } = node.host;
  if (actor?.state !== 'running' || node.kamailio !== null) return null;
  node.fate = 'left';
  node.host.mayLive = false;
  world.scheduler.act(0, actor, 'io', () => world.terminations.get(actor)?.());
  const ms = lots.between(0, 8_000);
  world.replacements += 1;
  const { replacements } = world;
  const nodeId = `${node.nodeId}.${replacements}`;
  const [ip = ''] = node.address.split(':');
  const address = `${ip}:${5_060 + replacements}`;
  world.scheduler.world(ms, () => {
    const next = addNode(world, node.role, nodeId, address);
    world.start(next.host);
  });
  return `${node.nodeId} by ${nodeId} in ${Math.round(ms)} ms`;
});

const kamailioRestarts: Fault['strike'] = (world, lots) => {
  const proxies = world.nodes.filter(({ kamailio, fate }) => kamailio !== null && fate === 'stays');
  const node = lots.pick(proxies);
  world.stopServer(node);
  later(world, lots.between(100, 3_000), () => world.startServer(node));
  return node.nodeId;
};

const reloadFails: Fault['strike'] = (world, lots) => {
  const kamailio = lots.pick(world.kamailios);
  kamailio.failsNext = true;
  lots.pick(world.nodes).weight = lots.int(10, 99);
  return kamailio.name;
};

const unresolvable = withNode((world, lots, node) => {
  const ms = lots.between(500, 12_000);
  lots.pick(world.nodes).weight = lots.int(10, 99);
  for (const kamailio of world.kamailios) kamailio.unresolvable.add(node.destination);
  world.truth.trouble(node.destination);
  later(world, ms, () => {
    world.truth.trouble(node.destination);
    for (const kamailio of world.kamailios) kamailio.unresolvable.delete(node.destination);
  });
  return `${node.destination} for ${Math.round(ms)} ms`;
});

const sipCut = withNode((world, lots, node) => {
  const from = [...world.reconcilers, ...world.kamailios].map(({ name }) => name);
  const who = lots.pick(from);
  const to = lots.chance(0.3) ? '*' : node.destination;
  const ms = lots.between(500, 15_000);
  world.sip.cut(who, to, true);
  later(world, ms, () => world.sip.cut(who, to, false));
  return `${who} from ${to} for ${Math.round(ms)} ms`;
});

export const nodeFaults: readonly Fault[] = [
  { name: 'server dies', weight: 5, strike: serverDies },
  { name: 'host lost', weight: 4, strike: hostLost },
  { name: 'weight changes', weight: 8, strike: weightChanges },
  { name: 'host lost for good', weight: 3, strike: lostForGood },
  { name: 'agent lost for good', weight: 2, strike: orphaned },
  { name: 'node replaced', weight: 4, strike: replaced },
  { name: 'Kamailio restarted', weight: 4, strike: kamailioRestarts },
  { name: 'reload fails', weight: 2, strike: reloadFails },
  { name: 'destination unresolvable', weight: 2, strike: unresolvable },
  { name: 'SIP cut', weight: 4, strike: sipCut },
];
