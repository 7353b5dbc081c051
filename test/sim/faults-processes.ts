import type { EffectPhase, Host } from './actor.js';
import type { Fault } from './faults.js';
import type { Random } from './random.js';
import type { World } from './world.js';

/** Somebody whose process runs; the leader and its standby more often than others. */
export function anyHost(world: World, lots: Random): Host | null {
  const all = lots.chance(0.5) ? world.reconcilers : world.hosts;
  const running = all.filter((host) => host.actor !== null && host.mayLive);
  return running.length === 0 ? null : lots.pick(running);
}

const EFFECTS = ['', 'zk:', 'zk:create', 'zk:setData', 'pg:', 'pg:commit', 'kamailio:'] as const;

/** Waits for one of the next side effects of a host. */
function atEffect(lots: Random, host: Host, fire: (world: World) => void, world: World): string {
  const prefix = lots.pick(EFFECTS);
  const phase: EffectPhase = lots.chance(0.5) ? 'before' : 'after';
  const countdown = lots.int(1, 4);
  host.triggers.push({ phase, prefix, countdown, fire: () => fire(world) });
  return `${host.name} ${phase} its ${countdown}. ${prefix === '' ? 'side effect' : prefix}`;
}

const withHost =
  (strike: (world: World, lots: Random, host: Host) => string | null): Fault['strike'] =>
  (world, lots) => {
    const host = anyHost(world, lots);
    return host === null ? null : strike(world, lots, host);
  };

const crash = withHost((world, lots, host) => {
  world.crash(host, lots.between(200, 15_000));
  return host.name;
});

const crashAtEffect = withHost((world, lots, host) => {
  const restartMs = lots.between(200, 15_000);
  return atEffect(lots, host, () => world.crash(host, restartMs), world);
});

const pause = withHost((world, lots, host) => {
  world.pause(host, lots.between(500, 15_000));
  return host.name;
});

/** Between its read and its commit a leader stands still for longer than its session lives. */
const pauseAtCommit: Fault['strike'] = (world, lots) => {
  const ms = lots.between(1_000, 18_000);
  for (const host of world.reconcilers) {
    const fire = (): void => world.pause(host, ms);
    host.triggers.push({ phase: 'before', prefix: 'pg:commit', countdown: 1, fire });
  }
  return `whoever leads, for ${Math.round(ms)} ms`;
};

const pauseAtEffect = withHost((world, lots, host) => {
  const ms = lots.between(500, 15_000);
  return atEffect(lots, host, () => world.pause(host, ms), world);
});

const stop = withHost((world, lots, host) => {
  const { actor } = host;
  if (actor === null || !world.reconcilers.includes(host)) return null;
  const restartMs = lots.between(500, 10_000);
  world.scheduler.act(0, actor, 'io', () => world.terminations.get(actor)?.());
  world.scheduler.world(restartMs, () => world.start(host));
  world.scheduler.world(restartMs + 10_000, () => world.start(host));
  return host.name;
});

const restartAll: Fault['strike'] = (world, lots) => {
  const isAgents = lots.chance(0.5);
  const hosts = isAgents ? world.nodes.map(({ host }) => host) : world.reconcilers;
  for (const host of hosts) if (host.actor !== null) world.crash(host, lots.between(200, 12_000));
  return isAgents ? 'all agents' : 'all reconcilers';
};

const stepClock = withHost((_, lots, host) => {
  const ms = lots.between(-1, 1) * lots.pick([2_000, 60_000, 3_600_000]);
  host.clockOffsetMs += Math.round(ms);
  return `${host.name} by ${Math.round(ms)} ms`;
});

const expire = withHost((world, _, host) => {
  const { zookeeper } = world;
  const own = [...zookeeper.sessions.values()].find((session) => session.host === host.name);
  if (own === undefined) return null;
  zookeeper.endSession(own, 'expired');
  return host.name;
});

const expireAtEffect = withHost((world, lots, host) =>
  atEffect(
    lots,
    host,
    ({ zookeeper }) => {
      for (const session of [...zookeeper.sessions.values()]) {
        if (session.host === host.name) zookeeper.endSession(session, 'expired');
      }
    },
    world,
  ),
);

const loseAtEffect = withHost((world, lots, host) => {
  const cut = ({ network, postgres }: World): void => {
    network.cut((wire) => wire.actor.host === host);
    postgres.loseAnswer(host.name);
  };
  return atEffect(lots, host, cut, world);
});

export const processFaults: readonly Fault[] = [
  { name: 'crash', weight: 5, strike: crash },
  { name: 'crash at a side effect', weight: 8, strike: crashAtEffect },
  { name: 'pause', weight: 5, strike: pause },
  { name: 'pause between read and commit', weight: 4, strike: pauseAtCommit },
  { name: 'pause at a side effect', weight: 4, strike: pauseAtEffect },
  { name: 'SIGTERM', weight: 2, strike: stop },
  { name: 'restart of all', weight: 2, strike: restartAll },
  { name: 'clock step', weight: 3, strike: stepClock },
  { name: 'session expiry', weight: 3, strike: expire },
  { name: 'session expiry at a side effect', weight: 3, strike: expireAtEffect },
  { name: 'answer lost at a side effect', weight: 6, strike: loseAtEffect },
];
