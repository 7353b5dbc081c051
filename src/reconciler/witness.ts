import type { Logger } from 'pino';
import type { Evidence } from '../topology/desired-rows.js';
import type { Clock } from '../util/clock.js';
import type { Bell } from './ports.js';

/** One SIP OPTIONS to a destination (`sip:host:port`): any final reply is an answer. Never rejects. */
export type WitnessPing = (destination: string) => Promise<Evidence>;

export interface WitnessTiming {
  /** From one ping of a node to its next. */
  readonly everyMs: number;
  /** Unanswered pings in a row that make a node silent; one is enough to take an answer back to "unknown". */
  readonly fall: number;
  /** Pings under way at once: a thousand nodes that vanish together are asked in turn. */
  readonly concurrency: number;
}

export const DEFAULT_WITNESS_TIMING: WitnessTiming = { everyMs: 1_000, fall: 2, concurrency: 32 };

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
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

interface Watched {
  readonly destination: string;
  evidence: Evidence;
  /** Wall clock in ms since when it has not answered; null while it does, or before the first ping. */
  silentSinceMs: number | null;
  failures: number;
  /** Monotonic ms. */
  nextMs: number;
}

/**
 * The second witness: asks the SIP servers of nodes that vanished without a goodbye whether they live,
 * before anybody believes that they do not. Their agents, ZooKeeper or the network between may be all
 * that is gone.
 */
export class Witness {
  readonly #deps: WitnessDeps;
  #watched = new Map<string, Watched>();

  constructor(deps: WitnessDeps) {
    this.#deps = deps;
  }

  /** From now on these nodes are asked (nodeId → destination) and nobody else; what is known of others is forgotten. */
  watch(nodes: ReadonlyMap<string, string>): void {
    const before = this.#watched;
    if (before.size === 0 && nodes.size === 0) return;
    const next = new Map<string, Watched>();
    let hasNew = false;
    for (const [nodeId, destination] of nodes) {
      const known = before.get(nodeId);
      if (known?.destination === destination) next.set(nodeId, known);
      else {
        hasNew = true;
        next.set(nodeId, fresh(destination, this.#deps.clock.monoMs()));
      }
    }
    this.#watched = next;
    if (hasNew) this.#deps.bell.ring();
  }

  /** What is known of each watched node. */
  evidence(): ReadonlyMap<string, Evidence> {
    return new Map([...this.#watched].map(([nodeId, { evidence }]) => [nodeId, evidence]));
  }

  /** Wall clock in ms since when a silent node has not answered. */
  silentSinceMs(): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    for (const [nodeId, { evidence, silentSinceMs }] of this.#watched) {
      if (evidence === 'silent' && silentSinceMs !== null) found.set(nodeId, silentSinceMs);
    }
    return found;
  }

  /** Asks until `signal` aborts; pings under way are waited for (each has a deadline of its own). */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#round(signal);
      await this.#deps.bell.wait(this.#untilNextMs(), signal);
    }
    this.#watched.clear();
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { clock, timing } = this.#deps;
    const due = [...this.#watched].filter(([, node]) => node.nextMs <= clock.monoMs());
    let at = 0;
    const lane = async (): Promise<void> => {
      for (let next = due[at++]; next !== undefined && !signal.aborted; next = due[at++]) {
        await this.#ask(next[0], next[1]);
      }
    };
    await Promise.all(Array.from({ length: Math.min(timing.concurrency, due.length) }, lane));
  }

  async #ask(nodeId: string, node: Watched): Promise<void> {
    const { clock, timing, ping, log, onChange } = this.#deps;
    node.nextMs = clock.monoMs() + timing.everyMs;
    const askedAtMs = clock.wallMs();
    const answer = await ping(node.destination);
    if (this.#watched.get(nodeId) !== node) return;
    const before = node.evidence;
    if (answer === 'silent') {
      node.failures += 1;
      node.silentSinceMs ??= askedAtMs;
      if (node.failures >= timing.fall) node.evidence = 'silent';
    } else {
      node.failures = 0;
      node.silentSinceMs = null;
      node.evidence = answer;
    }
    if (node.evidence === before) return;
    const facts = { nodeId, destination: node.destination, evidence: node.evidence };
    if (node.evidence === 'silent') log.warn(facts, 'a vanished node does not answer SIP');
    else log.info(facts, 'a vanished node answers SIP');
    onChange();
  }

  #untilNextMs(): number {
    const { clock, timing } = this.#deps;
    const next = Math.min(...[...this.#watched.values()].map((node) => node.nextMs));
    return Number.isFinite(next) ? Math.max(1, next - clock.monoMs()) : timing.everyMs * 60;
  }
}

function fresh(destination: string, nowMs: number): Watched {
  return { destination, evidence: 'unknown', silentSinceMs: null, failures: 0, nextMs: nowMs };
}
