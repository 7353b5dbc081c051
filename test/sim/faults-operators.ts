import { rowKey } from '../../src/topology/dispatcher-row.js';
import type { Registry } from '../../src/registry/registry.js';
import { setsListing, DEFAULT_WIRING } from '../../src/topology/wiring.js';
import { CarnaError } from '../../src/util/errors.js';
import type { RegistryNotSentError } from '../../src/util/errors.js';
import { WALL_BASE_MS } from './clock.js';
import { simRegistry } from './daemons.js';
import type { Fault } from './faults.js';
import { later, withNode } from './faults-nodes.js';
import type { World } from './world.js';

type Failure = RegistryNotSentError;

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
  say(world, setid);
  return `set ${setid}`;
};

function say(world: World, setid: number): void {
  const since = WALL_BASE_MS + Math.round(world.scheduler.nowMs);
  const until = since + 60_000;
  const word = { schema: 1, setid, by: 'ann', why: 'test', since, until } as const;
  world.truth.overridden(word);
  operate(world, (registry) => registry.writeOverride(word));
}

/**
 * All of a role are lost for a while, and then once more. An operator lets the first loss through; whoever
 * makes that commit dies of it, and the word still stands when the second wave comes.
 */
const believed: Fault['strike'] = (world, lots) => {
  const { role } = lots.pick(world.nodes);
  const [setid] = setsListing(DEFAULT_WIRING, role);
  if (setid === undefined) return null;
  const lose = (): void => {
    const ms = lots.between(15_000, 25_000);
    for (const node of world.nodes) {
      if (node.role !== role || node.fate !== 'stays') continue;
      world.stopServer(node);
      world.crash(node.host, ms);
      later(world, ms, () => world.startServer(node));
    }
  };
  lose();
  later(world, lots.between(8_000, 15_000), () => {
    say(world, setid);
    for (const host of world.reconcilers) {
      const fire = (): void => world.crash(host, lots.between(200, 5_000));
      host.triggers.push({ phase: 'after', prefix: 'pg:commit', countdown: 1, fire });
    }
  });
  later(world, lots.between(30_000, 45_000), lose);
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

export const operatorFaults: readonly Fault[] = [
  { name: 'intent', weight: 4, strike: intent },
  { name: 'override', weight: 1, strike: override },
  { name: 'outage that is believed', weight: 2, strike: believed },
  { name: 'list changed by hand', weight: 2, strike: handOnList },
  { name: 'table changed by hand', weight: 2, strike: handOnTable },
];
