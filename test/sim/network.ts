import type { Actor } from './actor.js';
import type { Random } from './random.js';
import type { Scheduler } from './scheduler.js';
import type { ServerEnd, SimSocket } from './wire.js';
import { Wire } from './wire.js';

/** A server that can be connected to; null = nobody listens. */
export type Listener = (wire: Wire) => ServerEnd | null;

const MIN_LATENCY_MS = 0.2;
const MAX_LATENCY_MS = 2;

/** Connections between hosts and servers, with links that can be cut, held up and slowed down. */
export class Network {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly #listeners = new Map<string, Listener>();
  /** `host>server`: nothing gets through, nobody is told. */
  readonly #blackholes = new Set<string>();
  /** Extra ms from the server to the host. */
  readonly #lags = new Map<string, number>();
  readonly wires = new Set<Wire>();

  constructor(scheduler: Scheduler, random: Random) {
    this.scheduler = scheduler;
    this.random = random;
  }

  listen(server: string, listener: Listener): void {
    this.#listeners.set(server, listener);
  }

  /** A connection of the process that runs now. */
  connect(actor: Actor, server: string): SimSocket {
    const wire = new Wire(this, actor, server);
    this.wires.add(wire);
    return wire.client;
  }

  accept(wire: Wire): ServerEnd | null {
    return this.#listeners.get(wire.server)?.(wire) ?? null;
  }

  blackhole(host: string, server: string, isOn: boolean): void {
    const link = `${host}>${server}`;
    if (isOn) this.#blackholes.add(link);
    else this.#blackholes.delete(link);
    if (!isOn) for (const wire of this.wires) if (wire.link === link) wire.flush();
  }

  isBlackhole(link: string): boolean {
    return this.#blackholes.has(link);
  }

  lag(host: string, server: string, ms: number): void {
    this.#lags.set(`${host}>${server}`, ms);
  }

  latencyMs(): number {
    return this.random.between(MIN_LATENCY_MS, MAX_LATENCY_MS);
  }

  lagMs(link: string): number {
    return this.#lags.get(link) ?? 0;
  }

  /** Ends connections at once, as a reset does. */
  cut(isMeant: (wire: Wire) => boolean): void {
    for (const wire of [...this.wires]) if (isMeant(wire)) wire.reset('ECONNRESET');
  }
}
