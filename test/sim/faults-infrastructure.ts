import type { Fault } from './faults.js';
import { anyHost } from './faults-processes.js';
import type { Random } from './random.js';
import type { World } from './world.js';

const FEW_MS = [300, 12_000] as const;
const MAX_LOST_COMMITS = 5;

/** How long it lasts: short ones and long ones are equally frequent. */
function lasting(lots: Random): number {
  const [min, max] = FEW_MS;
  return min * (max / min) ** lots.next();
}

function later(world: World, ms: number, end: () => void): void {
  world.scheduler.world(ms, () => {
    if (!world.isHealed) end();
  });
}

const cutConnection: Fault['strike'] = (world, lots) => {
  const host = anyHost(world, lots);
  if (host === null) return null;
  world.network.cut((wire) => wire.actor.host === host);
  return host.name;
};

const cutMidReply: Fault['strike'] = (world, lots) => {
  const host = anyHost(world, lots);
  if (host === null) return null;
  for (const wire of [...world.network.wires]) {
    if (wire.actor.host === host) wire.reset('ECONNRESET', Buffer.from([0, 0, 0, 40, 0, 0]));
  }
  return host.name;
};

const blackhole: Fault['strike'] = (world, lots) => {
  const host = anyHost(world, lots);
  if (host === null) return null;
  const { members } = world.zookeeper;
  const chosen = lots.chance(0.5) ? members : [lots.pick(members)];
  const ms = lasting(lots);
  for (const { name } of chosen) world.network.blackhole(host.name, `${name}:2181`, true);
  later(world, ms, () => {
    for (const { name } of chosen) world.network.blackhole(host.name, `${name}:2181`, false);
  });
  return `${host.name} to ${chosen.map(({ name }) => name).join(', ')} for ${Math.round(ms)} ms`;
};

const delay: Fault['strike'] = (world, lots) => {
  const host = anyHost(world, lots);
  if (host === null) return null;
  const lagMs = lots.pick([100, 500, 2_000, 3_500]) * lots.next();
  const { members } = world.zookeeper;
  const ms = lasting(lots);
  for (const { name } of members) world.network.lag(host.name, `${name}:2181`, lagMs);
  later(world, ms, () => {
    for (const { name } of members) world.network.lag(host.name, `${name}:2181`, 0);
  });
  return `${host.name} hears everything ${Math.round(lagMs)} ms late for ${Math.round(ms)} ms`;
};

const memberDown: Fault['strike'] = (world, lots) => {
  const { zookeeper } = world;
  const member = lots.pick(zookeeper.members);
  if (!member.isUp || zookeeper.members.length === 1) return null;
  if (zookeeper.members.some(({ isUp }) => !isUp)) return null;
  const ms = lasting(lots);
  zookeeper.setMember(member, false);
  later(world, ms, () => zookeeper.setMember(member, true));
  return `${member.name} for ${Math.round(ms)} ms`;
};

const quorumLost: Fault['strike'] = (world, lots) => {
  const ms = lasting(lots) * 1.5;
  world.zookeeper.setQuorum(false);
  later(world, ms, () => world.zookeeper.setQuorum(true));
  return `for ${Math.round(ms)} ms`;
};

const wipe: Fault['strike'] = (world, lots) => {
  const { zookeeper } = world;
  const ms = lots.between(300, 4_000);
  zookeeper.setQuorum(false);
  zookeeper.wipe();
  world.scheduler.world(ms, () => zookeeper.setQuorum(true));
  return `away for ${Math.round(ms)} ms`;
};

const stale: Fault['strike'] = (world, lots) => {
  const { zookeeper } = world;
  const member = lots.pick(zookeeper.members);
  const ms = lasting(lots);
  member.lagMs = lots.between(50, 3_000);
  later(world, ms, () => {
    member.lagMs = 0;
  });
  return `${member.name} is ${Math.round(member.lagMs)} ms behind for ${Math.round(ms)} ms`;
};

const databaseAway =
  (mode: 'refusing' | 'frozen'): Fault['strike'] =>
  (world, lots) => {
    const { postgres } = world;
    if (postgres.mode !== 'up') return null;
    const ms = lasting(lots);
    postgres.mode = mode;
    later(world, ms, () => postgres.thaw());
    return `for ${Math.round(ms)} ms`;
  };

const databaseSlow: Fault['strike'] = (world, lots) => {
  const { postgres } = world;
  postgres.slowMs = lots.pick([50, 400, 2_500, 6_000]) * lots.next();
  const ms = lasting(lots);
  later(world, ms, () => {
    postgres.slowMs = 0;
  });
  return `${Math.round(postgres.slowMs)} ms more for ${Math.round(ms)} ms`;
};

const databaseBack: Fault['strike'] = ({ postgres, invariants, truth }, lots) => {
  const { rows, usedOverrides: used } = postgres;
  const commits = lots.int(1, MAX_LOST_COMMITS);
  const sinceMs = postgres.goBack(commits);
  if (sinceMs === null) return null;
  invariants.onWentBack(sinceMs, rows);
  for (const [setid, since] of used) {
    if (postgres.usedOverrides.get(setid) !== since) truth.overridden({ setid, since });
  }
  return `it lacks the last ${commits}, epoch ${postgres.epoch} generation ${postgres.generation}`;
};

/** Joins the others in some schedules, with lots of its own: the seeds' other faults are what they were. */
export const wentBack: Fault = {
  name: 'PostgreSQL promoted without the last commits',
  weight: 0,
  strike: databaseBack,
};

export const infrastructureFaults: readonly Fault[] = [
  { name: 'ZooKeeper connection cut', weight: 5, strike: cutConnection },
  { name: 'ZooKeeper connection cut in a reply', weight: 2, strike: cutMidReply },
  { name: 'ZooKeeper black hole', weight: 5, strike: blackhole },
  { name: 'ZooKeeper late', weight: 3, strike: delay },
  { name: 'ZooKeeper server down', weight: 4, strike: memberDown },
  { name: 'ZooKeeper without quorum', weight: 4, strike: quorumLost },
  { name: 'ZooKeeper wiped', weight: 2, strike: wipe },
  { name: 'ZooKeeper server stale', weight: 4, strike: stale },
  { name: 'PostgreSQL refusing', weight: 3, strike: databaseAway('refusing') },
  { name: 'PostgreSQL frozen', weight: 3, strike: databaseAway('frozen') },
  { name: 'PostgreSQL slow', weight: 3, strike: databaseSlow },
];
