import type { DispatcherRow } from '../topology/dispatcher-row.js';
import type { Spent } from '../topology/guard-budget.js';
import { noteSpent, shiftSpent, spentOf } from '../topology/guard-budget.js';
import { holdLost } from '../topology/lost-sets.js';
import type { NodeRecord } from '../topology/node.js';
import type { PassPlan } from '../topology/plan-pass.js';
import { hasNews } from '../topology/plan-pass.js';
import { planZones } from '../topology/plan-zones.js';
import { GenerationTeller } from './generation-teller.js';
import { HeldSince } from './held-since.js';
import { Newcomers } from './newcomers.js';
import { OverrideWords } from './override-words.js';
import type { PassResult } from './pass-result.js';
import type { ReconcilerDeps, Term } from './ports.js';
import type { Picture } from './table-picture.js';
import { TablePicture } from './table-picture.js';
import { TermFindings } from './term-findings.js';
import { RewriteGate } from './rewrite-gate.js';
import type { TermState } from './term-state.js';
import { forgetGone, unusedRows } from './vanished-owners.js';

/** One term as leader: the pass that brings the table up to date, and what must be remembered between two. */
export class LeaderTerm {
  readonly #deps: ReconcilerDeps;
  readonly #term: Term;
  readonly #state: TermState;
  readonly #table: TablePicture;
  readonly #gate: RewriteGate;
  readonly #teller: GenerationTeller;
  readonly #newcomers: Newcomers;
  readonly #findings: TermFindings;
  readonly #words: OverrideWords;
  /** Called at once: the pass may still fail to publish. */
  readonly #onCommitted: (generation: number, rowsChanged: number) => void;
  /** Null: what the leader before us told was not read yet. */
  #heldSince: HeldSince | null = null;
  /** In monotonic ms. */
  #spent: Spent = new Map();
  /** Wall clock in ms at which the first slow start is over. */
  #rampEndsMs: number | null = null;

  constructor(
    deps: ReconcilerDeps,
    term: Term,
    epoch: number,
    state: TermState,
    onCommitted: (generation: number, rowsChanged: number) => void,
  ) {
    this.#onCommitted = onCommitted;
    this.#deps = deps;
    this.#term = term;
    this.#state = state;
    this.#table = new TablePicture(deps, epoch);
    this.#gate = new RewriteGate(deps.clock, state);
    this.#teller = new GenerationTeller(deps, epoch);
    this.#newcomers = new Newcomers(state.witness, deps.clock);
    this.#words = new OverrideWords(deps);
    this.#findings = new TermFindings(deps, state.witness, this.#teller, state.remotes);
  }

  /** After a failure nothing is taken for granted: table, head and znode are looked at again. */
  distrust(): void {
    this.#table.distrust();
    this.#teller.markDue();
  }

