import type { Logger } from 'pino';
import type { Evidence } from '../topology/desired-rows.js';
import type { Clock } from '../util/clock.js';

/** One SIP OPTIONS to a destination (`sip:host:port`): any final reply is an answer. Never rejects. */
export type WitnessPing = (destination: string) => Promise<Evidence>;

export interface PoolLimits {
  /** From one ping of a node to its next; longer when so many are watched that it would be a herd. */
  readonly everyMs: number;
  /** Pings in a row without an answer that make a node silent. */
  readonly fall: number;
  /** Pings under way at once: a thousand nodes are asked in turn. */
  readonly concurrency: number;
  /** Whether a node that answered is asked again. */
  readonly asksOn: boolean;
}

/** Who is to be asked, and where. */
export interface AskTarget {
  readonly destination: string;
  /** Another token is another question: what was known counts for nothing then. */
  readonly token: string;
}

export interface AskPoolDeps {
  readonly ping: WitnessPing;
  readonly limits: PoolLimits;
  readonly clock: Clock;
  /** Called after each ping, with the judgement if it changed. */
  readonly onAsked: (news: Evidence | null) => void;
  readonly log: Pick<Logger, 'warn'>;
}

interface Asked extends AskTarget {
  /** Null: not judged yet. */
  evidence: Evidence | null;
  /** Monotonic ms since when it has not answered; null while it does, or before the first ping. */
  silentSinceMs: number | null;
  /** In a row, of each kind. */
  unanswered: number;
  unasked: number;
  /** Monotonic ms. */
  nextMs: number;
  isWatched: boolean;
}

/** Questions in all, beyond as many as may be under way: an eighth of a processor, which the passes need more. */
const MAX_PER_S = 500;
/** Second and later questions, whatever the number of nodes, so that there is room for first ones. */
const MAX_AGAIN_PER_S = 250;
/** Questions in a row that could not be asked before a judgement is taken back. */
const UNASKED_FALL = 2;
/** Due nodes are collected at most so often, and a queue is looked at again after this time. */
const SWEEP_MS = 20;

/** Asks the nodes that it is told to watch, a bounded number at once, whoever was never asked first. */
export class AskPool {
  readonly #deps: AskPoolDeps;
  #watched = new Map<string, Asked>();
  /** Never asked; the newest last, which is asked first: it has the best chance to be answered in time. */
  #fresh: Asked[] = [];
  /** Due again; the longest due last. */
  #due: Asked[] = [];
  #resting: Asked[] = [];
  #sweepAtMs = Number.POSITIVE_INFINITY;
  readonly #underWay = new Set<Promise<void>>();
  #isOpen = false;
  /** Pings that may begin now; more come with time. */
  #allowed: number;
  #allowedAtMs: number;

  constructor(deps: AskPoolDeps) {
    this.#deps = deps;
    this.#allowed = deps.limits.concurrency;
    this.#allowedAtMs = deps.clock.monoMs();
  }

  /** From now on these are asked and nobody else; what is known of others is forgotten. True when somebody is new. */
  watch(targets: ReadonlyMap<string, AskTarget>): boolean {
    const before = this.#watched;
    if (before.size === 0 && targets.size === 0) return false;
    const next = new Map<string, Asked>();
    let hasNew = false;
    for (const [nodeId, target] of targets) {
      const known = before.get(nodeId);
      if (known?.token === target.token) {
        next.set(nodeId, known);
        before.delete(nodeId);
        continue;
      }
      const asked = neverAsked(target);
      next.set(nodeId, asked);
      this.#fresh.push(asked);
      hasNew = true;
    }
    for (const asked of before.values()) asked.isWatched = false;
    this.#watched = next;
    return hasNew;
  }

  /** What was judged so far of each watched node; those without a judgement are missing. */
  evidence(): ReadonlyMap<string, Evidence> {
    const found = new Map<string, Evidence>();
    for (const [nodeId, { evidence }] of this.#watched) {
      if (evidence !== null) found.set(nodeId, evidence);
    }
    return found;
  }

  /** The question that a node was asked last. */
  tokenOf(nodeId: string): string | undefined {
    return this.#watched.get(nodeId)?.token;
  }

  /** Wall clock in ms since when a silent node has not answered; a step of the clock moves it along. */
  silentSinceMs(): ReadonlyMap<string, number> {
    const { clock } = this.#deps;
    const steppedMs = clock.wallMs() - clock.monoMs();
    const found = new Map<string, number>();
    for (const [nodeId, { evidence, silentSinceMs }] of this.#watched) {
      if (evidence === 'silent' && silentSinceMs !== null)
        found.set(nodeId, silentSinceMs + steppedMs);
    }
    return found;
  }

