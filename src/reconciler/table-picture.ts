import { applyChanges } from '../topology/diff-rows.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { rowKey } from '../topology/dispatcher-row.js';
import { MAX_TRACES } from '../topology/node.js';
import type { PassPlan } from '../topology/plan-pass.js';
import { hashSets } from '../topology/plan-pass.js';
import type { LostSets } from '../topology/lost-sets.js';
import { findLost, lostIn, markLost, stillLost } from '../topology/lost-sets.js';
import type { TableHead } from '../store/dispatcher-table.js';
import { StoreConflictError } from '../util/errors.js';
import type { ReconcilerDeps } from './ports.js';
import type { Head } from './table-head.js';
import { appendTraces, rehash } from './table-head.js';

/** What a leader knows of the table. */
export interface Picture {
  readonly rows: ReadonlyMap<string, DispatcherRow>;
  /** With the lost sets. */
  readonly head: Head;
  readonly lost: LostSets;
}

type TablePictureDeps = Pick<
  ReconcilerDeps,
  'dc' | 'holder' | 'wiring' | 'table' | 'generation' | 'clock' | 'timing' | 'log'
>;

/**
 * The leader's own picture of the table, kept between two full reads: every commit is conditional on the
 * generation that the picture is of, so a wrong picture costs a retry, never a wrong row.
 *
 * A PostgreSQL that lost commits would give their generations to other rows. Each commit is therefore told the
 * highest one that was heard of, here or in the znode. A znode that was read late only makes that number
 * lower, as if nothing had been heard: the fence is the epoch, and asks for none of this.
 */
export class TablePicture {
  readonly #deps: TablePictureDeps;
  readonly #epoch: number;
  /** Null: must be read. */
  #picture: Picture | null = null;
  /** Traces of the nodes present and of those remembered that the audit holds; null: must be read. */
  #known: Set<string> | null = null;
  #nextFullReadMs = 0;
  /** Of the highest generation that was read, committed or told. */
  #said: Pick<Head, 'generation' | 'sets'> = { generation: 0, sets: {} };
  /** The rows of the newest version that was read or committed in this term; null = none was. */
  #newest: Picture['rows'] | null = null;

  constructor(deps: TablePictureDeps, epoch: number) {
    this.#deps = deps;
    this.#epoch = epoch;
  }

  get current(): Picture | null {
    return this.#picture;
  }

  get known(): ReadonlySet<string> {
    return this.#known ?? NOTHING;
  }

  /** True when PostgreSQL lost commits: the table must be written anew, even if its rows are right. */
  get isBehind(): boolean {
    return this.#picture !== null && this.#picture.head.generation < this.#said.generation;
  }

  /** The rows that came back with a table that is behind: as far as this term knows no Kamailio holds them. */
  returned(): readonly DispatcherRow[] {
    if (this.#picture === null || !this.isBehind) return [];
    const rows = [...this.#picture.rows.values()];
    return rows.filter((row) => this.#newest?.has(rowKey(row)) !== true);
  }

  /** The table is read again the next time, known traces are not. */
  outdate(): void {
    this.#picture = null;
  }

  distrust(): void {
    this.#picture = null;
    this.#known = null;
  }

  /** Reads the whole table when that is due; true when it did. Rejects with a CarnaError. */
  async readDue(): Promise<boolean> {
    const { table, generation: znode, clock, timing } = this.#deps;
    if (clock.monoMs() < this.#nextFullReadMs && this.#picture !== null) return false;
    const told = await znode.read(); // Before the table, which is never behind it then.
    const head = await table.readHead(MAX_TRACES);
    const { rows, generation } = await table.readTable();
    if (generation !== head.generation) throw new StoreConflictError('the table moved while read');
    if (told !== null && told.generation > this.#said.generation) this.#said = told;
    const picture = this.#pictureOf(head, rows);
    this.#picture = picture;
    if (this.isBehind) {
      this.#known = null; // Of the commits that were lost.
    } else {
      this.#said = picture.head;
      this.#newest = picture.rows;
    }
    this.#nextFullReadMs = clock.monoMs() + timing.resyncMs;
    return true;
  }

  #pictureOf(table: TableHead, rows: readonly DispatcherRow[]): Picture {
    const { generation, committedAtMs, setHashes, traces } = table;
    const found = hashSets(rows);
    const isBehind = generation < this.#said.generation;
    const lost = isBehind
      ? findLost(this.#said.sets, found, this.#deps.wiring)
      : lostIn(setHashes, found);
    const head = { generation, committedAtMs, sets: { ...lost, ...found }, traces };
    return { rows: new Map(rows.map((row) => [rowKey(row), row] as const)), head, lost };
  }

  /** What an earlier leader told already is not told again: of the traces given, those that the audit holds. */
  async readKnown(traces: () => readonly string[]): Promise<void> {
    this.#known ??= new Set(await this.#deps.table.knownTraces(traces()));
  }

  /** Known traces beyond this number are dropped and read again. */
  trimKnown(limit: number): void {
    if (this.#known !== null && this.#known.size > limit) this.#known = null;
  }

  /** Makes the plan's changes. Rejects with a CarnaError; the picture stays as it was then. */
  async commit(
    { rows, head, lost: before }: Picture,
    plan: PassPlan,
    seenAtMs: number,
  ): Promise<Head> {
    const after = applyChanges(rows, plan.changes);
    const lost = stillLost(before, plan);
    const sets = rehash(head.sets, after, plan.changes, plan.letGo);
    const highest = this.#said.generation;
    const done = await this.#deps.table.commitPlan({
      dc: this.#deps.dc,
      epoch: this.#epoch,
      holder: this.#deps.holder,
      base: head.generation,
      // A set that is let go is emptied by a version of its own: agents obey nothing else.
      floor: plan.letGo.length === 0 ? highest : Math.max(highest, head.generation + 1),
      changes: plan.changes,
      mayEmpty: plan.mayEmpty,
      losses: plan.taken,
      overrides: plan.released,
      audit: plan.audit,
      setHashes: markLost(sets, lost),
      seenAtMs,
    });
    const isNew = done.generation !== head.generation;
    const now: Head = {
      generation: done.generation,
      committedAtMs: isNew ? done.committedAtMs : head.committedAtMs,
      sets,
      traces: appendTraces(head.traces, plan.audit, done.generation),
    };
    if (this.isBehind) {
      const lost = { behind: head.generation, told: highest, generation: now.generation };
      this.#deps.log.warn(lost, 'PostgreSQL went back in time, its table is written anew');
    }
    for (const change of plan.audit) this.#known?.add(change.traceId);
    this.#picture = { rows: after, head: now, lost };
    this.#said = now;
    this.#newest = after;
    return now;
  }
}

const NOTHING: ReadonlySet<string> = new Set();
