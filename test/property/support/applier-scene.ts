import { DEFAULT_APPLIER_TIMING } from '../../../src/agent/applier-timing.js';
import { Applier } from '../../../src/agent/applier.js';
import { agentMetrics } from '../../../src/agent/metrics.js';
import { createMetrics } from '../../../src/http/metrics.js';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import type { LiveDestination } from '../../../src/topology/live-destination.js';
import { hashLive } from '../../../src/topology/live-hash.js';
import { liveKey } from '../../../src/topology/live-letters.js';
import type { AppliedRecord } from '../../../src/topology/node.js';
import { setHash } from '../../../src/topology/set-hash.js';
import { FakeTime } from '../../agent/support/fake-time.js';
import { FakePublication, FakeView, silentLog } from '../../agent/support/fakes.js';
import type { CallFault } from './kamailio-model.js';
import { KamailioModel } from './kamailio-model.js';
import { SETS, uri } from './applier-stories.js';

/** What may happen to it. */
export type Event =
  | { readonly kind: 'commit'; readonly rows: readonly DispatcherRow[]; readonly isTold: boolean }
  | { readonly kind: 'told' }
  | { readonly kind: 'emptied by hand'; readonly setid: number }
  | { readonly kind: 'set by hand'; readonly name: string; readonly state: string }
  | { readonly kind: 'removed by hand'; readonly name: string }
  | { readonly kind: 'added by hand'; readonly name: string }
  | { readonly kind: 'reloaded by hand' }
  | { readonly kind: 'ping'; readonly name: string; readonly isAnswered: boolean }
  | {
      readonly kind: 'fault';
      readonly call: 'list' | 'set' | 'reload' | 'table';
      readonly how: CallFault;
    }
  | { readonly kind: 'database'; readonly isUp: boolean }
  | { readonly kind: 'list'; readonly isTooLong: boolean }
  | { readonly kind: 'restart'; readonly isNoticed: boolean }
  | { readonly kind: 'wall clock'; readonly byMs: number }
  | { readonly kind: 'time'; readonly ms: number };

/** A platform of one applier; `wrongs` collects what must never be. */
export class Scene {
  readonly time = new FakeTime();
  readonly view = new FakeView();
  readonly publication = new FakePublication<AppliedRecord>();
  readonly kamailio = new KamailioModel(this.time.monoMs);
  readonly applier: Applier;
  /** Keys that Kamailio's own pings found silent, and that nothing but a good ping may bring back. */
  readonly silent = new Set<string>();
  /** What must never happen, and did. */
  readonly wrongs: string[] = [];
  #wallOffsetMs = 0;
  #isByHand = false;
  /** What was never in the table, and cannot be known where the list cannot be read. */
  readonly #added = new Set<string>();
  readonly #stop = new AbortController();
  readonly #end: Promise<void>;

  constructor(rows: readonly DispatcherRow[]) {
    this.kamailio.bad.add('sip:bad uri');
    this.kamailio.table = rows;
    this.kamailio.start();
    this.kamailio.onReload = (before) => this.#checkSets(before);
    const set = this.publication.set.bind(this.publication);
    this.publication.set = (record) => {
      this.#checkProof(record);
      set(record);
    };
    this.applier = new Applier({
      nodeId: 'd1',
      role: 'dispatcher',
      setids: SETS,
      needed: SETS,
      table: this.kamailio,
      rpc: this.kamailio,
      view: this.view,
      publication: this.publication,
      time: Object.assign(Object.create(this.time) as FakeTime, {
        wallMs: () => this.time.monoMs() + this.#wallOffsetMs,
      }),
      timing: DEFAULT_APPLIER_TIMING,
      metrics: agentMetrics(createMetrics()),
      log: silentLog,
    });
    this.tell();
    this.applier.serverStarted();
    this.#end = this.applier.run(this.#stop.signal);
  }

