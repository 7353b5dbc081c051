import { applyChanges } from '../topology/diff-rows.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { describeRow, rowKey } from '../topology/dispatcher-row.js';
import type { HeldSet } from '../topology/guard.js';
import { heldRecords, sameHeld } from '../topology/held.js';
import type { GenerationRecord, HeldRecord } from '../topology/node.js';
import { MAX_TRACES } from '../topology/node.js';
import type { PassPlan } from '../topology/plan-pass.js';
import type { Spent } from '../topology/guard-budget.js';
import { noteSpent } from '../topology/guard-budget.js';
import { hashSets, planPass } from '../topology/plan-pass.js';
import { StoreConflictError } from '../util/errors.js';
import type { Freshness } from './freshness.js';
import type { NodeMemory } from './node-memory.js';
import type { ReconcilerDeps, Term } from './ports.js';
import type { Head } from './table-head.js';
import { appendTraces, isSame, rehash } from './table-head.js';
import type { Witness } from './witness.js';

/** What a pass did. */
export interface PassResult {
  /** Null when nothing could be judged: the view is stale or we may not write. */
  readonly plan: PassPlan | null;
  readonly generation: number;
  readonly rowsChanged: number;
  readonly wroteZnode: boolean;
}

/**
 * One term as leader: what it knows of the table, and the pass that brings the table up to date.
 *
 * Between two full reads it trusts its own picture of the table: every commit is conditional on the
 * generation that the picture is of, so a wrong picture costs a retry, never a wrong row.
 */
export class LeaderTerm {
  readonly epoch: number;
  readonly #deps: ReconcilerDeps;
  readonly #term: Term;
  readonly #memory: NodeMemory;
  readonly #freshness: Freshness;
  readonly #witness: Witness;
  /** Called at once: the pass may still fail to publish. */
  readonly #onCommitted: (generation: number, rowsChanged: number) => void;
  /** Null: must be read. */
  #rows: ReadonlyMap<string, DispatcherRow> | null = null;
  #head: Head | null = null;
  /** Traces of the nodes present and of those remembered that the audit holds. */
  #known: Set<string> | null = null;
  #heldSince: ReadonlyMap<number, number> = new Map();
  #held: readonly HeldRecord[] = [];
  #spent: Spent = new Map();
  #isZnodeDue = true;
  #nextFullReadMs = 0;

  constructor(
    deps: ReconcilerDeps,
    term: Term,
    epoch: number,
    state: {
      readonly memory: NodeMemory;
      readonly freshness: Freshness;
      readonly witness: Witness;
    },
    onCommitted: (generation: number, rowsChanged: number) => void,
  ) {
    this.#onCommitted = onCommitted;
    this.#deps = deps;
    this.#term = term;
    this.epoch = epoch;
    this.#memory = state.memory;
    this.#freshness = state.freshness;
    this.#witness = state.witness;
  }

  /** After a failure nothing is taken for granted: table, head and znode are looked at again. */
  distrust(): void {
    this.#rows = null;
    this.#head = null;
    this.#known = null;
    this.#isZnodeDue = true;
  }

