import { backoffMs } from '../util/backoff.js';
import { CarnaError, DeposedError, messageOf, StoreConflictError } from '../util/errors.js';
import { runGroup } from '../util/lifecycle.js';
import { Freshness } from './freshness.js';
import { LeaderTerm } from './leader-term.js';
import { recordLiveProofs } from './live-recorder.js';
import { NodeMemory } from './node-memory.js';
import { passStatus, reportPass } from './pass-report.js';
import type { ReconcilerDeps, Term } from './ports.js';
import type { ReconcilerStatus } from './status.js';
import { counted, IDLE_STATUS, retired } from './status.js';
import { Remotes } from './remotes.js';
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
  const look = (): void => {
    state.observe();
    state.ring();
  };
  const own = deps.view.subscribe(look, ['nodes', 'intents', 'overrides']);
  const others = deps.remotes.map((view) => view.subscribe(look));
  state.observe();
  return {
    lead: (term) => lead(deps, state, term),
    status: () => state.current(),
    close: () => {
      for (const off of [own, ...others]) off();
    },
  };
}

/** What outlives a term: memory of nodes, freshness, status. */
class State {
  readonly memory = new NodeMemory();
  readonly freshness: Freshness;
  readonly remotes: Remotes;
  readonly witness: Witness;
  status: ReconcilerStatus = IDLE_STATUS;
  readonly #deps: ReconcilerDeps;
  #isRung = false;

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
    const { clock, wiring, timing, log } = deps;
    this.freshness = new Freshness(clock, timing.settleMs);
    this.remotes = new Remotes(deps.remotes, { clock, wiring, settleMs: timing.settleMs });
    const onChange = (): void => deps.bell.ring();
    this.witness = new Witness({ ...deps.witness, clock, onChange, log });
  }

  /** The view changed. */
  ring(): void {
    this.#isRung = true;
    this.#deps.bell.ring();
  }

  /** True when the view changed since the last call. */
  takeRing(): boolean {
    const isRung = this.#isRung;
    this.#isRung = false;
    return isRung;
  }

  /** A stale view is not remembered: what it lacks may still be there. */
  observe(): void {
    const isFresh = this.#deps.view.isFresh();
    this.freshness.note(isFresh);
    if (isFresh) this.memory.observe(this.#deps.view.nodes());
    this.remotes.observe();
  }

  current(): ReconcilerStatus {
    const isFresh = this.#deps.view.isFresh();
    this.freshness.note(isFresh);
    const isSettled = isFresh && this.freshness.isSettled();
    const viewAgeMs = this.freshness.staleForMs();
    const remotes = this.remotes.status();
    return { ...this.status, isFresh, isSettled, viewAgeMs, remotes };
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
    state.status = retired(state.status);
  }
}

/** How long to rest after a pass, and how long to wait for the next in all, unless something rings. */
interface Pause {
  readonly quietMs: number;
  readonly waitMs: number;
}

/** After a pass that committed nothing and only began to ask. */
const ASKING_QUIET_MS = 3;
/** In the quiet time newcomers are looked for so often. */
const LOOK_EVERY_MS = 20;

async function reconcile(deps: ReconcilerDeps, state: State, term: Term): Promise<void> {
  let own: LeaderTerm | null = null;
  let failures = 0;
  while (!term.signal.aborted) {
    let pause: Pause = { quietMs: deps.timing.quietMs, waitMs: deps.timing.resyncMs };
    try {
      if (own === null && mayBegin(deps, term)) own = await beginTerm(deps, state, term);
      state.takeRing();
      pause = await onePass(deps, state, own);
      failures = 0;
    } catch (err) {
      if (err instanceof DeposedError) return resign(deps, state, err);
      if (!(err instanceof CarnaError)) throw err;
      own?.distrust();
      const waitMs = backoffMs(failures, deps.timing.retry, deps.random);
      pause = { quietMs: deps.timing.quietMs, waitMs };
      noteFailure(deps, state, err, failures);
      failures += 1;
    }
    await rest(deps, state, own, pause.quietMs, term.signal);
    await deps.bell.wait(Math.max(0, pause.waitMs - pause.quietMs), term.signal);
  }
}

