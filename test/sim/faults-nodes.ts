import type { RegistryNotSentError } from '../../src/util/errors.js';
import { CarnaError } from '../../src/util/errors.js';
import { rowKey } from '../../src/topology/dispatcher-row.js';
import type { Registry } from '../../src/registry/registry.js';
import { setsListing, DEFAULT_WIRING } from '../../src/topology/wiring.js';
import type { Fault } from './faults.js';
import { simRegistry } from './daemons.js';
import type { Random } from './random.js';
import { addNode } from './schedule.js';
import type { SimNode, World } from './world.js';

type Failure = RegistryNotSentError;

const withNode =
  (strike: (world: World, lots: Random, node: SimNode) => string | null): Fault['strike'] =>
  (world, lots) => {
    const nodes = world.nodes.filter(({ fate }) => fate === 'stays');
    return nodes.length === 0 ? null : strike(world, lots, lots.pick(nodes));
  };

const later = (world: World, ms: number, work: () => void): void => {
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

const OPERATOR_TRIES = 20;

/** An operator who tries until it is done; each try with a session of its own. */
function operate(world: World, work: (registry: Registry) => Promise<void>, tries = 0): void {
  const { operator } = world;
  world.kill(operator, 'gives way');
  world.boots.set(operator, (actor) => {
    const registry = simRegistry(world, actor);
    const run = async (): Promise<void> => {
      await registry.whenConnected(3_000);
      await work(registry);
      await registry.close();
    };
    run().then(
      () => world.kill(operator, 'is done'),
      (err: unknown) => {
        if (!(err instanceof CarnaError)) world.escaped(err, actor);
        world.kill(operator, `failed: ${(err as Failure).message}`);
        if (tries < OPERATOR_TRIES) operate(world, work, tries + 1);
      },
    );
  });
  world.start(operator);
}

const intent = withNode((world, lots, node) => {
  const { nodeId } = node;
  const record = {
    ...({ schema: 1, nodeId, want: 'drain', by: 'ann', why: 'test' } as const),
    ...{ since: 1_800_000_000_000, deadline: null, now: false },
  } as const;
  world.truth.intended(nodeId, true);
  operate(world, (registry) => registry.writeIntent(record));
  const ms = lots.between(1_000, 20_000);
  if (lots.chance(0.7)) {
    later(world, ms, () => {
      operate(world, async (registry) => {
        await registry.removeIntent(nodeId);
        world.truth.intended(nodeId, false);
      });
    });
  }
  return nodeId;
});

const override: Fault['strike'] = (world, lots) => {
  const node = lots.pick(world.nodes);
  const [setid] = setsListing(DEFAULT_WIRING, node.role);
  if (setid === undefined) return null;
  world.truth.overridden(setid);
  operate(world, (registry) => {
    const since = Date.now();
    const until = since + 60_000;
    return registry.writeOverride({ schema: 1, setid, by: 'ann', why: 'test', since, until });
  });
  return `set ${setid}`;
};

const handOnList: Fault['strike'] = (world, lots) => {
  const kamailio = lots.pick(world.kamailios);
  if (kamailio.list.length === 0) return null;
  const { setid, destination } = lots.pick(kamailio.list);
  world.invariants.hasHandEdits = true;
  world.truth.trouble(destination);
  kamailio.setState(setid, destination, lots.pick(['DX', 'AX', 'IP']), 'hand');
  return `${kamailio.name} ${destination}`;
};

const handOnTable: Fault['strike'] = (world, lots) => {
  const { postgres } = world;
  const rows = [...postgres.rows.values()].filter(({ description }) => description !== 'by hand');
  if (rows.length === 0) return null;
  const row = lots.pick(rows);
  const isLast = rows.filter(({ setid }) => setid === row.setid).length < 2;
  world.invariants.hasHandEdits = true;
  world.truth.trouble(row.destination);
  // Whoever disables a row by hand has said so.
  const nodeId = row.description.slice('carna:'.length);
  world.truth.intended(nodeId, true);
  world.truth.intended(nodeId, false);
  postgres.editByHand((table) => {
    if (isLast || lots.chance(0.5)) table.set(rowKey(row), { ...row, flags: lots.pick([0, 4, 9]) });
    else table.delete(rowKey(row));
  });
  return rowKey(row);
};

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
  { name: 'intent', weight: 4, strike: intent },
  { name: 'override', weight: 1, strike: override },
  { name: 'list changed by hand', weight: 2, strike: handOnList },
  { name: 'table changed by hand', weight: 2, strike: handOnTable },
];
