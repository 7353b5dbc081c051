import type { KamailioRpc, ReloadAnswer } from '../../../src/agent/ports.js';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import type { LiveDestination } from '../../../src/topology/live-destination.js';
import { lettersOf } from '../../../src/topology/live-letters.js';
import { BinrpcFaultError, StoreUnavailableError } from '../../../src/util/errors.js';

export function row(
  setid: number,
  name: string,
  flags = 8,
  attrs = '',
  priority = 0,
): DispatcherRow {
  return { setid, destination: `sip:${name}:5060`, flags, priority, attrs, description: 'carna:x' };
}

/** A Kamailio's dispatcher as measured: reload resets all to the rows' flags, drops bad rows, set_state hits the first. */
export class FakeKamailio implements KamailioRpc {
  table: DispatcherRow[];
  live: LiveDestination[] = [];
  reloads: number[] = [];
  setStates: string[] = [];
  variables = new Map<string, number>();
  tm = { current: 0, waiting: 0 };
  isDatabaseUp = true;
  failNextSetState = false;
  /** Destinations that a reload drops, answering "Reload Failed". */
  badRows = new Set<string>();
  reloadDeltaMs = 0;
  nowMs: () => number = () => 0;
  wasEverEmpty = false;
  generation = 1;

  constructor(table: readonly DispatcherRow[]) {
    this.table = [...table];
    this.start();
  }

  start(): void {
    this.live = this.#load();
    this.reloads = [];
  }

  letters(): string {
    return this.live
      .map((dest) => `${dest.destination.slice(4, -5)}=${dest.letters}`)
      .sort()
      .join(' ');
  }

  /** What Kamailio's own pings do: answered -> active, silent -> inactive; never to a disabled one. */
  ping(name: string, isAnswered: boolean): void {
    this.live = this.live.map((dest) =>
      dest.destination.includes(name) && !dest.letters.startsWith('D')
        ? { ...dest, letters: isAnswered ? 'AP' : 'IP' }
        : dest,
    );
  }

  readDispatcherList(): Promise<readonly LiveDestination[]> {
    return Promise.resolve([...this.live]);
  }

  setDispatcherState(state: string, setid: number, destination: string): Promise<void> {
    if (this.failNextSetState) {
      this.failNextSetState = false;
      throw new BinrpcFaultError('dispatcher.set_state', 500, 'State Update Failed');
    }
    const index = this.live.findIndex((d) => d.setid === setid && d.destination === destination);
    const found = this.live[index];
    if (found === undefined) {
      throw new BinrpcFaultError('dispatcher.set_state', 500, 'State Update Failed');
    }
    const letters = state.slice(0, 1).toUpperCase() + (state.endsWith('p') ? 'P' : 'X');
    this.live[index] = { ...found, letters };
    this.setStates.push(`${state} ${setid} ${destination}`);
    return Promise.resolve();
  }

  reloadDispatcher(): Promise<ReloadAnswer> {
    const last = this.reloads.at(-1);
    if (last !== undefined && this.nowMs() - last < this.reloadDeltaMs) {
      return Promise.resolve({ kind: 'too-early' });
    }
    this.reloads.push(this.nowMs());
    if (!this.isDatabaseUp) return Promise.resolve({ kind: 'failed', text: 'Reload Failed' });
    const before = this.live.length;
    this.live = this.#load();
    if (before > 0 && this.live.length === 0) this.wasEverEmpty = true;
    const hasBad = this.table.some((r) => this.badRows.has(r.destination));
    return Promise.resolve(hasBad ? { kind: 'failed', text: 'Reload Failed' } : { kind: 'ok' });
  }

  readTable(setids: readonly number[]): Promise<{ generation: number; rows: DispatcherRow[] }> {
    if (!this.isDatabaseUp) return Promise.reject(new StoreUnavailableError('refused'));
    const rows = this.table.filter((r) => setids.includes(r.setid));
    return Promise.resolve({ generation: this.generation, rows });
  }

  readTmStats(): Promise<{ current: number; waiting: number }> {
    return Promise.resolve(this.tm);
  }

  readUptimeSeconds(): Promise<number> {
    return Promise.resolve(Math.floor(this.nowMs() / 1_000));
  }

  setSharedVariable(name: string, value: number): Promise<void> {
    this.variables.set(name, value);
    return Promise.resolve();
  }

  #load(): LiveDestination[] {
    return this.table
      .filter((r) => !this.badRows.has(r.destination))
      .map(({ setid, destination, flags, priority, attrs }) => ({
        setid,
        destination: /^sips?:/.test(destination) ? destination : `sip:${destination}`,
        letters: lettersOf(flags),
        priority,
        attrs,
      }));
  }
}
