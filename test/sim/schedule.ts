import type { Role } from '../../src/topology/node.js';
import { DEFAULT_BUDGET_LIMITS } from '../../src/topology/guard-budget.js';
import { DEFAULT_DERIVE_LIMITS } from '../../src/topology/desired-rows.js';
import { rowKey } from '../../src/topology/dispatcher-row.js';
import { DEFAULT_WIRING, setsConsumedBy } from '../../src/topology/wiring.js';
import { Host } from './actor.js';
import { useSchedule } from './clock.js';
import { bootReconciler } from './daemons.js';
import { FOREIGN_ROW, whyUnsettled } from './expected.js';
import { drawFaults, healAll } from './faults.js';
import { bootAgent } from './node-agent.js';
import { Random } from './random.js';
import { Trace } from './trace.js';
import type { Setup, SimNode, Violation } from './world.js';
import { World } from './world.js';

export interface ScheduleResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Of the whole run, only with a trace. */
  readonly hash: string;
  readonly lines: readonly string[];
  readonly virtualMs: number;
  readonly steps: number;
  readonly faults: number;
}

export interface ScheduleOptions {
  readonly isTraced?: boolean;
  /** Breaks the world on purpose before it runs: what the invariants are worth. */
  readonly sabotage?: (world: World) => void;
}

const START_BOUND_MS = 30_000;
const LOOK_MS = 1_000;

/** Runs one schedule from its seed. Everything in it follows from the seed and the code. */
export async function runSchedule(
  seed: number,
  options: ScheduleOptions = {},
): Promise<ScheduleResult> {
  const lots = new Random(seed);
  const world = new World(
    drawSetup(seed, lots),
    (nowMs) => new Trace(options.isTraced === true, nowMs),
  );
  useSchedule({ scheduler: world.scheduler, random: new Random(seed * 5 + 3) });
  active = world;
  options.sabotage?.(world);
  build(world, lots);
  await settle(world, START_BOUND_MS, 'the platform comes up');
  const faults = drawFaults(world, lots);
  await world.scheduler.runUntil(world.scheduler.nowMs + faults.durationMs);
  healAll(world);
  const isSettled = await settle(world, convergenceBoundMs(world.setup), 'I4');
  if (isSettled) await stayQuiet(world);
  active = null;
  const { violations, trace, scheduler } = world;
  return {
    seed,
    violations,
    hash: trace.isOn ? trace.hash() : '',
    lines: trace.lines,
    virtualMs: scheduler.nowMs,
    steps: scheduler.steps,
    faults: faults.count,
  };
}

let active: World | null = null;

/** For what escapes every process: unhandled rejections and the like. */
export function reportEscape(err: unknown): void {
  active?.escaped(err, active.scheduler.current);
}

function drawSetup(seed: number, lots: Random): Setup {
  const isShipped = lots.chance(0.1);
  const short = {
    limits: { ...DEFAULT_DERIVE_LIMITS, limboMs: 8_000 },
    budget: { ...DEFAULT_BUDGET_LIMITS, windowMs: 15_000, calmMs: 6_000 },
  };
  const shipped = { limits: DEFAULT_DERIVE_LIMITS, budget: DEFAULT_BUDGET_LIMITS };
  const roles: Partial<Record<Role, number>> = {
    media: lots.int(2, 4),
    dispatcher: lots.int(1, 2),
  };
  if (lots.chance(0.3)) roles['load-balancer'] = 1;
  if (lots.chance(0.3)) roles.registrar = 1;
  return {
    seed,
    zkServers: lots.chance(0.5) ? 3 : 1,
    zkSessionTimeoutMs: lots.chance(0.5) ? 4_000 : 6_000,
    resyncMs: isShipped ? 30_000 : 8_000,
    ...(isShipped ? shipped : short),
    roles,
  };
}

/** A full limbo and the windows of the guards, after the longest way back to the registry. */
function convergenceBoundMs({ limits, budget, resyncMs, zkSessionTimeoutMs }: Setup): number {
  const backMs = 5 * zkSessionTimeoutMs + 15_000;
  return backMs + limits.limboMs + budget.calmMs + 2 * budget.windowMs + 3 * resyncMs + 20_000;
}

function build(world: World, lots: Random): void {
  world.postgres.editByHand((rows) => rows.set(rowKey(FOREIGN_ROW), FOREIGN_ROW));
  for (const name of ['rec1', 'rec2']) {
    const host = new Host(name);
    world.reconcilers.push(host);
    world.boots.set(host, (actor) => bootReconciler(world, actor));
  }
  for (const [role, count] of Object.entries(world.setup.roles)) {
    for (let at = 1; at <= count; at++) {
      addNode(world, role as Role, `${role.slice(0, 2)}${at}`, `10.0.${role.length}.${at}:5060`);
    }
  }
  for (const host of world.hosts) {
    world.scheduler.world(lots.between(0, 500), () => world.start(host));
  }
}

/** Its server runs at once; its agent is to be started. */
export function addNode(world: World, role: Role, nodeId: string, address: string): SimNode {
  const host = new Host(`agent-${nodeId}`);
  const isProxy = role !== 'media';
  const setids = setsConsumedBy(DEFAULT_WIRING, role);
  const kamailio = isProxy ? world.newKamailio(`kamailio-${nodeId}`, setids) : null;
  const destination = `sip:${address}`;
  const node: SimNode = {
    ...{ nodeId, role, address, destination, host, kamailio },
    fate: 'stays',
    instance: 1,
    weight: 100,
  };
  world.nodes.push(node);
  world.boots.set(host, (actor) => bootAgent(world, actor, node));
  kamailio?.start();
  world.sip.set(destination, true);
  return node;
}

async function settle(world: World, boundMs: number, invariant: string): Promise<boolean> {
  const { scheduler } = world;
  const endMs = scheduler.nowMs + boundMs;
  let why = whyUnsettled(world);
  while (why !== null && scheduler.nowMs < endMs) {
    await scheduler.runUntil(scheduler.nowMs + LOOK_MS);
    why = whyUnsettled(world);
  }
  if (why !== null) world.violate(invariant, `not within ${boundMs} ms: ${why}`);
  return why === null;
}

/** With no further change nothing more is written and nothing reloaded, once resyncs have looked at everything. */
async function stayQuiet(world: World): Promise<void> {
  const { scheduler, invariants, setup } = world;
  // The row of a node that is gone for good while an operator wants it out may go or stay.
  const isOpen = world.nodes.some(({ fate }) => fate !== 'stays') && world.hasIntents;
  const openMs = isOpen ? convergenceBoundMs(setup) : 0;
  await scheduler.runUntil(scheduler.nowMs + openMs + 2 * setup.resyncMs + LOOK_MS);
  const before = invariants.writes;
  await scheduler.runUntil(scheduler.nowMs + setup.resyncMs + LOOK_MS);
  const more = invariants.writes - before;
  if (more > 0) world.violate('I5', `${more} writes although nothing changed any more`);
  const why = whyUnsettled(world);
  if (why !== null) world.violate('I5', `settled, and then not: ${why}`);
}
