import type { AgentMetrics } from '../../src/agent/metrics.js';
import type { KamailioRpc } from '../../src/agent/ports.js';
import { systemTimekeeper } from '../../src/agent/timekeeper.js';
import { Applier } from '../../src/agent/applier.js';
import { generationZnode, reconcilerView } from '../../src/reconciler/adapters.js';
import type { ReconcilerDeps, ReconcilerTable } from '../../src/reconciler/ports.js';
import { openReconciler } from '../../src/reconciler/run-reconciler.js';
import { DEFAULT_WITNESS_TIMING } from '../../src/reconciler/witness.js';
import type { Registry } from '../../src/registry/registry.js';
import { openRegistry } from '../../src/registry/registry.js';
import type { Evidence } from '../../src/topology/desired-rows.js';
import { DEFAULT_WIRING, setsNeededBy } from '../../src/topology/wiring.js';
import { systemClock } from '../../src/util/clock.js';
import { Doorbell } from '../../src/util/doorbell.js';
import { wait } from '../../src/util/wait.js';
import type { Actor } from './actor.js';
import { tracingLogger } from './trace.js';
import type { Kamailio } from './kamailio.js';
import type { SimNode, World } from './world.js';

const RETRY = { minMs: 100, maxMs: 2_000 };
const WITNESS_TIMEOUT_MS = 1_000;
/** Of the witness's pings cannot be sent. */
const UNSENT_SHARE = 0.02;
const UNCOUNTED = { inc: () => undefined, set: () => undefined, observe: () => undefined };
const NO_METRICS = new Proxy({}, { get: () => UNCOUNTED }) as AgentMetrics;

/** The registry of a simulated process, over the simulated network. */
export function simRegistry(world: World, actor: Actor): Registry {
  const log = tracingLogger(
    world.trace,
    () => actor.name,
    (message, facts) => {
      // Exceptions that were caught and logged would have been defects all the same.
      if (/listener of/.test(message)) world.escaped((facts as { err: unknown }).err, actor);
    },
  );
  return openRegistry({
    connectString: world.zookeeper.connectString,
    auth: null,
    zkSessionTimeoutMs: world.setup.zkSessionTimeoutMs,
    cluster: 'sim',
    dc: 'dc1',
    log,
    connect: ({ host, port }) => world.network.connect(actor, `${host}:${port}`),
  });
}

/** Lets a daemon's promise end the process, as the real one would. */
export function daemon(world: World, actor: Actor, work: Promise<void>): void {
  work.then(
    () => {
      if (actor.state !== 'dead') world.kill(actor.host, 'ended');
    },
    (err: unknown) => {
      world.escaped(err, actor);
      if (actor.state !== 'dead') world.kill(actor.host, 'ended by an error');
    },
  );
}

function tableOf({ postgres }: World, actor: Actor): ReconcilerTable {
  const { name } = actor.host;
  return {
    takeEpoch: (options) => postgres.call(actor, 'epoch', () => postgres.takeEpoch(options)),
    readTable: () => postgres.call(actor, 'read', () => postgres.readTable()),
    readHead: (max) => postgres.call(actor, 'read', () => postgres.readHead(max)),
    readLosses: (windowMs) => postgres.call(actor, 'read', () => postgres.readLosses(windowMs)),
    readUsedOverrides: () => postgres.call(actor, 'read', () => new Map(postgres.usedOverrides)),
    knownTraces: (ids) => postgres.call(actor, 'read', () => postgres.knownTraces(ids)),
    commitPlan: (plan) => postgres.call(actor, 'commit', () => postgres.commitPlan(name, plan)),
    recordLive: (proof) => postgres.call(actor, 'live', () => postgres.recordLive(proof)),
  };
}

function witnessPing(world: World, actor: Actor): (destination: string) => Promise<Evidence> {
  const { scheduler, sip, random } = world;
  return (destination) =>
    new Promise((resolve) => {
      const reaches = sip.reaches(actor.host.name, destination);
      const isSent = world.isHealed || !random.chance(UNSENT_SHARE);
      const delayMs = !isSent ? 0.1 : reaches ? random.between(0.5, 20) : WITNESS_TIMEOUT_MS;
      const evidence = !isSent ? 'unknown' : reaches ? 'answers' : 'silent';
      scheduler.act(delayMs, actor, 'io', () => resolve(evidence));
    });
}