  /** Asks who is due, as far as the bound allows; a ping that ends makes room by itself until `close`. */
  ask(): void {
    this.#isOpen = true;
    this.#allowMore();
    while (this.#underWay.size < this.#deps.limits.concurrency && this.#allowed >= 1) {
      const next = this.#next();
      if (next === undefined) return;
      this.#allowed -= 1;
      const ping = this.#askOne(next).finally(() => {
        this.#underWay.delete(ping);
        if (this.#isOpen) this.ask();
      });
      this.#underWay.add(ping);
    }
  }

  /** Milliseconds until somebody is due again; null when nobody will be, or when a ping that ends sees to it. */
  dueInMs(): number | null {
    if (this.#underWay.size >= this.#deps.limits.concurrency) return null;
    if (this.#fresh.length > 0 || this.#due.length > 0) return SWEEP_MS;
    if (!Number.isFinite(this.#sweepAtMs)) return null;
    return Math.max(1, this.#sweepAtMs - this.#deps.clock.monoMs());
  }

  /** Asks nobody any more; resolves when the pings under way are over. All is forgotten. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await Promise.all(this.#underWay);
    for (const asked of this.#watched.values()) asked.isWatched = false;
    this.#watched = new Map();
    this.#fresh = [];
    this.#due = [];
    this.#resting = [];
    this.#sweepAtMs = Number.POSITIVE_INFINITY;
  }

  #allowMore(): void {
    const nowMs = this.#deps.clock.monoMs();
    const more = ((nowMs - this.#allowedAtMs) * MAX_PER_S) / 1_000;
    this.#allowed = Math.min(this.#deps.limits.concurrency, this.#allowed + more);
    this.#allowedAtMs = nowMs;
  }

  #next(): Asked | undefined {
    if (this.#due.length === 0) this.#sweep();
    for (const queue of [this.#fresh, this.#due]) {
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        if (next.isWatched) return next;
      }
    }
    return undefined;
  }

  /** Collects who is due again. */
  #sweep(): void {
    const nowMs = this.#deps.clock.monoMs();
    if (nowMs < this.#sweepAtMs) return;
    const watched = this.#resting.filter((asked) => asked.isWatched);
    this.#due = watched.filter((asked) => asked.nextMs <= nowMs);
    this.#due.sort((a, b) => b.nextMs - a.nextMs);
    this.#resting = watched.filter((asked) => asked.nextMs > nowMs);
    const nextMs = this.#resting.reduce((least, asked) => Math.min(least, asked.nextMs), Infinity);
    this.#sweepAtMs = Math.max(nextMs, nowMs + SWEEP_MS);
  }

  async #askOne(asked: Asked): Promise<void> {
    const { clock, limits, onAsked } = this.#deps;
    const herdMs = (this.#watched.size * 1_000) / MAX_AGAIN_PER_S;
    asked.nextMs = clock.monoMs() + Math.max(limits.everyMs, herdMs);
    const askedAtMs = clock.monoMs();
    const answer = await this.#answerOf(asked);
    if (asked.isWatched) {
      const before = asked.evidence;
      note(asked, answer, askedAtMs, limits.fall);
      if (limits.asksOn || asked.evidence !== 'answers') this.#rest(asked);
      onAsked(asked.evidence === before ? null : asked.evidence);
    }
  }

  /** Whatever stands in a row, no question about it ends the process. */
  async #answerOf({ destination, unasked }: Asked): Promise<Evidence> {
    try {
      return await this.#deps.ping(destination);
    } catch (err) {
      const message = 'the witness cannot ask this destination';
      if (unasked === 0) this.#deps.log.warn({ destination, err }, message);
      return 'unknown';
    }
  }

  #rest(asked: Asked): void {
    this.#resting.push(asked);
    this.#sweepAtMs = Math.min(this.#sweepAtMs, asked.nextMs);
  }
}

function neverAsked(target: AskTarget): Asked {
  const { destination, token } = target;
  const nothing = { evidence: null, silentSinceMs: null, unanswered: 0, unasked: 0, nextMs: 0 };
  return { destination, token, ...nothing, isWatched: true };
}

/** One lost packet is no silence, and one question that could not be sent is no ignorance. */
function note(asked: Asked, answer: Evidence, askedAtMs: number, fall: number): void {
  asked.unanswered = answer === 'silent' ? asked.unanswered + 1 : 0;
  asked.unasked = answer === 'unknown' ? asked.unasked + 1 : 0;
  switch (answer) {
    case 'answers':
      asked.evidence = 'answers';
      asked.silentSinceMs = null;
      return;
    case 'silent':
      asked.silentSinceMs ??= askedAtMs;
      if (asked.unanswered >= fall) asked.evidence = 'silent';
      return;
    case 'unknown':
      if (asked.unasked < UNASKED_FALL) return;
      asked.evidence = 'unknown';
      asked.silentSinceMs = null;
  }
}