  async happen(event: Event): Promise<void> {
    const { kamailio } = this;
    switch (event.kind) {
      case 'commit':
        this.#replaceTable(event.rows);
        kamailio.generation += 1;
        if (event.isTold) this.tell();
        break;
      case 'told':
        this.tell();
        break;
      case 'emptied by hand':
        this.#replaceTable(kamailio.table.filter((row) => row.setid !== event.setid));
        break;
      case 'set by hand':
        for (const set of SETS) {
          if (kamailio.force(event.state, set, uri(event.name))) {
            this.silent.delete(`${set} ${uri(event.name)}`);
          }
        }
        break;
      case 'removed by hand':
        kamailio.live = kamailio.live.filter((d) => d.destination !== uri(event.name));
        for (const set of SETS) this.silent.delete(`${set} ${uri(event.name)}`);
        break;
      case 'added by hand': {
        const added = { setid: 30, destination: uri(event.name), letters: 'AX' };
        kamailio.live.push({ ...added, priority: 0, attrs: '' });
        this.#added.add(liveKey(added));
        break;
      }
      case 'reloaded by hand':
        this.#isByHand = true;
        if (kamailio.reload().kind !== 'too-early') this.silent.clear();
        this.#isByHand = false;
        break;
      case 'ping':
        for (const key of kamailio.ping(uri(event.name), event.isAnswered)) {
          if (event.isAnswered) this.silent.delete(key);
          // A word that still has to come in is newer; of a double the state reaches one entry only.
          else if (this.#isCurrent && !this.#isDoubled(key)) this.silent.add(key);
        }
        break;
      case 'fault':
        kamailio.faults.set(event.call, event.how);
        break;
      case 'database':
        kamailio.isDatabaseUp = event.isUp;
        break;
      case 'list':
        kamailio.isListTooLong = event.isTooLong;
        if (event.isTooLong) this.silent.clear();
        break;
      case 'restart':
        kamailio.start();
        this.silent.clear();
        // Where the list cannot be read, the process's exit or the uptime tells, and the story goes on from there.
        if (event.isNoticed || kamailio.isListTooLong) this.restartNoticed();
        break;
      case 'wall clock':
        this.#wallOffsetMs += event.byMs;
        break;
      case 'time':
        await this.time.advance(event.ms);
        break;
    }
    // What cannot be seen cannot be carried over.
    if (kamailio.isListTooLong) this.silent.clear();
  }

  #isDoubled(key: string): boolean {
    return this.kamailio.live.filter((dest) => liveKey(dest) === key).length > 1;
  }

  restartNoticed(): void {
    this.applier.serverExited();
    this.applier.serverStarted();
  }

  /** The leader's record says what stands in the table. */
  tell(): void {
    const { table, generation } = this.kamailio;
    const sets: Record<string, string> = {};
    for (const { setid: set } of table) {
      sets[String(set)] = setHash(table.filter((row) => row.setid === set));
    }
    this.view.setGeneration(generation, sets);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#end;
  }

  get isEqual(): boolean {
    const { table, live, bad } = this.kamailio;
    const rows = table.filter((row) => !bad.has(row.destination));
    return SETS.every(
      (set) =>
        hashLive(SETS, rows, live)[String(set)] ===
        setHash(rows.filter((row) => row.setid === set)),
    );
  }

  get #isCurrent(): boolean {
    const told = this.publication.current;
    return told?.generation === this.kamailio.generation && told.drift === null;
  }

  /** I1: no reload of ours empties a set of which the leader does not say that it is empty. */
  #checkSets(before: readonly LiveDestination[]): void {
    const { live, generation } = this.kamailio;
    for (const set of SETS) {
      const isKnown = (dest: LiveDestination): boolean =>
        !this.kamailio.isListTooLong || !this.#added.has(liveKey(dest));
      const had = before.some((dest) => dest.setid === set && isKnown(dest));
      if (!had || live.some((dest) => dest.setid === set)) continue;
      const said = this.view.generation();
      const isSaid = said !== null && said.generation >= generation && !(String(set) in said.sets);
      if (!this.#isByHand && !isSaid)
        this.wrongs.push(`set ${set} emptied, and the leader did not say so`);
    }
  }

  /** I4: acknowledged without drift is what is live and in the table in this moment. */
  #checkProof(record: AppliedRecord | null): void {
    if (record === null || record.drift !== null) return;
    const isTrue = this.isEqual && record.generation === this.kamailio.generation;
    if (!isTrue) this.wrongs.push(`acknowledged what is not so: ${JSON.stringify(record)}`);
  }

  /** A row that goes, is doubled or gets a fresh word: other rules than the pings' hold for it. */
  #replaceTable(rows: readonly DispatcherRow[]): void {
    const before = new Map(this.kamailio.table.map((row) => [liveKey(row), row.flags] as const));
    this.kamailio.table = rows;
    for (const key of this.silent) {
      const same = rows.filter((row) => liveKey(row) === key);
      const isKept = same.length === 1 && same[0]?.flags === before.get(key);
      if (!isKept) this.silent.delete(key);
    }
  }
}
