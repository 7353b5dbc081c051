import type { KamailioRpc, ReloadAnswer } from '../../src/agent/ports.js';
import type { LiveDestination } from '../../src/topology/live-destination.js';
import { lettersOf } from '../../src/topology/live-letters.js';
import { BinrpcFaultError, DeadlineError, ServerUnavailableError } from '../../src/util/errors.js';
import type { Actor } from './actor.js';
import type { Postgres } from './postgres.js';
import type { Random } from './random.js';
import type { Scheduler } from './scheduler.js';
import type { SipWorld } from './sip.js';

export interface KamailioDeps {
  readonly name: string;
  readonly setids: readonly number[];
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly postgres: Postgres;
  readonly sip: SipWorld;
  readonly trace: (text: () => string) => void;
  /** `cause`: who changed the list. */
  readonly onList: (
    kamailio: Kamailio,
    before: readonly LiveDestination[],
    cause: ListCause,
  ) => void;
  readonly onReload: (kamailio: Kamailio) => void;
}

export type ListCause = 'start' | 'reload' | 'set_state' | 'probe' | 'hand';

/** The module parameter of the shipped configuration, in ms. */
const RELOAD_DELTA_MS = 1_000;
const PROBE_MS = 1_000;
/** modparam("db_postgres", "timeout", 2) */
const DB_TIMEOUT_MS = 2_000;
const RPC_DEADLINE_MS = 3_000;
const START_MS = 300;

/** A Kamailio's dispatcher module with its measured quirks, and its control socket: one call after another. */
export class Kamailio {
  readonly deps: KamailioDeps;
  list: LiveDestination[] = [];
  isRunning = false;
  /** Destinations that the next reloads cannot resolve: their rows are skipped. */
  readonly unresolvable = new Set<string>();
  /** The next reload fails and keeps the old list. */
  failsNext = false;
  isReloading = false;
  reloadedAtMs = Number.NEGATIVE_INFINITY;
  onStarted: () => void = () => undefined;
  onExited: () => void = () => undefined;
  #life = 0;
  #gateMs = Number.NEGATIVE_INFINITY;
  #freeAtMs = 0;

  constructor(deps: KamailioDeps) {
    this.deps = deps;
  }

  get name(): string {
    return this.deps.name;
  }

  /** With the database away it ends at once and is tried again. */
  start(): void {
    const { scheduler, postgres, trace } = this.deps;
    this.#life += 1;
    const life = this.#life;
    scheduler.world(START_MS, () => {
      if (life !== this.#life) return;
      if (postgres.mode !== 'up') {
        this.start();
        return;
      }
      const before = this.list;
      this.list = this.#load();
      this.isRunning = true;
      this.#gateMs = Number.NEGATIVE_INFINITY;
      this.reloadedAtMs = Number.NEGATIVE_INFINITY;
      this.#freeAtMs = scheduler.nowMs;
      trace(() => `${this.name} started with ${this.list.length} destinations`);
      this.deps.onList(this, before, 'start');
      this.onStarted();
      scheduler.world(this.deps.random.between(0, PROBE_MS), () => this.#probe(life));
    });
  }

  stop(): void {
    this.#life += 1;
    if (!this.isRunning) return;
    this.isRunning = false;
    this.isReloading = false;
    this.list = [];
    this.deps.trace(() => `${this.name} ended`);
    this.onExited();
  }

  rpcFor(actor: Actor): KamailioRpc {
    const never = (): Promise<never> => Promise.reject(new ServerUnavailableError('not simulated'));
    return {
      readDispatcherList: () => this.#call(actor, 'list', (done) => done([...this.list])),
      setDispatcherState: (state, setid, destination) =>
        this.#call<void>(actor, 'set_state', (done, fail) => {
          const isKnown = this.setState(setid, destination, lettersFor(state), 'set_state');
          if (isKnown) done(undefined);
          else fail(new BinrpcFaultError('dispatcher.set_state', 500, 'State Update Failed'));
        }),
      reloadDispatcher: () => this.#call(actor, 'reload', (done) => this.#reload(done)),
      readTmStats: never,
      readUptimeSeconds: never,
      setSharedVariable: never,
    };
  }

  /** False when the list does not hold it. */
  setState(setid: number, destination: string, letters: string, cause: ListCause): boolean {
    const at = this.list.findIndex((d) => d.setid === setid && d.destination === destination);
    const found = this.list[at];
    if (found === undefined) return false;
    const before = this.list;
    this.list = before.with(at, { ...found, letters });
    this.deps.onList(this, before, cause);
    return true;
  }