  /** Reads what is not known, plans, commits, publishes. Rejects with a CarnaError; nothing is lost then. */
  async pass(): Promise<PassResult> {
    if (!this.#mayJudge()) return this.#idle();
    const seenAtMs = this.#deps.clock.wallMs();
    await this.#readDue();
    const rows = this.#rows;
    const head = this.#head;
    if (rows === null || head === null || !this.#mayJudge()) return this.#idle();
    const plan = this.#plan(rows);
    let after = head;
    if (plan.changes.length > 0 || plan.audit.length > 0) {
      if (!this.#term.mayWrite()) return this.#idle();
      after = await this.#commit(rows, head, plan, seenAtMs);
      const { clock, budget } = this.#deps;
      this.#spent = noteSpent(this.#spent, plan.taken, clock.wallMs(), budget);
    }
    this.#noteHeld(plan.held);
    for (const setid of plan.released) await this.#deps.overrides.remove(setid);
    this.#forgetGone();
    this.#witness.watch(this.#destinationsOf(plan.silent));
    const wroteZnode = await this.#publish();
    const rowsChanged = plan.changes.length;
    return { plan, generation: after.generation, rowsChanged, wroteZnode };
  }

  #mayJudge(): boolean {
    const isFresh = this.#deps.view.isFresh();
    this.#freshness.note(isFresh);
    return isFresh && this.#term.mayWrite() && !this.#term.signal.aborted;
  }

  #idle(): PassResult {
    const generation = this.#head?.generation ?? 0;
    return { plan: null, generation, rowsChanged: 0, wroteZnode: false };
  }

  async #readDue(): Promise<void> {
    const { table, generation, clock, timing } = this.#deps;
    if (clock.monoMs() >= this.#nextFullReadMs || this.#rows === null || this.#head === null) {
      const head = await table.readHead(MAX_TRACES);
      const { rows, generation: current } = await table.readTable();
      if (current !== head.generation) throw new StoreConflictError('the table moved while read');
      this.#rows = new Map(rows.map((row) => [rowKey(row), row] as const));
      this.#head = {
        generation: head.generation,
        committedAtMs: head.committedAtMs,
        sets: hashSets(rows),
        traces: head.traces,
      };
      if (!this.#isZnodeDue) {
        this.#isZnodeDue = !isSame(await generation.read(), this.#record(this.#head));
      }
      this.#nextFullReadMs = clock.monoMs() + timing.resyncMs;
    }
    this.#known ??= await this.#readKnown();
  }

  /** What an earlier leader told already is not told again. */
  async #readKnown(): Promise<Set<string>> {
    const known = await this.#deps.table.knownTraces(
      this.#plan(this.#rows ?? new Map()).audit.map((change) => change.traceId),
    );
    return new Set(known);
  }

  #plan(rows: ReadonlyMap<string, DispatcherRow>): PassPlan {
    const { view, wiring, limits, budget, clock, newPassId } = this.#deps;
    const nodes = view.nodes();
    this.#memory.observe(nodes);
    return planPass({
      nodes,
      intents: view.intents(),
      wiring,
      previous: rows,
      remembered: this.#memory.vanished(),
      evidence: this.#witness.evidence(),
      silentSinceMs: this.#witness.silentSinceMs(),
      isSettled: this.#freshness.isSettled(),
      nowMs: clock.wallMs(),
      limits,
      heldSince: this.#heldSince,
      spent: this.#spent,
      freshForMs: this.#freshness.freshForMs(),
      budget,
      overrides: view.overrides(),
      known: this.#known ?? new Set(),
      passId: newPassId(),
    });
  }

  async #commit(
    rows: ReadonlyMap<string, DispatcherRow>,
    head: Head,
    plan: PassPlan,
    seenAtMs: number,
  ): Promise<Head> {
    const after = applyChanges(rows, plan.changes);
    const sets = rehash(head.sets, after, plan.changes);
    const done = await this.#deps.table.commitPlan({
      dc: this.#deps.dc,
      epoch: this.epoch,
      base: head.generation,
      changes: plan.changes,
      mayEmpty: plan.mayEmpty,
      audit: plan.audit,
      setHashes: sets,
      seenAtMs,
    });
    this.#rows = after;
    const isNew = done.generation !== head.generation;
    const now: Head = {
      generation: done.generation,
      committedAtMs: isNew ? done.committedAtMs : head.committedAtMs,
      sets,
      traces: appendTraces(head.traces, plan.audit, done.generation),
    };
    for (const change of plan.audit) this.#known?.add(change.traceId);
    this.#head = now;
    this.#onCommitted(now.generation, plan.changes.length);
    this.#isZnodeDue = true;
    return now;
  }

  /** Where the rows of these nodes point; a node with several rows is asked at one of them. */
  #destinationsOf(nodeIds: readonly string[]): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    if (nodeIds.length === 0) return found;
    const byDescription = new Map(nodeIds.map((nodeId) => [describeRow(nodeId), nodeId]));
    for (const row of this.#rows?.values() ?? []) {
      const nodeId = byDescription.get(row.description);
      if (nodeId !== undefined && !found.has(nodeId)) found.set(nodeId, row.destination);
    }
    return found;
  }

  async #publish(): Promise<boolean> {
    if (!this.#isZnodeDue || this.#head === null || !this.#term.mayWrite()) return false;
    await this.#deps.generation.write(this.#record(this.#head));
    this.#isZnodeDue = false;
    return true;
  }

  /** What is held is told with the generation, again whenever it changes. */
  #noteHeld(held: readonly HeldSet[]): void {
    this.#heldSince = new Map(held.map(({ setid, sinceMs }) => [setid, sinceMs] as const));
    const told = heldRecords(held);
    if (sameHeld(told, this.#held)) return;
    this.#held = told;
    this.#isZnodeDue = true;
  }

  #record(head: Head): GenerationRecord {
    const held = this.#held.length === 0 ? {} : { held: this.#held };
    return { schema: 1, epoch: this.epoch, ...head, ...held };
  }

  /** Memory is bounded by what stands in the table or is present; known traces by the same. */
  #forgetGone(): void {
    const vanished = this.#memory.vanished();
    if (vanished.size > 0) {
      const owners = new Set(
        [...(this.#rows ?? new Map<string, DispatcherRow>()).values()].map(
          (row) => row.description,
        ),
      );
      this.#memory.forget((nodeId) => owners.has(describeRow(nodeId)));
    }
    const limit = KNOWN_PER_NODE * (this.#deps.view.nodes().size + vanished.size) + KNOWN_SPARE;
    if (this.#known !== null && this.#known.size > limit) this.#known = null;
  }
}

/** Known traces are dropped and read again beyond this many per node, plus some. */
const KNOWN_PER_NODE = 4;
const KNOWN_SPARE = 1_000;
