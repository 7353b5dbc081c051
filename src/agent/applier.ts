import type { Logger } from 'pino';
import type { LiveDestination } from '../topology/live-destination.js';
import { planLive } from '../topology/live-plan.js';
import type { AppliedRecord, Role } from '../topology/node.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { backoffMs } from '../util/backoff.js';
import { CarnaError } from '../util/errors.js';
import { setStates } from './list-changes.js';
import type { Round } from './list-proof.js';
import { leaderSays, ListProof, robbedSets } from './list-proof.js';
import type { AgentMetrics } from './metrics.js';
import type {
  AgentView,
  AppliedPublication,
  Bell,
  DispatcherTable,
  KamailioRpc,
  Timekeeper,
} from './ports.js';
import { ReloadPace } from './reload-pace.js';

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
  readonly #proof: ListProof;
  #isProven = false;
  readonly #pace: ReloadPace;
  /** Passes in a row that ended while Kamailio's list still did not agree. */
  #unsettled = 0;
  #onProven: () => void = () => undefined;

  constructor(deps: ApplierDeps) {
    this.#deps = deps;
    this.#bell = deps.time.newBell();
    const { time, timing } = deps;
    this.#pace = new ReloadPace(time, timing.reloadGapMs, timing.resyncMs);
    this.#proof = new ListProof(deps);
  }

  /** True when the list was proven since this start of the server. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** The last acknowledgement; null while none stands. */
  get acknowledged(): AppliedRecord | null {
    return this.#proof.current;
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
    this.#pace.reset();
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
    this.#proof.withdraw();
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
      await setStates(this.#deps, plan.setStates);
      const waitMs = plan.needsReload ? this.#pace.dueInMs(reasonsOf(round)) : 0;
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
    const { rpc, table, setids, view } = this.#deps;
    let live: readonly LiveDestination[];
    try {
      live = await rpc.readDispatcherList();
    } catch (err) {
      if (this.#life === life) this.#proof.confess('Kamailio does not tell its list', null, []);
      throw err;
    }
    try {
      const { generation, rows } = await table.readTable(setids);
      const plan = planLive({
        setids,
        rows,
        live,
        previous: this.#previous,
        mayBeEmpty: (setid) => leaderSays(view, setid, generation) === 'empty',
      });
      return { generation, rows, live, plan };
    } catch (err) {
      if (err instanceof CarnaError && this.#life === life) {
        this.#proof.confess(
          'the database does not answer, the list is kept',
          live,
          this.#previous ?? [],
        );
      }
      throw err;
    }
  }

  async #reload(round: Round): Promise<void> {
    const { rpc, metrics, log } = this.#deps;
    this.#pace.begin();
    const answer = await rpc.reloadDispatcher();
    metrics.reloads.inc({ answer: answer.kind });
    log.info({ answer, why: round.plan.drift }, 'dispatcher list reloaded');
    if (answer.kind === 'too-early') return; // Nothing happened; due again after the gap.
    this.#pace.noteTried(reasonsOf(round));
    // Whatever the answer: if rows were taken over, so was their dead ones' fresh start.
    await setStates(this.#deps, round.plan.carryOver);
  }

  #conclude(round: Round, hasActed: boolean, reloadDueMs: number): number {
    const { setids, timing, time, view } = this.#deps;
    const { plan } = round;
    this.#unsettled = hasActed ? this.#unsettled + 1 : 0;
    const retryMs = backoffMs(this.#unsettled, timing.retry, time.random);
    if (this.#unsettled === 1) return retryMs; // Still changing after all rounds: not proven yet.
    this.#pace.keepOnly(plan.needsReload ? reasonsOf(round) : []);
    // Due after the gap; acknowledged then.
    if (plan.needsReload && !this.#pace.wasTried(reasonsOf(round))) return reloadDueMs;
    const robbed = robbedSets(view, setids, round);
    const emptied =
      robbed.length === 0 ? null : `the table has no row for set ${robbed.join(', ')}`;
    const isSound = plan.heldSets.length === 0 && emptied === null;
    this.#proof.tell(round, plan.drift ?? emptied, isSound);
    const isNew = !this.#isProven;
    // A list that is kept although the table lost it serves calls; one that is empty does not.
    this.#isProven = emptied === null || robbed.every((setid) => plan.heldSets.includes(setid));
    if (isNew && this.#isProven) this.#onProven();
    if (hasActed) return retryMs;
    return plan.needsReload ? reloadDueMs : timing.resyncMs;
  }
}

/** What a reload is for. */
function reasonsOf({ rows }: Round): readonly string[] {
  return [JSON.stringify(rows)];
}
