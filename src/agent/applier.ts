import type { Logger } from 'pino';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import type { LiveDestination } from '../topology/live-destination.js';
import type { LivePlan, StateChange } from '../topology/live-plan.js';
import { hashLive, planLive } from '../topology/live-plan.js';
import type { AppliedRecord, Role } from '../topology/node.js';
import { setHash } from '../topology/set-hash.js';
import { backoffMs } from '../util/backoff.js';
import { BinrpcFaultError, CarnaError } from '../util/errors.js';
import { Acknowledgement } from './acknowledgement.js';
import type { AgentMetrics } from './metrics.js';
import type {
  AgentView,
  AppliedPublication,
  Bell,
  DispatcherTable,
  KamailioRpc,
  Timekeeper,
} from './ports.js';

export interface ApplierDeps {
  readonly nodeId: string;
  readonly role: Role;
  /** The sets that this Kamailio consumes; at least one. */
  readonly setids: readonly number[];
  readonly table: DispatcherTable;
  readonly rpc: KamailioRpc;
  readonly view: Pick<AgentView, 'generation' | 'subscribe'>;
  readonly publication: AppliedPublication;
  readonly time: Timekeeper;
  readonly timing: ApplierTiming;
  readonly metrics: AgentMetrics;
  readonly log: Logger;
}

export interface ApplierTiming {
  /** A lost notice is healed after this long. */
  readonly resyncMs: number;
  /** From one reload to the next, whatever happens. */
  readonly reloadGapMs: number;
  /** Pauses after a failed pass, and between reloads that did not help. */
  readonly retry: { readonly minMs: number; readonly maxMs: number };
}

export const DEFAULT_APPLIER_TIMING: ApplierTiming = {
  resyncMs: 30_000,
  reloadGapMs: 1_000,
  retry: { minMs: 200, maxMs: 10_000 },
};

/** Read, change, read back: so often in one pass before it waits. */
const MAX_ROUNDS = 4;
const EMPTY_SET = setHash([]);

interface Round {
  readonly generation: number;
  readonly rows: readonly DispatcherRow[];
  readonly live: readonly LiveDestination[];
  readonly plan: LivePlan;
}

/**
 * Keeps one Kamailio's live list equal to the table, and says in `applied/<nodeId>` what was proven by
 * reading it back. Level-triggered: every pass reads both sides anew. Believes `dispatcher.list` only.
 *
 * Changes of state go in at once by set_state; a reload happens only when membership or attributes
 * differ, and never twice within `reloadGapMs`. What waits for that gap is not acknowledged before.
 */
export class Applier {
  readonly #deps: ApplierDeps;
  readonly #bell: Bell;
  /** Grows with each start of the server; 0 = none runs. */
  #life = 0;
  #lives = 0;
  #previous: readonly DispatcherRow[] | null = null;
  readonly #acknowledgement: Acknowledgement;
  #isProven = false;
  #lastReloadMs = Number.NEGATIVE_INFINITY;
  /** Rows that a reload did not bring in, and how often it was tried. */
  #stubborn: { readonly rows: string; readonly tries: number } | null = null;
  /** Passes in a row that ended while Kamailio's list still did not agree. */
  #unsettled = 0;
  #onProven: () => void = () => undefined;

  constructor(deps: ApplierDeps) {
    this.#deps = deps;
    this.#bell = deps.time.newBell();
    this.#acknowledgement = new Acknowledgement(deps.publication, deps.metrics, deps.log);
  }

  /** True when the list was proven since this start of the server. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** The last acknowledgement; null while none stands. */
  get acknowledged(): AppliedRecord | null {
    return this.#acknowledgement.current;
  }

  /** Called once after each start of the server, as soon as its list is proven. */
  onProven(listener: () => void): void {
    this.#onProven = listener;
  }

  /** The server was started: whatever was proven before is void. */
  serverStarted(): void {
    this.#lives += 1;
    this.#life = this.#lives;
    this.#previous = null;
    this.#isProven = false;
    this.#stubborn = null;
    this.#bell.ring();
  }

