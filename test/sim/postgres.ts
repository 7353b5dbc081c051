import type { CommitOptions, Committed, TableHead } from '../../src/store/dispatcher-table.js';
import type { LiveProof } from '../../src/store/change-log.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { isOurs, rowKey } from '../../src/topology/dispatcher-row.js';
import type { Loss } from '../../src/topology/guard-budget.js';
import {
  DeposedError,
  HeldByGuardError,
  StoreConflictError,
  StoreUnavailableError,
} from '../../src/util/errors.js';
import type { Actor } from './actor.js';
import { WALL_BASE_MS } from './clock.js';
import type { Random } from './random.js';
import type { Scheduler } from './scheduler.js';

export type Rows = ReadonlyMap<string, DispatcherRow>;

interface AuditEntry {
  readonly id: string;
  readonly generation: number;
  readonly setids: ReadonlySet<number>;
}

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
  /** False: a broken build, whose commits are not fenced. */
  isFenced = true;
  /** What is added to the table's tables by hand counts as a change of the present generation. */
  readonly #audit: AuditEntry[] = [];
  readonly #live = new Set<string>();
  readonly #losses: { readonly setid: number; readonly count: number; readonly atMs: number }[] =
    [];
  readonly #deps: PostgresDeps;
  #committedAtMs = 0;
  #setHashes: Readonly<Record<string, string>> = {};
  #frozen: (() => void)[] = [];

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
      let isAnswered = false;
      const answer = (delayMs: number, settle: () => void): void => {
        scheduler.act(delayMs, actor, 'io', () => {
          if (isAnswered) return;
          isAnswered = true;
          settle();
        });
      };
      const lost = (why: string): StoreUnavailableError =>
        new StoreUnavailableError(`PostgreSQL cannot be reached: ${why}`);
      const execute = (): void => {
        if (this.mode === 'frozen') {
          this.#frozen.push(execute);
          return;
        }
        const outcome = outcomeOf(work);
        if (outcome.kind === 'done') actor.host.effect(`pg:${name}`, 'after');
        if (this.#losesAnswers.delete(actor.host.name)) {
          answer(REFUSED_MS, () => reject(lost('the connection was reset')));
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
          answer(REFUSED_MS, () => reject(lost('refused')));
          return;
        }
        answer(CLIENT_TIMEOUT_MS, () => reject(lost('timeout exceeded')));
        scheduler.world(this.#latencyMs(), execute);
      });
    });
  }

  readonly #losesAnswers = new Set<string>();

  /** The next answer to that host is lost, although the work is done. */
  loseAnswer(host: string): void {
    this.#losesAnswers.add(host);
  }

  takeEpoch(): number {
    this.epoch += 1;
    return this.epoch;
  }

  readTable(setids?: readonly number[]): { generation: number; rows: DispatcherRow[] } {
    const wanted = setids === undefined ? null : new Set(setids);
    const rows = [...this.rows.values()].filter((row) => wanted?.has(row.setid) ?? true);
    return { generation: this.generation, rows: rows.sort(byPlace) };
  }

  readHead(maxTraces: number): TableHead {
    const traces = this.#audit.slice(-maxTraces).map(({ id, generation }) => ({ id, generation }));
    const { generation } = this;
    return { generation, committedAtMs: this.#committedAtMs, setHashes: this.#setHashes, traces };
  }

  readLosses(windowMs: number): readonly Loss[] {
    const nowMs = this.#wallMs();
    return this.#losses
      .map(({ setid, count, atMs }) => ({ setid, count, ageMs: nowMs - atMs }))
      .filter(({ ageMs }) => ageMs < windowMs);
  }

  knownTraces(ids: readonly string[]): ReadonlySet<string> {
    const known = new Set(this.#audit.map(({ id }) => id));
    return new Set(ids.filter((id) => known.has(id)));
  }

  recordLive(proof: LiveProof): number {
    let noted = 0;
    for (const { id, generation, setids } of this.#audit) {
      if (generation > proof.generation || !proof.setids.some((s) => setids.has(s))) continue;
      const key = `${id} ${generation} ${proof.kamailio}`;
      if (!this.#live.has(key)) noted += 1;
      this.#live.add(key);
    }
    return noted;
  }

  commitPlan(host: string, plan: CommitOptions): Committed {
    if (this.isFenced && plan.epoch !== this.epoch) throw new DeposedError(plan.epoch, this.epoch);
    if (plan.base !== this.generation) {
      throw new StoreConflictError(`plan of ${plan.base}, table at ${this.generation}`);
    }
    const before = this.rows;
    const after = applyRows(before, plan);
    if (plan.changes.length > 0) {
      refuseEmpty(plan, after);
      this.generation += 1;
      this.rows = after;
      this.history.set(this.generation, after);
      this.#setHashes = plan.setHashes;
      this.#committedAtMs = this.#wallMs();
      const atMs = this.#committedAtMs;
      for (const [setid, count] of plan.losses) this.#losses.push({ setid, count, atMs });
    }
    this.#note(plan);
    this.#deps.trace(() => `pg commit ${describe(plan, this.generation, host)}`);
    this.#deps.onCommit({ host, plan, before, after, takenEpoch: this.epoch });
    return { generation: this.generation, committedAtMs: this.#wallMs() };
  }

  /** Somebody with psql. */
  editByHand(edit: (rows: Map<string, DispatcherRow>) => void): void {
    const rows = new Map(this.rows);
    edit(rows);
    this.rows = rows;
    this.history.set(this.generation, rows);
  }

  #note(plan: CommitOptions): void {
    const { generation } = this;
    for (const { traceId: id, rows } of plan.audit) {
      const same = this.#audit.filter((entry) => entry.id === id);
      if (rows.length === 0 && same.length > 0) continue;
      if (same.some((entry) => entry.generation === generation)) continue;
      this.#audit.push({ id, generation, setids: new Set(rows.map((row) => row.setid)) });
    }
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

/** As carna.apply_rows: all changes fit, or none is made. */
function applyRows(before: Rows, plan: CommitOptions): Rows {
  const after = new Map(before);
  for (const { kind, row } of plan.changes) {
    const key = rowKey(row);
    const found = after.get(key);
    const fits = kind === 'insert' ? found === undefined : found !== undefined && isOurs(found);
    if (!fits) throw new StoreConflictError('the dispatcher table changed meanwhile');
    if (kind === 'delete') after.delete(key);
    else after.set(key, { ...row });
  }
  return after;
}

function refuseEmpty(plan: CommitOptions, after: Rows): void {
  for (const { kind, row } of plan.changes) {
    if (kind !== 'delete' || plan.mayEmpty.includes(row.setid)) continue;
    if ([...after.values()].some((left) => left.setid === row.setid)) continue;
    throw new HeldByGuardError(`set ${row.setid} would end empty`);
  }
}

function byPlace(a: DispatcherRow, b: DispatcherRow): number {
  if (a.setid !== b.setid) return a.setid - b.setid;
  if (a.priority !== b.priority) return b.priority - a.priority;
  return a.destination < b.destination ? -1 : 1;
}

function describe(plan: CommitOptions, generation: number, host: string): string {
  const changes = plan.changes.map(({ kind, row }) => `${kind} ${rowKey(row)} ${row.flags}`);
  return `by ${host} epoch ${plan.epoch} generation ${generation}: ${changes.join(', ') || 'audit only'}`;
}
