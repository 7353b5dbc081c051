import { backoffMs } from '../util/backoff.js';
import { CarnaError, DeposedError, messageOf, StoreConflictError } from '../util/errors.js';
import { runGroup } from '../util/lifecycle.js';
import type { PassPlan } from '../topology/plan-pass.js';
import { Freshness } from './freshness.js';
import type { PassResult } from './leader-term.js';
import { LeaderTerm } from './leader-term.js';
import { recordLiveProofs } from './live-recorder.js';
import { NodeMemory } from './node-memory.js';
import type { ReconcilerDeps, Term } from './ports.js';
import type { ReconcilerStatus } from './status.js';
import { counted, IDLE_STATUS } from './status.js';
import { Witness } from './witness.js';

/** A reconciler: warm from its opening to its closing, writing only while it leads. */
export interface Reconciler {
  /**
   * Keeps the table equal to the topology until the term ends or a newer leader deposes us, then
   * resolves. A pass is not cut; its calls have their own deadlines. Not to be run twice at once.
   */
  lead(term: Term): Promise<void>;
  status(): ReconcilerStatus;
  /** Stops listening to the view. */
  close(): void;
}

/** Begins to watch the view; writes nothing before `lead`. */
export function openReconciler(deps: ReconcilerDeps): Reconciler {
  const state = new State(deps);
  const unsubscribe = deps.view.subscribe(() => {
    state.observe();
    deps.bell.ring();
  }, ['nodes', 'intents', 'overrides']);
  state.observe();
  return {
    lead: (term) => lead(deps, state, term),
    status: () => state.current(),
    close: unsubscribe,
  };
}

/** What outlives a term: memory of nodes, freshness, status. */
class State {
  readonly memory = new NodeMemory();
  readonly freshness: Freshness;
  readonly witness: Witness;
  status: ReconcilerStatus = IDLE_STATUS;
  readonly #deps: ReconcilerDeps;

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
    this.freshness = new Freshness(deps.clock, deps.timing.settleMs);
    const { clock, log } = deps;
    const onChange = (): void => deps.bell.ring();
    this.witness = new Witness({ ...deps.witness, clock, onChange, log });
  }

  /** A stale view is not remembered: what it lacks may still be there. */
  observe(): void {
    const isFresh = this.#deps.view.isFresh();
    this.freshness.note(isFresh);
    if (isFresh) this.memory.observe(this.#deps.view.nodes());
  }

  current(): ReconcilerStatus {
    const isFresh = this.#deps.view.isFresh();
    return { ...this.status, isFresh, isSettled: isFresh && this.freshness.isSettled() };
  }
}

async function lead(deps: ReconcilerDeps, state: State, term: Term): Promise<void> {
  state.status = { ...state.status, isLeader: true };
  const noteLive = (changes: number): void => {
    state.status = counted(state.status, { liveNoted: changes });
  };
  try {
    await runGroup(
      [
        (signal) =>
          reconcile(deps, state, { signal, mayWrite: () => term.mayWrite(), czxid: term.czxid }),
        (signal) => recordLiveProofs(deps, noteLive, signal),
        (signal) => state.witness.run(signal),
      ],
      term.signal,
    );
  } finally {
    state.status = { ...state.status, isLeader: false, epoch: null };
  }
}

async function reconcile(deps: ReconcilerDeps, state: State, term: Term): Promise<void> {
  let own: LeaderTerm | null = null;
  let failures = 0;
  while (!term.signal.aborted) {
    let waitMs = deps.timing.resyncMs;
    try {
      if (own === null && term.mayWrite()) own = await beginTerm(deps, state, term);
      const isDone = own !== null && (await onePass(deps, state, own));
      failures = 0;
      waitMs = nextPassMs(deps, state, isDone);
    } catch (err) {
      if (err instanceof DeposedError) return resign(deps, state, err);
      if (!(err instanceof CarnaError)) throw err;
      own?.distrust();
      waitMs = backoffMs(failures, deps.timing.retry, deps.random);
      noteFailure(deps, state, err, failures);
      failures += 1;
    }
    // Whatever rings in the quiet time is seen by the next pass, which then starts at once.
    await deps.wait(deps.timing.quietMs, term.signal);
    await deps.bell.wait(Math.max(0, waitMs - deps.timing.quietMs), term.signal);
  }
}

