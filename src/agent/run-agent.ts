import type { Logger } from 'pino';
import type { NodeRecord } from '../topology/node.js';
import { placesOf } from '../topology/places.js';
import type { Wiring } from '../topology/wiring.js';
import { setsConsumedBy, setsNeededBy } from '../topology/wiring.js';
import { CarnaError, messageOf } from '../util/errors.js';
import { runGroup } from '../util/lifecycle.js';
import { describeAcknowledged } from './acknowledgement.js';
import type { ApplierTiming } from './applier-timing.js';
import { Applier } from './applier.js';
import type { BusKeeper } from './bus-keeper.js';
import { createBusKeeper } from './open-bus.js';
import type { AgentBus, BusReport } from './bus-ports.js';
import { Drain } from './drain.js';
import type { DrainEnd, DrainProgress } from './drain-progress.js';
import { Listing, rolesListing } from './listing.js';
import type { AgentMetrics } from './metrics.js';
import type { NodeIdentity } from './node-status.js';
import { NodeStatus } from './node-status.js';
import type {
  AgentView,
  AppliedPublication,
  DispatcherTable,
  KamailioRpc,
  NodePublication,
  Timekeeper,
} from './ports.js';
import type { ServerRuntime } from './runtime/runtime.js';
import type { ServerReport } from './server-report.js';
import type { OpenControl } from './servers/server.js';
import { Supervisor } from './supervisor.js';
import type { AgentTiming } from './timing.js';

export interface AgentDeps {
  readonly identity: NodeIdentity;
  readonly wiring: Wiring;
  readonly runtime: ServerRuntime;
  readonly openControl: OpenControl;
  /** What the applier needs; null beside a server that is no Kamailio. */
  readonly kamailio: {
    readonly rpc: KamailioRpc;
    readonly table: DispatcherTable;
    readonly publication: AppliedPublication;
  } | null;
  /** Null beside a server that is on no bus. */
  readonly bus?: AgentBus | null;
  readonly publication: NodePublication;
  readonly view: AgentView;
  /** For people and /healthz: connected, suspended, lost. */
  readonly registryState: () => string;
  readonly time: Timekeeper;
  readonly timing: AgentTiming & { readonly applier: ApplierTiming };
  /** A new unique id of 8 to 36 characters. */
  readonly newId: () => string;
  readonly metrics: AgentMetrics;
  readonly log: Logger;
}

/** Body of /healthz: about the pair agent + server; stays healthy while draining. */
export interface AgentHealth extends ServerReport {
  readonly isHealthy: boolean;
  readonly nodeId: string;
  readonly state: NodeRecord['state'] | 'gone';
  readonly reason: string;
  /** Wall clock in ms of the last change of state. */
  readonly since: number;
  readonly instanceId: string;
  readonly registry: string;
  /** On the server by its last good probe; null when that does not tell. */
  readonly calls: number | null;
  /** What this Kamailio was proven to run; null for a server without destination sets. */
  readonly applied: string | null;
  readonly drain: DrainProgress | null;
  /** Null beside a server that is on no bus. */
  readonly bus: BusReport | null;
}

export interface Agent {
  /**
   * Runs until `term` aborts and the drain that this begins is complete: goodbye said, server stopped.
   * Throws CrashLoopError or ServerStartError when the server cannot be kept running.
   */
  run(term: AbortSignal): Promise<void>;
  health(): AgentHealth;
  ready(): object & { readonly isReady: boolean };
  /** The record's state, for tests and screens. */
  state(): NodeRecord['state'] | 'gone';
}

/** Builds the agent of one SIP server; starts nothing. */
export function createAgent(deps: AgentDeps): Agent {
  const { view, time, metrics } = deps;
  const log = deps.log.child({ component: 'agent' });
  const status = new NodeStatus(deps.identity, {
    publication: deps.publication,
    time,
    newId: deps.newId,
    metrics,
    log,
  });
  const applier = createApplier(deps, log);
  const bus = createBusKeeper(deps, status, log);
  const listing = createListing(deps, status);
  const supervisor = new Supervisor({
    runtime: deps.runtime,
    openControl: deps.openControl,
    status,
    applier,
    bus,
    maxSessions: deps.identity.maxSessions,
    time,
    timing: deps.timing,
    metrics,
    log,
  });
  const drain = new Drain({
    status,
    view,
    control: () => supervisor.control,
    isFit: () => supervisor.isFit,
    listing,
    time,
    timing: deps.timing.drain,
    metrics,
    log,
  });
  supervisor.onControl(() => drain.wake());
  return {
    run: (term) =>
      runAgent({ ...deps, log }, { status, applier, bus, supervisor, drain, listing }, term),
    state: () => status.state,
    health: () => ({
      isHealthy: status.state === 'up' || status.state === 'draining',
      nodeId: deps.identity.nodeId,
      state: status.state,
      reason: status.reason,
      since: status.since,
      instanceId: status.instanceId,
      registry: deps.registryState(),
      calls: supervisor.calls,
      ...supervisor.report(),
      applied: applier === null ? null : describeAcknowledged(applier.acknowledged),
      drain: drain.progress(),
      bus: bus?.report() ?? null,
    }),
    ready: () => {
      const isListed = !listing.hasConsumers || listing.isProven;
      return { isReady: status.state === 'up' && isListed, state: status.state, isListed };
    },
  };
}

