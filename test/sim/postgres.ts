import type {
  CommitOptions,
  Committed,
  EpochOptions,
  TableHead,
} from '../../src/store/dispatcher-table.js';
import type { LiveProof } from '../../src/store/change-log.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { rowKey } from '../../src/topology/dispatcher-row.js';
import type { Loss } from '../../src/topology/guard-budget.js';
import { DeposedError, StoreConflictError, StoreUnavailableError } from '../../src/util/errors.js';
import type { Actor } from './actor.js';
import { WALL_BASE_MS } from './clock.js';
import { Changes } from './postgres-changes.js';
import type { Before } from './postgres-before.js';
import type { Rows } from './postgres-rows.js';
import { applyRows, refuseEmpty, rowsOf } from './postgres-rows.js';
import type { Random } from './random.js';
import type { Scheduler } from './scheduler.js';

/** What is told of a commit that took place. */
export interface CommitReport {
  readonly host: string;
  readonly plan: CommitOptions;
  readonly before: Rows;
  readonly after: Rows;
  readonly takenEpoch: number;
}

export interface PostgresDeps {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly trace: (text: () => string) => void;
  readonly onCommit: (report: CommitReport) => void;
}

const CLIENT_TIMEOUT_MS = 5_000;
const REFUSED_MS = 1;

/** The database as the store sees it: the semantics of the migrations over plain values. */
export class Postgres {
  rows: Rows = new Map();
  generation = 0;
  epoch = 0;
  /** `frozen`: what is asked waits and is done when it goes on, however late. */
  mode: 'up' | 'refusing' | 'frozen' = 'up';
  /** Added to each answer's time. */
  slowMs = 0;
  /** The rows of each generation. */
  readonly history = new Map<number, Rows>([[0, new Map()]]);
  /** When the last override was said that a commit used, by setid. */
  usedOverrides: Map<number, number> = new Map();
  /** False: a broken build, whose commits are not fenced. */
  isFenced = true;
  readonly #changes = new Changes();
  readonly #losses: { readonly setid: number; readonly count: number; readonly atMs: number }[] =
    [];
  readonly #losesAnswers = new Set<string>();
  readonly #deps: PostgresDeps;
  #head: Before['head'] = { committedAtMs: 0, setHashes: {} };
  #frozen: (() => void)[] = [];
  /** Before each commit that changed rows, oldest first. */
  readonly #before: Before[] = [];

  constructor(deps: PostgresDeps) {
    this.#deps = deps;
  }