  /** Reads what is not known, plans, commits, publishes. Rejects with a CarnaError; nothing is lost then. */
  async pass(): Promise<PassResult> {
    if (!this.#mayJudge()) return this.#idle();
    const seenAtMs = this.#deps.clock.wallMs();
    const judged = await this.#judge();
    if (judged === null) return this.#idle();
    const { picture, plan } = judged;
    this.#newcomers.want(plan.asking, this.#recordOf);
    this.#rampEndsMs = plan.rampEndsMs;
    const isBehind = this.#gate.note(this.#table.isBehind);
    if (isBehind && this.#gate.mustWait(this.#areJudged(plan))) return { ...this.#idle(), plan };
    const hasCommitted = isBehind || hasNews(plan);
    if (hasCommitted) await this.#commit(picture, plan, seenAtMs);
    this.#forgetGone();
    const isJudged = this.#noteFindings(plan);
    this.#heldSince?.note(plan.held, isJudged && this.#state.freshness.isSettled());
    this.#teller.noteHeld(plan.held);
    // A pass that only began to ask is over at once: the answer comes within milliseconds.
    const wroteZnode = (hasCommitted || !this.isWaiting()) && (await this.#publish());
    await this.#words.tidy();
    return { ...this.#idle(), plan, rowsChanged: plan.changes.length, wroteZnode, hasCommitted };
  }

  /** Has newcomers asked without waiting for the next pass; commits nothing. */
  look(): void {
    const picture = this.#table.current;
    if (picture === null || !this.#mayJudge()) return;
    this.#newcomers.want(this.#plan(picture).asking, this.#recordOf);
  }

  /** True while a newcomer's answer may come any moment. */
  isWaiting(): boolean {
    return this.#newcomers.isWaiting();
  }

  /** Before a table is written anew: who vanished is asked too, since its row may be of long ago. */
  #areJudged(plan: PassPlan): boolean {
    const areIn = [...plan.asking.values()].every(({ admission }) => admission === 'admitted');
    return this.#noteFindings(plan) && areIn;
  }

  /** Gives whether all who vanished were judged already. */
  #noteFindings(plan: PassPlan): boolean {
    const admissions = this.#newcomers.input(this.#recordOf).evidence;
    return this.#findings.note(plan, this.#rows(), admissions);
  }

  /** When something is due of itself: milliseconds from now. */
  dueInMs(): readonly number[] {
    const rampMs = this.#rampEndsMs === null ? null : this.#rampEndsMs - this.#deps.clock.wallMs();
    const rampInMs = rampMs === null ? null : Math.max(1, rampMs + 1);
    const all = [this.#newcomers.endsInMs(), this.#teller.dueInMs(), rampInMs];
    return [...all.filter((ms) => ms !== null), ...this.#gate.dueInMs()];
  }

  #mayJudge(): boolean {
    const isFresh = this.#deps.view.isFresh();
    this.#state.freshness.note(isFresh);
    return isFresh && this.#term.mayWrite() && !this.#term.signal.aborted;
  }

  #idle(): PassResult {
    const generation = this.#table.current?.head.generation ?? 0;
    const nothing = { rowsChanged: 0, wroteZnode: false, hasCommitted: false };
    return { plan: null, generation, ...nothing, found: this.#findings.current };
  }

  /**
   * The plan, and the picture of the table that it is of. What nobody explained is taken out of use only by
   * what the table holds now: somebody may have changed it by hand since it was read.
   */
  async #judge(): Promise<{ readonly picture: Picture; readonly plan: PassPlan } | null> {
    for (let wasRead = await this.#readDue(); ; wasRead = await this.#readDue()) {
      const picture = this.#table.current;
      if (picture === null || !this.#mayJudge()) return null;
      const plan = this.#plan(picture);
      if (plan.taken.size === 0 || wasRead) return { picture, plan };
      this.#table.outdate();
    }
  }

  /** True when the whole table was read. */
  async #readDue(): Promise<boolean> {
    const wasRead = await this.#table.readDue();
    const picture = this.#table.current;
    if (picture === null) return wasRead;
    if (wasRead) {
      const { table, budget, clock } = this.#deps;
      // The table tells of losses that an earlier leader made, or that we made without an answer.
      this.#spent = spentOf(await table.readLosses(budget.windowMs), clock.monoMs());
      await this.#words.read();
      await this.#teller.check(picture.head);
    }
    await this.#table.readKnown(() => this.#tracesToTell(picture));
    await this.#takeOver();
    return wasRead;
  }

  /** Reads, once, what the leader before us told: findings and holds keep their dates. */
  async #takeOver(): Promise<void> {
    if (this.#heldSince !== null) return;
    const before = await this.#teller.readBefore();
    this.#heldSince = new HeldSince(before);
    this.#findings.begin(before);
  }

  /** Also those of nodes whose admission is still open: they are told later. */
  #tracesToTell(picture: Picture): readonly string[] {
    const { audit, asking } = this.#plan(picture);
    const open = [...asking.keys()].map((nodeId) => this.#recordOf(nodeId)?.trace.id);
    const traces = [...audit.map((change) => change.traceId), ...open];
    return [...new Set(traces.filter((id) => id !== undefined))];
  }

  #plan({ rows, lost }: Picture): PassPlan {
    const { view, wiring, limits, budget, clock, newPassId } = this.#deps;
    const { memory, witness, freshness, remotes } = this.#state;
    const nodes = view.nodes();
    memory.observe(nodes);
    const witnessed = {
      evidence: witness.evidence(),
      silentSinceMs: witness.silentSinceMs(),
      admission: this.#newcomers.input(this.#recordOf),
    };
    const input = {
      nodes,
      intents: view.intents(),
      wiring,
      previous: rows,
      remembered: memory.vanished(),
      ...witnessed,
      isSettled: freshness.isSettled(),
      nowMs: clock.wallMs(),
      limits,
      heldSince: this.#heldSince?.dates ?? new Map(),
      // A step of the wall clock neither forgives losses nor keeps them for longer.
      spent: shiftSpent(this.#spent, clock.wallMs() - clock.monoMs()),
      freshForMs: freshness.freshForMs(),
      budget,
      unused: unusedRows(this.#table.returned(), this.#state),
      lost,
      overrides: this.#words.unused(),
      known: this.#table.known,
      passId: newPassId(),
    };
    return holdLost(planZones(input, remotes.inputs(witnessed)), input);
  }

  /** By the name that a node has here. */
  readonly #recordOf = (name: string): NodeRecord | undefined =>
    this.#deps.view.nodes().get(name)?.record ?? this.#state.remotes.recordOf(name);

  async #commit(picture: Picture, plan: PassPlan, seenAtMs: number): Promise<void> {
    const { generation } = await this.#table.commit(picture, plan, seenAtMs);
    this.#onCommitted(generation, plan.changes.length);
    this.#words.note(plan.released);
    this.#teller.markDue();
    this.#gate.note(false);
    const { clock, budget } = this.#deps;
    this.#spent = noteSpent(this.#spent, plan.taken, clock.monoMs(), budget);
  }

  #rows(): Iterable<DispatcherRow> {
    return this.#table.current?.rows.values() ?? [];
  }

  async #publish(): Promise<boolean> {
    const head = this.#table.current?.head;
    if (head === undefined || !this.#term.mayWrite()) return false;
    return await this.#teller.publish(head);
  }

  /** Memory is bounded by what stands in the table or is present; known traces by the same. */
  #forgetGone(): void {
    const { memory, remotes } = this.#state;
    forgetGone(this.#state, this.#rows());
    const nodes = this.#deps.view.nodes().size + memory.vanished().size + remotes.size;
    this.#table.trimKnown(KNOWN_PER_NODE * nodes + KNOWN_SPARE);
  }
}

/** Known traces are dropped and read again beyond this many per node, plus some. */
const KNOWN_PER_NODE = 4;
const KNOWN_SPARE = 1_000;
