import type { BusNode, BusStep, ListedMember } from '../topology/bus.js';
import { busNodes, MAX_BUS_STEPS, planBus, whomToAsk } from '../topology/bus.js';
import type { Evidence } from '../topology/desired-rows.js';
import type { SyncLimits } from '../topology/sync.js';
import { DEFAULT_SYNC_LIMITS } from '../topology/sync.js';
import { CarnaError, messageOf } from '../util/errors.js';
import type { AnnouncerDeps } from './bus-announcer.js';
import { BusAnnouncer } from './bus-announcer.js';
import type { BusLink, BusReport, BusView } from './bus-ports.js';
import type { AgentMetrics } from './metrics.js';
import type { Bell, Timekeeper } from './ports.js';
import type { BusSelf } from './sync-gate.js';
import { SyncGate } from './sync-gate.js';

export interface BusTiming {
  /** A lost notice is healed after so long; a tenth more or less by chance. */
  readonly everyMs: number;
  readonly sync: SyncLimits;
}

export const DEFAULT_BUS_TIMING: BusTiming = { everyMs: 5_000, sync: DEFAULT_SYNC_LIMITS };

export interface BusKeeperDeps extends AnnouncerDeps {
  readonly self: BusSelf;
  readonly view: BusView;
  readonly link: BusLink;
  readonly time: Timekeeper;
  readonly timing: BusTiming;
  readonly metrics: Pick<
    AgentMetrics,
    'busMembers' | 'busPasses' | 'busRemovals' | 'busAnnouncements' | 'busAlarm'
  >;
}

const STATUSES = ['active', 'disabled', 'timeout', 'pending'] as const;
/** Members of whom nobody speaks that are asked in one pass. */
const MAX_QUESTIONS = 4 * MAX_BUS_STEPS;

/**
 * Keeps the members that our Kamailio lists on its DMQ bus equal to the nodes that live. Level-triggered:
 * each pass reads the registry and the list anew. Without the registry nothing is changed.
 */
export class BusKeeper {
  readonly #deps: BusKeeperDeps;
  readonly #bell: Bell;
  readonly #gate: SyncGate;
  /** Grows with each life of the server; 0 = none answers. */
  #life = 0;
  #lives = 0;
  #members: readonly ListedMember[] = [];
  #alarm: string | null = null;
  readonly #announcer: BusAnnouncer;

  constructor(deps: BusKeeperDeps) {
    this.#deps = deps;
    this.#bell = deps.time.newBell();
    const { self, view, link, time, timing, log } = deps;
    this.#announcer = new BusAnnouncer(deps);
    this.#gate = new SyncGate({ self, view, link, time, limits: timing.sync, log });
  }

  /** True when this life of the server has the contacts of the bus, or waited long enough. */
  get isSynced(): boolean {
    return this.#gate.isOpen;
  }

  /** What the record says besides "up"; null = nothing. */
  get fault(): string | null {
    return this.#gate.fault;
  }

  /** Called when `isSynced` becomes true. */
  onSynced(listener: () => void): void {
    this.#gate.onOpen(listener);
  }

  /** The server was started, or taken over. */
  serverStarted(isAdopted: boolean): void {
    this.#life = 0;
    this.#gate.begin(isAdopted);
  }