  async #call<T>(
    actor: Actor,
    method: string,
    work: (done: (value: T) => void, fail: (err: Error) => void) => void,
  ): Promise<T> {
    const { scheduler, random } = this.deps;
    return new Promise<T>((resolve, reject) => {
      if (actor.state === 'dead') return;
      let isAnswered = false;
      const answer = (settle: () => void, delayMs: number): void => {
        scheduler.act(delayMs, actor, 'io', () => {
          if (!isAnswered) settle();
          isAnswered = true;
        });
      };
      actor.host.effect(`kamailio:${method}`, 'before');
      const life = this.#life;
      scheduler.act(0, actor, 'io', () => {
        answer(() => reject(new DeadlineError(method, RPC_DEADLINE_MS)), RPC_DEADLINE_MS);
        const gone = new ServerUnavailableError(`${this.name}: connection refused`);
        const delayMs = Math.max(0, this.#freeAtMs - scheduler.nowMs) + random.between(0.1, 1);
        scheduler.world(delayMs, () => {
          if (!this.isRunning || life !== this.#life) {
            answer(() => reject(gone), 0.1);
            return;
          }
          work(
            (value) => {
              actor.host.effect(`kamailio:${method}`, 'after');
              answer(() => resolve(value), 0.1);
            },
            (err) => answer(() => reject(err), 0.1),
          );
        });
      });
    });
  }

  #reload(done: (answer: ReloadAnswer) => void): void {
    const { scheduler, postgres, random } = this.deps;
    if (scheduler.nowMs - this.#gateMs < RELOAD_DELTA_MS) {
      done({ kind: 'too-early' });
      return;
    }
    this.#gateMs = scheduler.nowMs;
    this.deps.onReload(this);
    this.reloadedAtMs = scheduler.nowMs;
    this.isReloading = true;
    const life = this.#life;
    const isHung = postgres.mode === 'frozen' || postgres.slowMs >= DB_TIMEOUT_MS;
    const takesMs = isHung ? DB_TIMEOUT_MS : random.between(1, 6) + postgres.slowMs;
    this.#freeAtMs = scheduler.nowMs + takesMs;
    scheduler.world(takesMs, () => {
      if (life !== this.#life) return;
      this.isReloading = false;
      if (isHung || postgres.mode !== 'up' || this.failsNext) {
        this.failsNext = false;
        this.deps.trace(() => `${this.name} reload failed, old list kept`);
        done({ kind: 'failed', text: 'Reload Failed' });
        return;
      }
      const isPartial = this.#takeOver();
      done(isPartial ? { kind: 'failed', text: 'Reload Failed' } : { kind: 'ok' });
    });
  }

  /** True when a row had to be skipped. */
  #takeOver(): boolean {
    const before = this.list;
    this.list = this.#load();
    const isPartial = this.list.some(({ destination }) => this.unresolvable.has(destination));
    this.list = this.list.filter(({ destination }) => !this.unresolvable.has(destination));
    const text = (): string =>
      this.list.map((d) => `${d.setid} ${d.destination} ${d.letters}`).join(', ');
    this.deps.trace(() => `${this.name} reload${isPartial ? ' in part' : ''}: ${text()}`);
    this.deps.onList(this, before, 'reload');
    return isPartial;
  }

  #load(): LiveDestination[] {
    return this.deps.postgres.readTable(this.deps.setids).rows.map((row) => ({
      setid: row.setid,
      destination: row.destination,
      letters: lettersOf(row.flags),
      priority: row.priority,
      attrs: row.attrs,
    }));
  }

  /** Its own OPTIONS: a destination that it probes and that is not disabled follows the answer. */
  #probe(life: number): void {
    if (life !== this.#life) return;
    const { sip, scheduler, name } = this.deps;
    for (const { setid, destination, letters } of this.list) {
      if (letters.startsWith('D') || !letters.endsWith('P')) continue;
      const wanted = sip.reaches(name, destination) ? 'AP' : 'IP';
      if (letters === wanted) continue;
      this.deps.trace(() => `${name} found ${destination} ${wanted}`);
      this.setState(setid, destination, wanted, 'probe');
    }
    scheduler.world(PROBE_MS, () => this.#probe(life));
  }
}

function lettersFor(state: string): string {
  return state.slice(0, 1).toUpperCase() + (state.endsWith('p') ? 'P' : 'X');
}