  thaw(): void {
    this.mode = 'up';
    for (const work of this.#frozen.splice(0)) this.#deps.scheduler.world(1, work);
  }

  /** One statement of a process: sent, done, answered; each of these may be lost or late. */
  async call<T>(actor: Actor, name: string, work: () => T): Promise<T> {
    const { scheduler } = this.#deps;
    return new Promise<T>((resolve, reject) => {
      if (actor.state === 'dead') return;
      const answer = this.#answersOnce(actor);
      const fail = (delayMs: number, why: string): void =>
        answer(delayMs, () =>
          reject(new StoreUnavailableError(`PostgreSQL cannot be reached: ${why}`)),
        );
      const execute = (): void => {
        if (this.mode === 'frozen') {
          this.#frozen.push(execute);
          return;
        }
        const outcome = outcomeOf(work);
        if (outcome.kind === 'done') actor.host.effect(`pg:${name}`, 'after');
        if (this.#losesAnswers.delete(actor.host.name)) {
          fail(REFUSED_MS, 'the connection was reset');
          return;
        }
        answer(this.#latencyMs(), () => {
          if (outcome.kind === 'done') resolve(outcome.value);
          else reject(outcome.error);
        });
      };
      actor.host.effect(`pg:${name}`, 'before');
      // Held while the process stands still: it read, and has not yet written.
      scheduler.act(0, actor, 'io', () => {
        if (this.mode === 'refusing') {
          fail(REFUSED_MS, 'refused');
          return;
        }
        fail(CLIENT_TIMEOUT_MS, 'timeout exceeded');
        scheduler.world(this.#latencyMs(), execute);
      });
    });
  }

  /** The next answer to that host is lost, although the work is done. */
  loseAnswer(host: string): void {
    this.#losesAnswers.add(host);
  }

  takeEpoch({ floor = 0 }: Pick<EpochOptions, 'floor'>): number {
    this.epoch = Math.max(this.epoch, floor) + 1;
    return this.epoch;
  }

  /**
   * A standby is promoted that lacks the last `commits` that changed rows, and whatever came later. Gives
   * when the first of them was made; null when there were not so many.
   */
  goBack(commits: number): number | null {
    if (this.#before.length <= commits) return null;
    const [before] = this.#before.splice(-commits);
    if (before === undefined) return null;
    this.rows = before.rows;
    this.generation = before.generation;
    this.epoch = before.epoch;
    this.#head = before.head;
    this.#changes.keep(before.changes);
    this.#losses.length = before.losses;
    this.usedOverrides = new Map(before.usedOverrides);
    return before.atMs;
  }

  readTable(setids?: readonly number[]): { generation: number; rows: DispatcherRow[] } {
    return { generation: this.generation, rows: rowsOf(this.rows, setids) };
  }

  readHead(maxTraces: number): TableHead {
    const traces = this.#changes.newest(maxTraces);
    return { generation: this.generation, ...this.#head, traces };
  }

  readLosses(windowMs: number): readonly Loss[] {
    const nowMs = this.#wallMs();
    return this.#losses
      .map(({ setid, count, atMs }) => ({ setid, count, ageMs: nowMs - atMs }))
      .filter(({ ageMs }) => ageMs < windowMs);
  }

  knownTraces(ids: readonly string[]): ReadonlySet<string> {
    return this.#changes.known(ids);
  }

  recordLive(proof: LiveProof): number {
    return this.#changes.recordLive(proof);
  }

  commitPlan(host: string, plan: CommitOptions): Committed {
    if (this.isFenced && plan.epoch !== this.epoch) throw new DeposedError(plan.epoch, this.epoch);
    if (plan.base !== this.generation) {
      throw new StoreConflictError(`plan of ${plan.base}, table at ${this.generation}`);
    }
    const before = this.rows;
    const after = applyRows(before, plan);
    const floor = Math.max(plan.floor ?? 0, this.generation);
    if (plan.changes.length > 0 || floor > this.generation) {
      refuseEmpty(plan, after);
      this.#remember();
      this.generation = floor + 1;
      this.rows = after;
      this.history.set(this.generation, after);
      const atMs = this.#wallMs();
      this.#head = { committedAtMs: atMs, setHashes: plan.setHashes };
      for (const { setid, since } of plan.overrides) this.usedOverrides.set(setid, since);
      for (const [setid, count] of plan.losses) this.#losses.push({ setid, count, atMs });
    }
    this.#changes.note(plan, this.generation);
    this.#deps.trace(() => `pg commit ${describe(plan, this.generation, host)}`);
    this.#deps.onCommit({ host, plan, before, after, takenEpoch: this.epoch });
    return { generation: this.generation, committedAtMs: this.#wallMs() };
  }

  #remember(): void {
    const { rows, generation, epoch } = this;
    const [changes, losses] = [this.#changes.count, this.#losses.length];
    const [atMs, head] = [this.#deps.scheduler.nowMs, this.#head];
    const usedOverrides = new Map(this.usedOverrides);
    const counts = { changes, losses, usedOverrides };
    this.#before.push({ atMs, rows, generation, epoch, head, ...counts });
  }

  /** Somebody with psql; it counts as a change of the present generation. */
  editByHand(edit: (rows: Map<string, DispatcherRow>) => void): void {
    const rows = new Map(this.rows);
    edit(rows);
    this.rows = rows;
    this.history.set(this.generation, rows);
  }

  /** Lets the first of several answers settle a statement, each after its own time. */
  #answersOnce(actor: Actor): (delayMs: number, settle: () => void) => void {
    let isAnswered = false;
    return (delayMs, settle) => {
      this.#deps.scheduler.act(delayMs, actor, 'io', () => {
        if (isAnswered) return;
        isAnswered = true;
        settle();
      });
    };
  }

  #wallMs(): number {
    return WALL_BASE_MS + this.#deps.scheduler.nowMs;
  }

  #latencyMs(): number {
    return this.#deps.random.between(0.3, 3) + this.slowMs;
  }
}

type Outcome<T> =
  { readonly kind: 'done'; readonly value: T } | { readonly kind: 'failed'; readonly error: Error };

function outcomeOf<T>(work: () => T): Outcome<T> {
  try {
    return { kind: 'done', value: work() };
  } catch (err) {
    return { kind: 'failed', error: err instanceof Error ? err : new Error(String(err)) };
  }
}

function describe(plan: CommitOptions, generation: number, host: string): string {
  const changes = plan.changes.map(({ kind, row }) => `${kind} ${rowKey(row)} ${row.flags}`);
  return `by ${host} epoch ${plan.epoch} generation ${generation}: ${changes.join(', ') || 'audit only'}`;
}