/** `carna reconciler`. */
export function bootReconciler(world: World, actor: Actor): void {
  const { setup } = world;
  const registry = simRegistry(world, actor);
  const all = registry.watchAll();
  const stop = new AbortController();
  let passes = 0;
  const deps: ReconcilerDeps = {
    dc: 'dc1',
    holder: actor.name,
    wiring: DEFAULT_WIRING,
    limits: setup.limits,
    budget: setup.budget,
    timing: {
      quietMs: 100,
      resyncMs: setup.resyncMs,
      retry: RETRY,
      settleMs: setup.zkSessionTimeoutMs,
    },
    view: reconcilerView(all),
    remotes: [],
    table: tableOf(world, actor),
    generation: generationZnode(registry, all),
    overrides: { remove: (word) => registry.removeOverride(word) },
    clock: systemClock,
    random: Math.random,
    newPassId: () => `${actor.name}-${passes++}`,
    bell: new Doorbell(),
    witness: {
      ping: witnessPing(world, actor),
      timing: DEFAULT_WITNESS_TIMING,
      bell: new Doorbell(),
    },
    wait,
    log: tracingLogger(
      world.trace,
      () => actor.name,
      () => undefined,
    ),
  };
  const reconciler = openReconciler(deps);
  world.terminations.set(actor, () => stop.abort());
  const run = async (): Promise<void> => {
    const { name } = actor.host;
    await registry.runForLeader(name, (term) => reconciler.lead(term), stop.signal);
    reconciler.close();
    await registry.close();
  };
  daemon(world, actor, run());
}

/** The applier beside a Kamailio, inside the agent's process. */
export function bootApplier(
  world: World,
  actor: Actor,
  registry: Registry,
  node: SimNode,
  kamailio: Kamailio,
): { readonly applier: Applier; readonly stop: () => void } {
  const { postgres, scheduler, setup } = world;
  const view = registry.watchForAgent(node.nodeId);
  const publication = registry.publishApplied(node.nodeId);
  const stop = new AbortController();
  const applier = new Applier({
    nodeId: node.nodeId,
    role: node.role,
    setids: kamailio.deps.setids,
    needed: setsNeededBy(DEFAULT_WIRING, node.role),
    table: {
      readTable: (setids) => postgres.call(actor, 'read', () => postgres.readTable(setids)),
    },
    rpc: watched(world, actor, kamailio),
    view: {
      generation: () => view.generation().record,
      isFresh: () => view.isFresh(),
      subscribe: (listener) => view.subscribe(listener),
    },
    publication: {
      set: (record) => {
        if (record !== null) world.invariants.onApplied(record);
        publication.set(record);
      },
      settled: (timeoutMs) => publication.settled(timeoutMs),
    },
    time: systemTimekeeper,
    timing: { resyncMs: setup.resyncMs, reloadGapMs: 1_000, retry: { minMs: 200, maxMs: 5_000 } },
    metrics: NO_METRICS,
    log: tracingLogger(
      world.trace,
      () => actor.name,
      () => undefined,
    ),
  });
  kamailio.onStarted = () => void scheduler.act(0.1, actor, 'io', () => applier.serverStarted());
  kamailio.onExited = () => void scheduler.act(0.1, actor, 'io', () => applier.serverExited());
  if (kamailio.isRunning) applier.serverStarted();
  applier.run(stop.signal).catch((err: unknown) => world.escaped(err, actor));
  return { applier, stop: () => stop.abort() };
}

function watched(world: World, actor: Actor, kamailio: Kamailio): KamailioRpc {
  const rpc = kamailio.rpcFor(actor);
  let askedMs = Number.NEGATIVE_INFINITY;
  return {
    ...rpc,
    setDispatcherState: (state, setid, destination) => {
      world.invariants.writes += 1;
      return rpc.setDispatcherState(state, setid, destination);
    },
    reloadDispatcher: () => {
      world.invariants.writes += 1;
      world.invariants.onReloadAsked(actor, world.scheduler.nowMs - askedMs);
      askedMs = world.scheduler.nowMs;
      return rpc.reloadDispatcher();
    },
  };
}