interface Parts {
  readonly status: NodeStatus;
  readonly applier: Applier | null;
  readonly bus: BusKeeper | null;
  readonly supervisor: Supervisor;
  readonly drain: Drain;
  readonly listing: Listing;
}

async function runAgent(deps: AgentDeps, parts: Parts, term: AbortSignal): Promise<void> {
  const { status, applier, bus, supervisor, drain, listing } = parts;
  const onTerm = (): void => drain.terminate();
  term.addEventListener('abort', onTerm);
  if (term.aborted) onTerm();
  const unfollow = listing.follow(() => drain.wake());
  const never = new AbortController();
  try {
    await runGroup(
      [
        (signal) => supervisor.run(signal),
        ...(applier === null ? [] : [(signal: AbortSignal) => applier.run(signal)]),
        ...(bus === null ? [] : [(signal: AbortSignal) => bus.run(signal)]),
        async (signal) => {
          const end = await drain.run(signal);
          if (end === null) return;
          await sayGoodbye(deps, status, end);
          supervisor.stopServer(end.isEmpty ? 'in its own way' : 'at once');
          await untilAborted(signal); // The group ends with the supervisor, when the server has stopped.
        },
      ],
      never.signal,
    );
    await withdraw(deps, status, 'the agent ends');
  } catch (err) {
    // After a failure that nobody expected the server goes on, and the next agent takes it over: no goodbye.
    if (isExpected(err)) await withdraw(deps, status, messageOf(err));
    throw err;
  } finally {
    unfollow();
    term.removeEventListener('abort', onTerm);
  }
}

function isExpected(err: unknown): boolean {
  if (err instanceof AggregateError) return err.errors.every(isExpected);
  return err instanceof CarnaError;
}

/** `down` first: a reader that sees the znode vanish without it would have to suspect a crash. */
async function sayGoodbye(deps: AgentDeps, status: NodeStatus, { how }: DrainEnd): Promise<void> {
  status.apply('drained', { cause: how, actor: 'SIGTERM' });
  await settle(deps);
  await withdraw(deps, status, how);
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

async function withdraw(deps: AgentDeps, status: NodeStatus, cause: string): Promise<void> {
  if (status.state === 'gone') return;
  status.apply('withdraw', { cause });
  deps.kamailio?.publication.set(null);
  await settle(deps);
}

async function settle(deps: AgentDeps): Promise<void> {
  const isWritten = await deps.publication.settled(deps.timing.stop.goodbyeMs);
  if (!isWritten) deps.log.warn('the registry did not take the goodbye in time');
}

function createListing(deps: AgentDeps, status: NodeStatus): Listing {
  const { wiring, identity, view, time, publication } = deps;
  const consumers = rolesListing(wiring, identity.role);
  const keys = placesOf(wiring, identity.nodeId, identity).map(({ key }) => key);
  return new Listing({ view, status, consumers, keys, wallMs: time.wallMs, publication });
}

function createApplier(deps: AgentDeps, log: Logger): Applier | null {
  const setids = setsConsumedBy(deps.wiring, deps.identity.role);
  if (deps.kamailio === null || setids.length === 0) return null;
  const { rpc, table, publication } = deps.kamailio;
  return new Applier({
    nodeId: deps.identity.nodeId,
    role: deps.identity.role,
    setids,
    needed: setsNeededBy(deps.wiring, deps.identity.role),
    table,
    rpc,
    view: deps.view,
    publication,
    time: deps.time,
    timing: deps.timing.applier,
    metrics: deps.metrics,
    log: log.child({ component: 'applier' }),
  });
}
