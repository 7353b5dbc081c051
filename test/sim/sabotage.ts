import type { Kamailio } from './kamailio.js';
import type { CommitOptions } from '../../src/store/dispatcher-table.js';
import type { World } from './world.js';

/** A world that is broken on purpose, and the invariant that must notice. */
export interface Sabotage {
  readonly invariant: string;
  readonly plant: (world: World) => void;
}

/** Changes each plan that is committed. */
function tamper(world: World, change: (plan: CommitOptions) => CommitOptions): void {
  const { postgres } = world;
  const commit = postgres.commitPlan.bind(postgres);
  postgres.commitPlan = (host, plan) => commit(host, change(plan));
}

/** Once, some time after the start. */
function once(world: World, work: () => void): void {
  world.scheduler.world(20_000, work);
}

/** Takes rows of media nodes out, as if no guard had looked. */
function unguarded(world: World, count: number): void {
  let isDue = false;
  once(world, () => {
    isDue = true;
  });
  tamper(world, (plan) => {
    if (!isDue || plan.changes.length > 0) return plan;
    isDue = false;
    const rows = [...world.postgres.rows.values()].filter(({ setid }) => setid === 30);
    const changes = rows.slice(0, count).map((row) => ({ kind: 'delete', row }) as const);
    return { ...plan, changes, mayEmpty: [30] };
  });
  once(world, () => restartReconcilers(world));
}

function restartReconcilers(world: World): void {
  for (const host of world.reconcilers) world.crash(host, 500);
}

function eachKamailio(world: World, everyMs: number, work: (kamailio: Kamailio) => void): void {
  const tick = (): void => {
    for (const kamailio of world.kamailios) if (kamailio.isRunning) work(kamailio);
    world.scheduler.world(everyMs, tick);
  };
  world.scheduler.world(everyMs, tick);
}

const SOUND = 'a node that answers SIP and was never said down';

/** By name. */
export const SABOTAGES: Readonly<Record<string, Sabotage>> = {
  'no fence in the commit': {
    invariant: 'I3',
    plant: (world) => {
      world.postgres.isFenced = false;
    },
  },
  'a plan that empties a set': { invariant: 'I1', plant: (world) => unguarded(world, 99) },
  'a plan that takes a healthy node out': {
    invariant: `${SOUND} keeps its row`,
    plant: (world) => unguarded(world, 1),
  },
  'a plan that takes too much': {
    invariant: 'the budget of unexplained losses',
    plant: (world) => unguarded(world, 2),
  },
  'an override that works twice': {
    invariant: 'an override works once',
    plant: ({ postgres }) => {
      postgres.usedOverrides.set = () => postgres.usedOverrides;
    },
  },
  'a list that is emptied': {
    invariant: 'I1',
    plant: (world) =>
      once(world, () => {
        for (const kamailio of world.kamailios) {
          const before = kamailio.list;
          kamailio.list = [];
          world.invariants.onList(kamailio, before, 'reload');
        }
      }),
  },
  'a healthy node disabled in every list': {
    invariant: `${SOUND} is in some list`,
    plant: (world) =>
      once(world, () => {
        for (const kamailio of world.kamailios) {
          for (const { setid, destination } of kamailio.list) {
            kamailio.setState(setid, destination, 'DX', 'set_state');
          }
        }
      }),
  },
  'reloads without a gap': {
    invariant: 'I8',
    plant: (world) =>
      eachKamailio(world, 700, (kamailio) => {
        world.invariants.onReload(kamailio);
        kamailio.reloadedAtMs = world.scheduler.nowMs;
      }),
  },
  'a list that somebody always changes': {
    invariant: 'I5',
    plant: (world) =>
      eachKamailio(world, 5_000, (kamailio) => {
        const [first] = kamailio.list;
        if (!world.isHealed || first === undefined) return;
        kamailio.setState(first.setid, first.destination, 'DX', 'hand');
        kamailio.onExited();
        kamailio.onStarted();
      }),
  },
  'no reconciler at all': {
    invariant: 'the platform comes up',
    plant: (world) => {
      world.reconcilers.forEach = () => undefined;
      world.reconcilers.push = () => 0;
    },
  },
  'an agent that stays away': {
    invariant: 'I4',
    plant: (world) =>
      once(world, () => {
        const node = world.nodes.find(({ fate }) => fate === 'stays');
        if (node === undefined) return;
        node.host.mayLive = false;
        world.kill(node.host);
      }),
  },
  'a generation that goes back': {
    invariant: 'the generation znode never goes back',
    plant: (world) =>
      once(world, () => {
        const znode = world.zookeeper.tree.get('/carna/sim/dc1/generation');
        if (znode?.data === undefined || znode.data === null) return;
        const record = JSON.parse(znode.data.toString()) as object;
        const data = Buffer.from(JSON.stringify({ ...record, generation: 0 }));
        const effect = { path: '/carna/sim/dc1/generation', event: 'changed' } as const;
        world.zookeeper.commit(null, () => [{ ...effect, znode: { ...znode, data } }]);
      }),
  },
  'an acknowledgement that lies': {
    invariant: 'an acknowledgement is true',
    plant: (world) => {
      const take = world.invariants.onApplied.bind(world.invariants);
      world.invariants.onApplied = (record) => take({ ...record, generation: 0 });
    },
  },
  'an exception in a timer': {
    invariant: 'no exception escapes',
    plant: (world) =>
      once(world, () => {
        for (const { actor } of world.reconcilers) {
          if (actor === null) continue;
          world.scheduler.act(0, actor, 'timer', () => {
            throw new TypeError('planted');
          });
        }
      }),
  },
  'a rejection that nobody handles': {
    invariant: 'no exception escapes',
    plant: (world) =>
      once(world, () => {
        for (const { actor } of world.reconcilers) {
          if (actor === null) continue;
          world.scheduler.act(0, actor, 'timer', () => void Promise.reject(new Error('planted')));
        }
      }),
  },
};