/** Whatever rings in the quiet time is seen by the next pass, which then starts at once; newcomers are asked meanwhile. */
async function rest(
  deps: ReconcilerDeps,
  state: State,
  own: LeaderTerm | null,
  quietMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (let leftMs = quietMs; leftMs > 0 && !signal.aborted; leftMs -= LOOK_EVERY_MS) {
    await deps.wait(Math.min(leftMs, LOOK_EVERY_MS), signal);
    if (leftMs > LOOK_EVERY_MS && state.takeRing()) own?.look();
  }
}

/** Not before the view is whole, which rings: the floor of the epoch is in it, and nothing is judged without it. */
function mayBegin({ view }: ReconcilerDeps, term: Term): boolean {
  return view.isFresh() && term.mayWrite();
}

async function beginTerm(deps: ReconcilerDeps, state: State, term: Term): Promise<LeaderTerm> {
  const { dc, holder } = deps;
  // What PostgreSQL forgot stands in the znode; one that was read late is a lower floor, and as good as none.
  const floor = (await deps.generation.read())?.epoch ?? 0;
  const epoch = await deps.table.takeEpoch({ dc, holder, czxid: term.czxid, floor });
  deps.log.info({ epoch }, 'leading');
  state.status = { ...state.status, epoch };
  return new LeaderTerm(deps, term, epoch, state, (generation, rowsChanged) => {
    const by = { commits: rowsChanged > 0 ? 1 : 0, rowsChanged };
    state.status = counted({ ...state.status, generation }, by);
  });
}

async function onePass(deps: ReconcilerDeps, state: State, own: LeaderTerm | null): Promise<Pause> {
  const { quietMs, retry } = deps.timing;
  const startMs = deps.clock.monoMs();
  const result = own === null ? null : await own.pass();
  if (own === null || result === null) return { quietMs, waitMs: retry.maxMs };
  const lastPassMs = deps.clock.monoMs() - startMs;
  if (result.plan === null) {
    state.status = counted(state.status, { stalePasses: 1 });
    return { quietMs, waitMs: retry.maxMs };
  }
  reportPass(deps.log, state.status, result.plan, result);
  const by = { passes: 1, znodeWrites: result.wroteZnode ? 1 : 0 };
  const lastPassAtMs = deps.clock.wallMs();
  const told = passStatus(result.plan, result);
  const status = { ...state.status, ...told, lastPassMs, lastPassAtMs, failure: null };
  state.status = counted(status, by);
  // A newcomer's answer is to be seen at once; a pass of many nodes still leaves half of the processor alone.
  const isBrief = own.isWaiting() && !result.hasCommitted;
  const waitMs = nextPassMs(deps, state, own);
  return {
    quietMs: isBrief ? Math.min(quietMs, Math.max(ASKING_QUIET_MS, lastPassMs)) : quietMs,
    waitMs,
  };
}

/** A view that is about to settle gets a pass of its own, and so does whatever is due of itself. */
function nextPassMs(deps: ReconcilerDeps, state: State, own: LeaderTerm): number {
  const settlesInMs = state.freshness.settlesInMs() ?? 0;
  const settles = settlesInMs === 0 ? [] : [settlesInMs + 1];
  settles.push(...state.remotes.settlesInMs().map((ms) => ms + 1));
  return Math.min(
    deps.timing.resyncMs,
    ...limboEndsInMs(deps, state),
    ...own.dueInMs(),
    ...settles,
  );
}

/** When rows of silent nodes are due to go; those that a guard holds wait for the resync. */
function limboEndsInMs(deps: ReconcilerDeps, state: State): number[] {
  const nowMs = deps.clock.wallMs();
  return [...state.witness.silentSinceMs().values()]
    .map((sinceMs) => sinceMs + deps.limits.limboMs - nowMs + 1)
    .filter((ms) => ms > 0);
}

function resign(deps: ReconcilerDeps, state: State, err: DeposedError): void {
  const why =
    err.ruling > err.epoch
      ? 'deposed by a newer leader'
      : 'PostgreSQL forgot our epoch: it went back in time';
  deps.log.warn({ err }, why);
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