async function beginTerm(deps: ReconcilerDeps, state: State, term: Term): Promise<LeaderTerm> {
  const { dc, holder } = deps;
  const epoch = await deps.table.takeEpoch({ dc, holder, czxid: term.czxid });
  deps.log.info({ epoch }, 'leading');
  state.status = { ...state.status, epoch };
  return new LeaderTerm(deps, term, epoch, state, (generation, rowsChanged) => {
    const by = { commits: rowsChanged > 0 ? 1 : 0, rowsChanged };
    state.status = counted({ ...state.status, generation }, by);
  });
}

/** True when the pass could judge. */
async function onePass(deps: ReconcilerDeps, state: State, own: LeaderTerm): Promise<boolean> {
  const startMs = deps.clock.monoMs();
  const result = await own.pass();
  if (result.plan === null) {
    state.status = counted(state.status, { stalePasses: 1 });
    return false;
  }
  report(deps, state.status, result.plan, result);
  state.status = counted(
    {
      ...state.status,
      generation: result.generation,
      held: result.plan.held,
      refused: result.plan.refused,
      conflicts: result.plan.conflicts,
      foreign: result.plan.foreign,
      silent: result.plan.silent,
      lastPassMs: deps.clock.monoMs() - startMs,
      lastPassAtMs: deps.clock.wallMs(),
      failure: null,
    },
    {
      passes: 1,
      znodeWrites: result.wroteZnode ? 1 : 0,
    },
  );
  return true;
}

/** A pass that could not judge is repeated soon; a view that is about to settle gets a pass of its own. */
function nextPassMs(deps: ReconcilerDeps, state: State, isDone: boolean): number {
  if (!isDone) return deps.timing.retry.maxMs;
  const { resyncMs } = deps.timing;
  const limboMs = Math.min(resyncMs, ...limboEndsInMs(deps, state));
  const settlesInMs = state.freshness.settlesInMs();
  if (settlesInMs === null || settlesInMs === 0) return limboMs;
  return Math.min(limboMs, settlesInMs + 1);
}

/** When rows of silent nodes are due to go; those that a guard holds wait for the resync. */
function limboEndsInMs(deps: ReconcilerDeps, state: State): number[] {
  const nowMs = deps.clock.wallMs();
  return [...state.witness.silentSinceMs().values()]
    .map((sinceMs) => sinceMs + deps.limits.limboMs - nowMs + 1)
    .filter((ms) => ms > 0);
}

function resign(deps: ReconcilerDeps, state: State, err: DeposedError): void {
  deps.log.warn({ err }, 'deposed by a newer leader');
  state.status = counted(state.status, { deposed: 1 });
}

function noteFailure(
  deps: ReconcilerDeps,
  state: State,
  err: CarnaError,
  failuresBefore: number,
): void {
  state.status = counted({ ...state.status, failure: messageOf(err) }, { failures: 1 });
  if (err instanceof StoreConflictError) deps.log.info({ err }, 'table changed meanwhile');
  else if (failuresBefore === 0) deps.log.error({ err }, 'reconcile failed, will retry');
}

/** Each change of a fact is told once, not each pass. */
function report(
  deps: ReconcilerDeps,
  before: ReconcilerStatus,
  plan: PassPlan,
  result: PassResult,
): void {
  if (result.rowsChanged > 0) {
    const traces = plan.audit.map((change) => change.traceId);
    deps.log.info(
      { generation: result.generation, changes: result.rowsChanged, traces },
      'dispatcher table reconciled',
    );
  }
  const facts = [
    ['held', 'a guard holds changes back'],
    ['refused', 'rows refused'],
    ['conflicts', 'two nodes claim one address'],
    ['foreign', 'a row of somebody else stands where a node should'],
    ['silent', 'nodes vanished without a goodbye, their rows are kept'],
  ] as const;
  for (const [name, message] of facts) {
    if (plan[name].length > 0 && JSON.stringify(plan[name]) !== JSON.stringify(before[name])) {
      deps.log.warn({ [name]: plan[name] }, message);
    }
  }
}
