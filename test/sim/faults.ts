import { Random } from './random.js';
import { infrastructureFaults, wentBack } from './faults-infrastructure.js';
import { nodeFaults } from './faults-nodes.js';
import { operatorFaults } from './faults-operators.js';
import { processFaults } from './faults-processes.js';
import type { World } from './world.js';

/** One kind of fault. It ends by itself; what lasts is ended by `healAll`. */
export interface Fault {
  readonly name: string;
  /** How often it is drawn, against the others. */
  readonly weight: number;
  /** Gives what it does, for the trace; null when it does not apply now. */
  readonly strike: (world: World, lots: Random) => string | null;
}

const MIN_FAULTS = 5;
const MAX_FAULTS = 15;
const MIN_DURATION_MS = 30_000;
const MAX_DURATION_MS = 90_000;
/** Of the schedules in which PostgreSQL goes back in time. */
const WENT_BACK_SHARE = 0.2;

const FAULTS: readonly Fault[] = [
  ...processFaults,
  ...infrastructureFaults,
  ...nodeFaults,
  ...operatorFaults,
];

/** Draws the faults of a schedule and lets each strike at its time from now on. */
export function drawFaults(world: World, lots: Random): { durationMs: number; count: number } {
  const count = lots.int(MIN_FAULTS, MAX_FAULTS);
  const durationMs = lots.between(MIN_DURATION_MS, MAX_DURATION_MS);
  // Faults like company: some strike while another is under way.
  const times: number[] = [];
  while (times.length < count) {
    const near =
      times.length > 0 && lots.chance(0.5) ? lots.pick(times) + lots.between(0, 3_000) : null;
    times.push(Math.min(durationMs, near ?? lots.between(0, durationMs)));
  }
  for (const atMs of times) strikeAt(world, atMs, drawOne(lots), lots);
  const own = new Random(world.setup.seed * 7 + 5);
  if (own.chance(WENT_BACK_SHARE)) strikeAt(world, own.between(0, durationMs), wentBack, own);
  return { durationMs, count };
}

function strikeAt(world: World, atMs: number, fault: Fault, lots: Random): void {
  world.scheduler.world(atMs, () => {
    if (world.isHealed) return;
    const what = fault.strike(world, lots);
    if (what !== null) world.trace.note(() => `FAULT ${fault.name}: ${what}`);
  });
}

function drawOne(lots: Random): Fault {
  const total = FAULTS.reduce((sum, { weight }) => sum + weight, 0);
  let left = lots.next() * total;
  for (const fault of FAULTS) {
    left -= fault.weight;
    if (left <= 0) return fault;
  }
  throw new RangeError('no fault to draw');
}

/** Every link, server and process is well from now on, but for what is gone for good. */
export function healAll(world: World): void {
  const { zookeeper, network, postgres, sip } = world;
  world.isHealed = true;
  world.trace.note(() => 'HEAL: everything that may live is well from now on');
  zookeeper.setQuorum(true);
  for (const member of zookeeper.members) {
    zookeeper.setMember(member, true);
    member.lagMs = 0;
    for (const host of [...world.hosts, world.operator]) {
      network.blackhole(host.name, `${member.name}:2181`, false);
      network.lag(host.name, `${member.name}:2181`, 0);
    }
  }
  postgres.slowMs = 0;
  postgres.thaw();
  sip.heal();
  for (const node of world.nodes) {
    node.kamailio?.unresolvable.clear();
    if (node.fate === 'stays') world.startServer(node);
  }
  for (const host of world.hosts) {
    host.triggers = [];
    if (host.actor !== null) world.resume(host.actor);
    world.start(host);
  }
}