  /** It answers: before, it could not be told anything. Safe to repeat. */
  serverAnswers(): void {
    this.#gate.serverAnswers();
    if (this.#life !== 0) return;
    this.#lives += 1;
    this.#life = this.#lives;
    this.#bell.ring();
  }

  /** It did not answer for some time, in which the others may have removed it: it missed contacts. */
  serverFailed(): void {
    this.#life = 0;
    this.#gate.begin(false);
  }

  serverExited(): void {
    this.#life = 0;
    this.#note([]);
  }

  report(): BusReport {
    const members = this.#members.filter((member) => !member.isLocal);
    return {
      members: members.map(({ address, status }) => ({ address, status })),
      sync: this.#gate.text,
      isSynced: this.#gate.isOpen,
      alarm: this.#alarm ?? this.#gate.fault,
    };
  }

  /** Runs until `signal` aborts; what is under way has deadlines of its own and is waited for. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#keep(signal), this.#gate.run(signal)]);
    await this.#announcer.settled();
  }

  async #keep(signal: AbortSignal): Promise<void> {
    const { view, time, timing } = this.#deps;
    let seen = '';
    const unsubscribe = view.subscribe(() => {
      const now = this.#signature();
      if (now !== seen) this.#bell.ring();
      seen = now;
    });
    try {
      while (!signal.aborted) {
        if (this.#life !== 0) await this.#try();
        await this.#bell.wait(timing.everyMs * (0.9 + 0.2 * time.random()), signal);
      }
    } finally {
      unsubscribe();
    }
  }

  /** Changes of other nodes, of which there may be thousands, are no reason to look. */
  #signature(): string {
    const nodes = this.#nodes().map(({ address, state }) => `${address} ${state}`);
    return `${this.#deps.view.isFresh()} ${nodes.join(' ')}`;
  }

  #nodes(): BusNode[] {
    return busNodes(this.#deps.view.nodes(), this.#deps.self);
  }

  async #try(): Promise<void> {
    try {
      await this.#pass();
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      this.#setAlarm(`the members of the bus cannot be told: ${messageOf(err)}`);
    }
  }

  async #pass(): Promise<void> {
    const { view, link, self } = this.#deps;
    const life = this.#life;
    let listed = await link.list();
    if (life !== this.#life) return;
    this.#note(listed);
    if (!view.isFresh()) return;
    const evidence = await this.#askAll(whomToAsk(this.#nodes(), listed));
    // As it is now: the questions took their time, and the gate or a peer may have told our server meanwhile.
    if (evidence.size > 0) listed = await link.list();
    if (life !== this.#life) return;
    const isFresh = view.isFresh();
    const nodes = this.#nodes();
    const plan = planBus({ nodes, isFresh, listed, evidence, self: self.address });
    for (const step of plan.remove) await this.#remove(step);
    let unreached: string | null = null;
    for (const step of plan.announce) {
      const node = nodes.find(({ address }) => address === step.address);
      if (node === undefined || life !== this.#life) continue;
      if (!(await this.#announcer.announce(step, node))) unreached = node.nodeId;
    }
    this.#setAlarm(
      plan.alarm ?? (unreached === null ? null : `${unreached} does not answer on the bus`),
    );
    const hasActed = plan.remove.length + plan.announce.length > 0;
    this.#deps.metrics.busPasses.inc();
    if (hasActed && life === this.#life) this.#note(await link.list());
  }

  async #askAll(addresses: readonly string[]): Promise<ReadonlyMap<string, Evidence>> {
    const asked = addresses.slice(0, MAX_QUESTIONS);
    const answers = await Promise.all(asked.map((address) => this.#evidenceOf(address)));
    return new Map(asked.map((address, at) => [address, answers[at] ?? 'unknown']));
  }

  /** One lost packet is no evidence. */
  async #evidenceOf(address: string): Promise<Evidence> {
    const first = await this.#deps.link.ask(address);
    if (first.kind !== 'silent' || first.isSure) return first.kind;
    return (await this.#deps.link.ask(address)).kind;
  }

  async #remove({ address, why }: BusStep): Promise<void> {
    const { link, metrics, log } = this.#deps;
    await link.remove(address);
    metrics.busRemovals.inc();
    log.info({ member: address, why }, 'removed a member from the bus');
  }

  #note(listed: readonly ListedMember[]): void {
    this.#members = listed;
    for (const status of STATUSES) {
      const count = listed.filter((one) => !one.isLocal && one.status === status).length;
      this.#deps.metrics.busMembers.set(count, { status });
    }
  }

  #setAlarm(alarm: string | null): void {
    const { log, metrics } = this.#deps;
    metrics.busAlarm.set(alarm === null && this.#gate.fault === null ? 0 : 1);
    if (alarm === this.#alarm) return;
    if (alarm === null) log.info({ was: this.#alarm }, 'the bus is whole again');
    else log.error({ alarm }, 'something is amiss on the bus');
    this.#alarm = alarm;
  }
}
