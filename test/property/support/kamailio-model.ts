import type { KamailioRpc, ReloadAnswer } from '../../../src/agent/ports.js';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import type { LiveDestination } from '../../../src/topology/live-destination.js';
import { asLoaded, liveKey } from '../../../src/topology/live-letters.js';
import {
  BinrpcFaultError,
  DeadlineError,
  ServerUnavailableError,
  StoreUnavailableError,
} from '../../../src/util/errors.js';

type Call = 'list' | 'set' | 'reload' | 'table';

/** `lost`: nothing happened, and no answer came; `unanswered`: it happened, and no answer came. */
export type CallFault = 'lost' | 'unanswered';

/**
 * A Kamailio's dispatcher with the quirks that were measured: one gate of whole seconds for all reloads,
 * every state reset by one, bad rows dropped while the rest is live, "failed" for that and for a database
 * away, an empty table loaded as well as any, set_state by text and on the first entry only.
 */
export class KamailioModel implements Pick<
  KamailioRpc,
  'readDispatcherList' | 'setDispatcherState' | 'reloadDispatcher'
> {
  table: readonly DispatcherRow[] = [];
  generation = 1;
  live: LiveDestination[] = [];
  isDatabaseUp = true;
  isListTooLong = false;
  readonly bad = new Set<string>();
  readonly faults = new Map<Call, CallFault>();
  /** When each reload was asked for by the applier, gated or not. */
  readonly asked: number[] = [];
  setStates = 0;
  /** What a reload by anybody did to the sets; the test looks whether it was allowed. */
  onReload: (before: readonly LiveDestination[]) => void = () => undefined;
  readonly #nowMs: () => number;
  #lastReloadS = Number.NEGATIVE_INFINITY;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  start(): void {
    this.live = this.#load();
  }

  readDispatcherList(): Promise<readonly LiveDestination[]> {
    return this.#call('list', 'dispatcher.list', () => {
      if (this.isListTooLong) {
        throw new BinrpcFaultError('dispatcher.list', 500, 'Internal error creating dest');
      }
      return [...this.live];
    });
  }

  setDispatcherState(state: string, setid: number, destination: string): Promise<void> {
    return this.#call('set', 'dispatcher.set_state', () => {
      this.setStates += 1;
      if (!this.force(state, setid, destination)) {
        throw new BinrpcFaultError('dispatcher.set_state', 500, 'State Update Failed');
      }
    });
  }

  reloadDispatcher(): Promise<ReloadAnswer> {
    this.asked.push(this.#nowMs());
    return this.#call('reload', 'dispatcher.reload', () => this.reload());
  }

  readTable(setids: readonly number[]): Promise<{ generation: number; rows: DispatcherRow[] }> {
    return this.#call('table', 'table', () => {
      if (!this.isDatabaseUp) throw new StoreUnavailableError('refused');
      const rows = this.table.filter((row) => setids.includes(row.setid));
      return { generation: this.generation, rows };
    });
  }

  /** set_state by whomever; false when there is no such destination. */
  force(state: string, setid: number, destination: string): boolean {
    const at = this.live.findIndex((d) => d.setid === setid && d.destination === destination);
    const found = this.live[at];
    if (found === undefined) return false;
    const probed = state.endsWith('p') && !state.startsWith('d');
    this.live[at] = {
      ...found,
      letters: `${state.slice(0, 1).toUpperCase()}${probed ? 'P' : 'X'}`,
    };
    return true;
  }

  /** A reload by whomever. */
  reload(): ReloadAnswer {
    const nowS = Math.floor(this.#nowMs() / 1_000);
    if (this.#lastReloadS > nowS - 1) return { kind: 'too-early' };
    this.#lastReloadS = nowS;
    if (!this.isDatabaseUp) return { kind: 'failed', text: 'Reload Failed' };
    const before = this.live;
    this.live = this.#load();
    this.onReload(before);
    const isPartial = this.table.some((row) => this.bad.has(row.destination));
    return isPartial ? { kind: 'failed', text: 'Reload Failed' } : { kind: 'ok' };
  }

  /** Kamailio's own ping; gives the keys of those whose state it found. */
  ping(destination: string, isAnswered: boolean): string[] {
    const found = this.live.filter(
      (d) => d.destination === destination && !d.letters.startsWith('D'),
    );
    for (const dest of found) this.force(isAnswered ? 'ap' : 'ip', dest.setid, destination);
    return found.map(liveKey);
  }

  #load(): LiveDestination[] {
    return asLoaded(this.table.filter((row) => !this.bad.has(row.destination)))
      .reverse()
      .sort((a, b) => b.priority - a.priority);
  }

  #call<T>(call: Call, what: string, act: () => T): Promise<T> {
    const fault = this.faults.get(call);
    this.faults.delete(call);
    if (fault === 'lost') return Promise.reject(new DeadlineError(what, 1));
    return Promise.resolve().then(() => {
      const value = act();
      if (fault === 'unanswered') throw new ServerUnavailableError(`${what}: closed`);
      return value;
    });
  }
}