  /** Looks again now: the server has just begun to answer. */
  wake(): void {
    this.#bell.ring();
  }

  /** The server is gone, and with it what was acknowledged. */
  serverExited(): void {
    this.#life = 0;
    this.#isProven = false;
    this.#acknowledgement.set(null);
  }

  /** Runs until `signal` aborts. A pass under way is finished: its calls have deadlines of their own. */
  async run(signal: AbortSignal): Promise<void> {
    const { view, time, timing } = this.#deps;
    let seen = view.generation()?.generation;
    const unsubscribe = view.subscribe(() => {
      const generation = view.generation()?.generation;
      if (generation !== seen) this.#bell.ring();
      seen = generation;
    });
    try {
      let failures = 0;
      while (!signal.aborted) {
        let waitMs = timing.resyncMs;
        if (this.#life !== 0) {
          try {
            waitMs = await this.#pass();
            if (failures > 0) this.#deps.log.info({ failures }, 'applier works again');
            failures = 0;
          } catch (err) {
            if (!(err instanceof CarnaError)) throw err;
            if (failures === 0) this.#deps.log.warn({ err }, 'applier pass failed, will retry');
            this.#deps.metrics.applierFailures.inc();
            waitMs = backoffMs(failures, timing.retry, time.random);
            failures += 1;
          }
        }
        await this.#bell.wait(waitMs, signal);
      }
    } finally {
      unsubscribe();
    }
  }

  /** One pass; gives how long to wait for the next one. Throws a CarnaError when a side cannot be read. */
  async #pass(): Promise<number> {
    const life = this.#life;
    for (let rounds = 0; ; rounds++) {
      const round = await this.#readBoth(life);
      if (this.#life !== life) return 0;
      const { plan } = round;
      if (plan.heldSets.length > 0) this.#deps.metrics.refusedEmpty.inc();
      await this.#setStates(plan.setStates);
      const waitMs = plan.needsReload ? this.#reloadDueInMs(round.rows) : 0;
      const mustReload = plan.needsReload && waitMs <= 0;
      if (mustReload) await this.#reload(round);
      if (this.#life !== life) return 0;
      this.#previous = round.rows;
      const hasActed = mustReload || plan.setStates.length > 0;
      if (hasActed && rounds < MAX_ROUNDS) continue; // Only a new reading proves it.
      return this.#conclude(round, hasActed, waitMs);
    }
  }

  /** The list first: a row that is in the list but not in the table read later was really deleted. */
  async #readBoth(life: number): Promise<Round> {
    const { rpc, table, setids } = this.#deps;
    let live: readonly LiveDestination[];
    try {
      live = await rpc.readDispatcherList();
    } catch (err) {
      if (this.#life === life) this.#confess('Kamailio does not tell its list', null);
      throw err;
    }
    try {
      const { generation, rows } = await table.readTable(setids);
      const plan = planLive({
        setids,
        rows,
        live,
        previous: this.#previous,
        mayBeEmpty: (setid) => this.#leaderSays(setid, generation) === 'empty',
      });
      return { generation, rows, live, plan };
    } catch (err) {
      if (err instanceof CarnaError && this.#life === life) {
        this.#confess('the database does not answer, the list is kept', live);
      }
      throw err;
    }
  }

  /** What the leader's record says of a set, if it is at least as new as the table that was read. */
  #leaderSays(setid: number, generation: number): 'empty' | 'filled' | 'nothing' {
    const record = this.#deps.view.generation();
    if (record === null || record.generation < generation) return 'nothing';
    const hash = record.sets[String(setid)];
    return hash === undefined || hash === EMPTY_SET ? 'empty' : 'filled';
  }

