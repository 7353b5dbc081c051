import { planLive } from '../topology/live-plan.js';
import type { AppliedRecord } from '../topology/node.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { hasHollowSet } from '../topology/unlisted.js';
import { backoffMs } from '../util/backoff.js';
import { CarnaError, StoreConflictError } from '../util/errors.js';
import type { ApplierTiming } from './applier-timing.js';
import { DriftWatch } from './drift-watch.js';
import { LeaderWord } from './leader-word.js';
import { ListChanges } from './list-changes.js';
import type { ListProofDeps, Round } from './list-proof.js';
import { ListProof } from './list-proof.js';
import type { ListReading } from './list-reader.js';
import { readList } from './list-reader.js';
import type { AgentView, Bell, DispatcherTable, KamailioRpc, Timekeeper } from './ports.js';
import { ReloadPace } from './reload-pace.js';

export interface ApplierDeps extends ListProofDeps {
  /** Of `setids` those without which the server must not come into service. */
  readonly needed: readonly number[];
  readonly table: DispatcherTable;
  readonly rpc: Pick<KamailioRpc, 'readDispatcherList' | 'setDispatcherState' | 'reloadDispatcher'>;
  readonly view: Pick<AgentView, 'generation' | 'isFresh' | 'subscribe'>;
  readonly time: Timekeeper;
  readonly timing: ApplierTiming;
}

/** Read, change, read back: so often in one pass before it waits. */
const MAX_ROUNDS = 4;
/** Reloads that do not help grow as rare as one in so many resyncs. */
const VAIN_RESYNCS = 4;
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
  readonly #changes: ListChanges;
  readonly #drift: DriftWatch;
  readonly #leader: LeaderWord;
  /** Passes in a row that ended while Kamailio's list still did not agree. */
  #unsettled = 0;
  #onProven: () => void = () => undefined;

  constructor(deps: ApplierDeps) {
    this.#deps = deps;
    this.#bell = deps.time.newBell();
    const { time, timing, metrics, log } = deps;
    this.#pace = new ReloadPace(time, timing.reloadGapMs, VAIN_RESYNCS * timing.resyncMs);
    this.#changes = new ListChanges(deps, this.#pace);
    this.#drift = new DriftWatch(metrics, log);
    this.#leader = new LeaderWord(deps.view);
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
    this.#changes.reset();
    this.#drift.reset();
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
      const { plan, unread } = round;
      if (plan.heldSets.length > 0) this.#deps.metrics.refusedEmpty.inc();
      await this.#changes.setStates(plan.setStates);
      if (this.#life !== life) return 0;
      this.#previous = round.rows; // Fresh words are in: a reload that fails does not make them fresh again.
      const waitMs = plan.needsReload ? this.#pace.dueInMs(plan.reasons) : 0;
      const mustReload = plan.needsReload && waitMs <= 0;
      if (mustReload) await this.#changes.reload(round.rows, plan);
      if (this.#life !== life) return 0;
      if (unread !== null) return this.#concludeUnread(round, waitMs);
      const hasActed = mustReload || plan.setStates.length > 0;
      if (hasActed && rounds < MAX_ROUNDS) continue; // Only a new reading proves it.
      return this.#conclude(round, hasActed, waitMs);
    }
  }

  /** The list first: a row that is in the list but not in the table read later was really deleted. */
  async #readBoth(life: number): Promise<Round> {
    const read = await this.#readList(life);
    const { table, setids, needed } = this.#deps;
    let known;
    try {
      known = await this.#leader.readTable(table, setids);
    } catch (err) {
      if (err instanceof CarnaError && this.#life === life) {
        const isOld = err instanceof StoreConflictError;
        const why = isOld ? err.message : 'the database does not answer';
        this.#proof.confess(`${why}, the list is kept`, read.live, this.#previous ?? []);
      }
      throw err;
    }
    const { generation, rows } = known;
    const live = read.live ?? this.#changes.believe(rows);
    const plan = planLive({
      setids,
      rows,
      live,
      previous: this.#previous,
      owed: this.#changes.owed,
      isBelieved: read.unread !== null,
      mayBeEmpty: (setid) => this.#leader.mayBeEmpty(setid, generation),
      needed,
      isLost: (setid) => this.#leader.isLost(setid),
    });
    if (read.unread === null && this.#life === life) {
      this.#changes.noteRead(live);
      this.#drift.note(rows, plan.differences);
      this.#leader.noteRows(rows, generation);
    }
    return { generation, rows, live, plan, unread: read.unread };
  }

  async #readList(life: number): Promise<ListReading> {
    try {
      return await readList(this.#deps.rpc);
    } catch (err) {
      if (this.#life === life) this.#proof.confess('Kamailio does not tell its list', null, []);
      throw err;
    }
  }

  #conclude(round: Round, hasActed: boolean, reloadDueMs: number): number {
    const { setids, needed, timing, time } = this.#deps;
    const { plan, rows, live } = round;
    this.#unsettled = hasActed ? this.#unsettled + 1 : 0;
    const retryMs = backoffMs(this.#unsettled, timing.retry, time.random);
    if (this.#unsettled === 1) return retryMs; // Still changing after all rounds: not proven yet.
    this.#pace.keepOnly(plan.reasons);
    const isVain = plan.needsReload && this.#pace.wasTried(plan.reasons);
    if (plan.needsReload && !isVain) return reloadDueMs; // Due after the gap; acknowledged then.
    const robbed = this.#leader.robbed(setids, round);
    const emptied =
      robbed.length === 0 ? null : `the table has no row for set ${robbed.join(', ')}`;
    const isSound = plan.heldSets.length === 0 && emptied === null;
    const drift = isVain ? `${plan.drift}; a reload did not help` : plan.drift;
    this.#proof.tell(round, drift ?? emptied, isSound);
    // A list that is kept although the table lost it serves calls; one that is empty, or never came in, does not.
    const isKept = robbed.every((id) => plan.heldSets.includes(id) || !needed.includes(id));
    this.#setProven(isKept && (this.#isProven || !hasHollowSet(needed, rows, live)));
    if (hasActed) return retryMs;
    return plan.needsReload ? reloadDueMs : timing.resyncMs;
  }

  /** A list too long to be told is far from empty, so the node may serve. */
  #concludeUnread(round: Round, reloadDueMs: number): number {
    this.#pace.keepOnly(round.plan.reasons);
    this.#proof.tellUnread(round);
    this.#setProven(true);
    return reloadDueMs > 0 ? reloadDueMs : this.#deps.timing.resyncMs;
  }

  #setProven(isProven: boolean): void {
    const isNew = isProven && !this.#isProven;
    this.#isProven = isProven;
    if (isNew) this.#onProven();
  }
}
