import type { Logger } from 'pino';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import type { LiveDestination } from '../topology/live-destination.js';
import { asLoaded, isLoadable, liveKey } from '../topology/live-letters.js';
import type { LivePlan, StateChange } from '../topology/live-plan.js';
import { BinrpcFaultError, CarnaError } from '../util/errors.js';
import type { AgentMetrics } from './metrics.js';
import type { KamailioRpc } from './ports.js';
import type { ReloadPace } from './reload-pace.js';

export interface ListChangesDeps {
  readonly rpc: Pick<KamailioRpc, 'setDispatcherState' | 'reloadDispatcher'>;
  readonly metrics: AgentMetrics;
  readonly log: Logger;
}

/**
 * Changes one Kamailio's list, and keeps in mind what only its doer knows: which states a reload may
 * have reset, and what the list should be when it cannot be read.
 */
export class ListChanges {
  readonly #deps: ListChangesDeps;
  readonly #pace: ReloadPace;
  #owed: readonly StateChange[] = [];
  #believed: readonly LiveDestination[] | null = null;

  constructor(deps: ListChangesDeps, pace: ReloadPace) {
    this.#deps = deps;
    this.#pace = pace;
  }

  /** What was found by probing, and may have been reset by a reload whose answer was lost. */
  get owed(): readonly StateChange[] {
    return this.#owed;
  }

  /** Another life of the server. */
  reset(): void {
    this.#owed = [];
    this.#believed = null;
  }

  noteRead(live: readonly LiveDestination[]): void {
    this.#believed = live;
  }

  /** The list as it should be by all that was done to it; as Kamailio loads these rows when nothing was. */
  believe(rows: readonly DispatcherRow[]): readonly LiveDestination[] {
    this.#believed ??= asLoaded(rows.filter(isLoadable));
    return this.#believed;
  }

  /** Makes the changes one by one. Throws a CarnaError when Kamailio cannot be asked; a refusal is only logged. */
  async setStates(changes: readonly StateChange[]): Promise<void> {
    const { rpc, metrics, log } = this.#deps;
    for (const change of changes) {
      const { state, setid, destination } = change;
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
    this.#believed = withStates(this.#believed, changes);
    this.#owed = [];
  }

  /** Throws a CarnaError when the answer is lost: it may or may not have happened. */
  async reload(rows: readonly DispatcherRow[], plan: LivePlan): Promise<void> {
    const { rpc, metrics, log } = this.#deps;
    this.#owed = plan.carryOver;
    this.#pace.begin();
    let answer;
    try {
      answer = await rpc.reloadDispatcher();
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      this.#pace.noteTried(plan.reasons);
      metrics.reloads.inc({ answer: 'unknown' });
      throw err;
    }
    metrics.reloads.inc({ answer: answer.kind });
    log.info({ answer, why: plan.drift }, 'dispatcher list reloaded');
    if (answer.kind === 'too-early') {
      this.#owed = []; // Nothing happened; due again after the gap.
      return;
    }
    this.#pace.noteTried(plan.reasons);
    this.#believed = asLoaded(rows.filter(isLoadable));
    // Whatever the answer: if rows were taken over, so was their dead ones' fresh start.
    await this.setStates(plan.carryOver);
  }
}

function withStates(
  live: readonly LiveDestination[] | null,
  changes: readonly StateChange[],
): readonly LiveDestination[] | null {
  if (live === null || changes.length === 0) return live;
  const letters = new Map(
    changes.map((change) => {
      const [first = 'a', probed] = change.state;
      return [liveKey(change), `${first.toUpperCase()}${probed === 'p' ? 'P' : 'X'}`] as const;
    }),
  );
  return live.map((dest) => {
    const set = letters.get(liveKey(dest));
    return set === undefined ? dest : { ...dest, letters: set };
  });
}