  async #setStates(changes: readonly StateChange[]): Promise<void> {
    const { rpc, metrics, log } = this.#deps;
    for (const { state, setid, destination } of changes) {
      try {
        await rpc.setDispatcherState(state, setid, destination);
        metrics.setStates.inc();
        log.info({ state, setid, destination }, 'destination set by set_state');
      } catch (err) {
        // "State Update Failed": it is not in the list any more. The next reading tells.
        if (!(err instanceof BinrpcFaultError)) throw err;
        log.warn({ err, state, setid, destination }, 'set_state refused');
      }
    }
  }

  async #reload(round: Round): Promise<void> {
    const { rpc, time, metrics, log } = this.#deps;
    const key = JSON.stringify(round.rows);
    const tries = this.#stubborn?.rows === key ? this.#stubborn.tries : 0;
    this.#lastReloadMs = time.monoMs();
    const answer = await rpc.reloadDispatcher();
    metrics.reloads.inc({ answer: answer.kind });
    log.info({ answer, why: round.plan.drift }, 'dispatcher list reloaded');
    if (answer.kind === 'too-early') return; // Nothing happened; due again after the gap.
    this.#stubborn = { rows: key, tries: tries + 1 };
    // Whatever the answer: if rows were taken over, so was their dead ones' fresh start.
    await this.#setStates(round.plan.carryOver);
  }

  /** Milliseconds until a reload is allowed; 0 or less = now. The same rows in vain make it wait longer. */
  #reloadDueInMs(rows: readonly DispatcherRow[]): number {
    const { time, timing } = this.#deps;
    let gapMs = timing.reloadGapMs;
    if (this.#stubborn !== null && this.#stubborn.rows === JSON.stringify(rows)) {
      const limits = { minMs: timing.reloadGapMs, maxMs: timing.resyncMs };
      gapMs = Math.max(gapMs, backoffMs(this.#stubborn.tries, limits, time.random));
    }
    return this.#lastReloadMs + gapMs - time.monoMs();
  }

  #conclude(round: Round, hasActed: boolean, reloadDueMs: number): number {
    const { setids, timing, time } = this.#deps;
    const { plan, generation, rows, live } = round;
    this.#unsettled = hasActed ? this.#unsettled + 1 : 0;
    const retryMs = backoffMs(this.#unsettled, timing.retry, time.random);
    if (this.#unsettled === 1) return retryMs; // Still changing after all rounds: not proven yet.
    const wasTried = this.#stubborn?.rows === JSON.stringify(rows);
    if (!plan.needsReload) this.#stubborn = null;
    else if (!wasTried) return reloadDueMs; // Due after the gap; acknowledged then.
    const robbed = setids.filter(
      (setid) =>
        !rows.some((row) => row.setid === setid) &&
        this.#leaderSays(setid, generation) === 'filled',
    );
    const emptied =
      robbed.length === 0 ? null : `the table has no row for set ${robbed.join(', ')}`;
    const isSound = plan.heldSets.length === 0 && emptied === null;
    this.#acknowledgement.set({
      schema: 1,
      nodeId: this.#deps.nodeId,
      role: this.#deps.role,
      generation: isSound ? generation : (this.#acknowledgement.current?.generation ?? 0),
      sets: hashLive(setids, rows, live),
      provenAtMs: time.wallMs(),
      drift: plan.drift ?? emptied,
    });
    const isNew = !this.#isProven;
    // A list that is kept although the table lost it serves calls; one that is empty does not.
    this.#isProven = emptied === null || robbed.every((setid) => plan.heldSets.includes(setid));
    if (isNew && this.#isProven) this.#onProven();
    if (hasActed) return retryMs;
    return plan.needsReload ? reloadDueMs : timing.resyncMs;
  }

  /** Tells readers why nothing newer is proven; keeps what was. */
  #confess(drift: string, live: readonly LiveDestination[] | null): void {
    const { setids, nodeId, role, time } = this.#deps;
    const sets =
      live === null
        ? this.#acknowledgement.current?.sets
        : hashLive(setids, this.#previous ?? [], live);
    if (sets === undefined) return;
    const generation = this.#acknowledgement.current?.generation ?? 0;
    const provenAtMs = time.wallMs();
    this.#acknowledgement.set({ schema: 1, nodeId, role, generation, sets, provenAtMs, drift });
  }
}
