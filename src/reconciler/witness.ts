import type { Logger } from 'pino';
import type { Evidence } from '../topology/desired-rows.js';
import type { Clock } from '../util/clock.js';
import type { AskTarget, WitnessPing } from './ask-pool.js';
import { AskPool } from './ask-pool.js';
import type { Bell } from './ports.js';

export type { WitnessPing } from './ask-pool.js';

export interface WitnessTiming {
  /** From one ping of a node to its next; longer when very many are watched. */
  readonly everyMs: number;
  /** Unanswered pings in a row that make a vanished node silent. */
  readonly fall: number;
  /** Pings of vanished nodes under way at once: a thousand that vanish together are asked in turn. */
  readonly concurrency: number;
  /** The same for newcomers, which are asked apart: neither kind waits for the other. */
  readonly newcomers: number;
}

export const DEFAULT_WITNESS_TIMING: WitnessTiming = {
  everyMs: 1_000,
  fall: 2,
  concurrency: 32,
  newcomers: 128,
};

/** One unanswered ping is enough not to admit a newcomer yet; its row says inactive, and it is asked on. */
const NEWCOMER_FALL = 1;
/** A newcomer's silence changes nothing at once; what is found within this time is judged in one pass. */
const LATE_NEWS_MS = 250;
/** Nobody to ask: a look once a minute, for nothing but safety. */
const IDLE_MS = 60_000;

export interface WitnessPort {
  readonly ping: WitnessPing;
  readonly timing: WitnessTiming;
  /** The witness's own; rung when it has somebody new to ask. */
  readonly bell: Bell;
}

export interface WitnessDeps extends WitnessPort {
  readonly clock: Clock;
  /** Called when a judgement changed. */
  readonly onChange: () => void;
  readonly log: Pick<Logger, 'warn'>;
}

/**
 * The second witness: asks SIP servers whether they live. Of nodes that vanished without a goodbye, before
 * anybody believes that they do not: their agents, ZooKeeper or the network between may be all that is
 * gone. Of nodes that say up, before they take calls.
 */
export class Witness {
  readonly #bell: Bell;
  readonly #vanished: AskPool;
  readonly #newcomers: AskPool;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  /** Monotonic ms at which silent newcomers are told; null = none is to be told. */
  #lateAtMs: number | null = null;

  constructor(deps: WitnessDeps) {
    const { ping, clock, timing, bell, log } = deps;
    this.#bell = bell;
    this.#clock = clock;
    this.#onChange = deps.onChange;
    const { everyMs, fall, concurrency } = timing;
    this.#vanished = new AskPool({
      ping,
      clock,
      log,
      limits: { everyMs, fall, concurrency, asksOn: true },
      onAsked: (news) => this.#note(news, false),
    });
    this.#newcomers = new AskPool({
      ping,
      clock,
      log,
      limits: { everyMs, fall: NEWCOMER_FALL, concurrency: timing.newcomers, asksOn: false },
      onAsked: (news) => this.#note(news, news !== 'answers'),
    });
  }

  /** From now on these vanished nodes are asked (nodeId → destination) and no others; what is known of others is forgotten. */
  watch(nodes: ReadonlyMap<string, string>): void {
    const targets = new Map<string, AskTarget>();
    for (const [nodeId, destination] of nodes) {
      targets.set(nodeId, { destination, token: destination });
    }
    if (this.#vanished.watch(targets)) this.#bell.ring();
  }

  /** The same for newcomers; one that answered is not asked again. */
  admit(newcomers: ReadonlyMap<string, AskTarget>): void {
    if (this.#newcomers.watch(newcomers)) this.#bell.ring();
  }

  /** What is known of each vanished node; one that was not judged yet is missing. */
  evidence(): ReadonlyMap<string, Evidence> {
    return this.#vanished.evidence();
  }

  /** What is known of newcomers, of the question that each was asked last. */
  admissions(): ReadonlyMap<string, Evidence> {
    return this.#newcomers.evidence();
  }

  /** The token with which a newcomer was asked last. */
  askedToken(nodeId: string): string | undefined {
    return this.#newcomers.tokenOf(nodeId);
  }

  /** Wall clock in ms since when a silent vanished node has not answered. */
  silentSinceMs(): ReadonlyMap<string, number> {
    return this.#vanished.silentSinceMs();
  }

  /** Asks until `signal` aborts; pings under way are waited for (each has a deadline of its own). All is forgotten then. */
  async run(signal: AbortSignal): Promise<void> {
    const pools = [this.#newcomers, this.#vanished];
    while (!signal.aborted) {
      for (const pool of pools) pool.ask();
      const dueMs = pools.map((pool) => pool.dueInMs() ?? IDLE_MS);
      await this.#bell.wait(Math.min(...dueMs, this.#tellLate()), signal);
    }
    await Promise.all(pools.map((pool) => pool.close()));
  }

  #note(news: Evidence | null, isLate: boolean): void {
    this.#bell.ring();
    if (news === null) return;
    if (isLate) this.#lateAtMs ??= this.#clock.monoMs() + LATE_NEWS_MS;
    else this.#onChange();
  }

  /** Gives the milliseconds until there is something to tell. */
  #tellLate(): number {
    if (this.#lateAtMs === null) return IDLE_MS;
    const leftMs = this.#lateAtMs - this.#clock.monoMs();
    if (leftMs > 0) return leftMs;
    this.#lateAtMs = null;
    this.#onChange();
    return IDLE_MS;
  }
}
