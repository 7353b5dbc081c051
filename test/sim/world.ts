import type { BudgetLimits } from '../../src/topology/guard-budget.js';
import type { DeriveLimits } from '../../src/topology/desired-rows.js';
import type { Role } from '../../src/topology/node.js';
import { Actor, Host } from './actor.js';
import { Invariants } from './invariants.js';
import { Kamailio } from './kamailio.js';
import { Network } from './network.js';
import { Postgres } from './postgres.js';
import { Random } from './random.js';
import { Scheduler } from './scheduler.js';
import { SipWorld } from './sip.js';
import { Truth } from './truth.js';
import type { Trace } from './trace.js';
import { Ensemble } from './zookeeper.js';

/** What a schedule is made of; drawn from its seed. */
export interface Setup {
  readonly seed: number;
  readonly zkServers: number;
  readonly zkSessionTimeoutMs: number;
  readonly resyncMs: number;
  readonly limits: DeriveLimits;
  readonly budget: BudgetLimits;
  /** How many nodes of each role. */
  readonly roles: Readonly<Partial<Record<Role, number>>>;
}

/** A SIP server and the agent beside it. */
export interface SimNode {
  readonly nodeId: string;
  readonly role: Role;
  readonly address: string;
  readonly destination: string;
  readonly host: Host;
  /** Null for a media server. */
  readonly kamailio: Kamailio | null;
  /** What becomes of it for good: it stays, it said goodbye, its host is lost, its agent alone is. */
  fate: 'stays' | 'left' | 'lost' | 'orphan';
  /** How often its server was started. */
  instance: number;
  /** Its share of calls: a change needs a reload. */
  weight: number;
}

export interface Violation {
  readonly seed: number;
  readonly atMs: number;
  readonly invariant: string;
  readonly what: string;
}

export const DC_ROOT = '/carna/sim/dc1';

/** Everything that exists in one schedule. */
export class World {
  readonly setup: Setup;
  readonly trace: Trace;
  readonly scheduler: Scheduler;
  /** What the world itself draws: latencies. The product's own lots are drawn elsewhere. */
  readonly random: Random;
  readonly network: Network;
  readonly zookeeper: Ensemble;
  readonly postgres: Postgres;
  readonly sip = new SipWorld();
  readonly invariants: Invariants;
  readonly truth: Truth;
  readonly nodes: SimNode[] = [];
  readonly reconcilers: Host[] = [];
  readonly operator = new Host('operator');
  readonly violations: Violation[] = [];
  /** No fault begins or is renewed any more. */
  isHealed = false;
  /** Makes names of replaced nodes and their ports. */
  replacements = 0;
  /** How each host's process begins; runs as an event of the new process. */
  readonly boots = new Map<Host, (actor: Actor) => void>();
  /** What SIGTERM does to the process of a host. */
  readonly terminations = new Map<Actor, () => void>();

  constructor(setup: Setup, trace: (nowMs: () => number) => Trace) {
    this.setup = setup;
    this.random = new Random(setup.seed * 3 + 1);
    this.scheduler = new Scheduler((err, actor) => this.escaped(err, actor));
    this.trace = trace(() => this.scheduler.nowMs);
    const { scheduler, random } = this;
    const { note } = this.trace;
    this.invariants = new Invariants(this);
    this.truth = new Truth(this);
    this.network = new Network(scheduler, random);
    this.zookeeper = new Ensemble({
      scheduler,
      random,
      network: this.network,
      servers: setup.zkServers,
      trace: note,
      onCommit: (effects) => this.invariants.onZnodes(effects),
    });
    this.postgres = new Postgres({
      scheduler,
      random,
      trace: note,
      onCommit: (report) => this.invariants.onCommit(report),
    });
    this.sip.onChange = (destination) => this.truth.onSip(destination);
  }

  get kamailios(): readonly Kamailio[] {
    return this.nodes.flatMap(({ kamailio }) => kamailio ?? []);
  }

  get hasIntents(): boolean {
    return [...this.zookeeper.tree.keys()].some((path) => path.startsWith(`${DC_ROOT}/intents/`));
  }

  get hosts(): readonly Host[] {
    return [...this.reconcilers, ...this.nodes.map(({ host }) => host)];
  }

  newKamailio(name: string, setids: readonly number[]): Kamailio {
    const { scheduler, random, postgres, sip } = this;
    return new Kamailio({
      name,
      setids,
      scheduler,
      random,
      postgres,
      sip,
      trace: this.trace.note,
      onList: (kamailio, before, cause) => this.invariants.onList(kamailio, before, cause),
      onReload: (kamailio) => this.invariants.onReload(kamailio),
    });
  }

  violate(invariant: string, what: string): void {
    const atMs = this.scheduler.nowMs;
    this.trace.note(() => `VIOLATION of ${invariant}: ${what}`);
    this.violations.push({ seed: this.setup.seed, atMs, invariant, what });
  }

  /** Something that no process may let out. */
  escaped(err: unknown, actor: Actor | null): void {
    const text = err instanceof Error ? (err.stack ?? err.message) : String(err);
    this.violate('no exception escapes', `${actor?.name ?? 'the world'}: ${text}`);
  }

  /** Starts the host's process unless it runs or may not live any more. */
  start(host: Host): void {
    if (host.actor !== null || !host.mayLive) return;
    const boot = this.boots.get(host);
    if (boot === undefined) return;
    host.lives += 1;
    const actor = new Actor(host);
    host.actor = actor;
    this.trace.note(() => `${actor.name} starts`);
    this.scheduler.act(0, actor, 'io', () => boot(actor));
  }

  /** kill -9, or the end of a process that ended by itself. */
  kill(host: Host, why = 'killed'): void {
    const { actor } = host;
    if (actor === null) return;
    this.trace.note(() => `${actor.name} ${why}`);
    actor.state = 'dead';
    host.actor = null;
    host.triggers = [];
    actor.held = [];
    this.terminations.delete(actor);
    for (const listener of [...actor.onDeath]) listener();
  }

  /** The SIP server of a node ends; its agent finds out. */
  stopServer(node: SimNode): void {
    this.trace.note(() => `the server of ${node.nodeId} ends`);
    node.kamailio?.stop();
    this.sip.set(node.destination, false);
  }

  startServer(node: SimNode): void {
    if (node.fate !== 'stays' || this.sip.answers(node.destination)) return;
    this.trace.note(() => `the server of ${node.nodeId} starts`);
    node.instance += 1;
    node.kamailio?.start();
    this.sip.set(node.destination, true);
  }

  crash(host: Host, restartMs: number): void {
    this.kill(host, `crashes, comes back in ${Math.round(restartMs)} ms`);
    this.scheduler.world(restartMs, () => this.start(host));
  }

  /** SIGSTOP for a while, then SIGCONT. */
  pause(host: Host, ms: number): void {
    const { actor } = host;
    if (actor?.state !== 'running') return;
    this.trace.note(() => `${actor.name} stands still for ${Math.round(ms)} ms`);
    actor.state = 'paused';
    this.scheduler.world(ms, () => this.resume(actor));
  }

  /** Node runs the timers that are due before it reads its sockets. */
  resume(actor: Actor): void {
    if (actor.state !== 'paused') return;
    this.trace.note(() => `${actor.name} goes on`);
    actor.state = 'running';
    const held = actor.held;
    actor.held = [];
    const timers = held.filter(({ kind }) => kind === 'timer');
    this.scheduler.release([...timers, ...held.filter(({ kind }) => kind === 'io')]);
  }
}
