import { EventEmitter } from 'node:events';
import type { Actor } from './actor.js';
import type { Random } from './random.js';
import type { Scheduler } from './scheduler.js';

/** The server's end of a connection. */
export interface ServerEnd {
  bytes(data: Buffer): void;
  /** The client's end is gone. */
  gone(): void;
}

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

/** The client's end, as much of a socket as the registry uses. */
export class SimSocket extends EventEmitter {
  destroyed = false;
  readonly #wire: Wire;

  constructor(wire: Wire) {
    super();
    this.#wire = wire;
  }

  write(bytes: Buffer): boolean {
    if (!this.destroyed) this.#wire.up(bytes);
    return true;
  }

  destroy(error?: Error): this {
    if (!this.destroyed) this.#wire.closeClient(error);
    return this;
  }

  setTimeout(): this {
    return this;
  }
}

/** One TCP connection: two ordered streams. */
export class Wire {
  readonly client: SimSocket;
  readonly actor: Actor;
  readonly server: string;
  readonly link: string;
  readonly #network: Network;
  #end: ServerEnd | null = null;
  #isOpen = false;
  #isOver = false;
  #upAtMs = 0;
  #downAtMs = 0;
  /** What a black hole swallowed; TCP sends it again when the link is back. */
  #held: (() => void)[] = [];
  #upPending: { readonly sentMs: number; readonly parts: Buffer[] } | null = null;
  readonly #onDeath = (): void => this.#abandon();

  constructor(network: Network, actor: Actor, server: string) {
    this.#network = network;
    this.actor = actor;
    this.server = server;
    this.link = `${actor.host.name}>${server}`;
    this.client = new SimSocket(this);
    actor.onDeath.add(this.#onDeath);
    network.scheduler.world(network.latencyMs(), () => this.#through(() => this.#establish()));
  }

  #establish(): void {
    if (this.#isOver || this.actor.state === 'dead') return;
    const end = this.#network.accept(this);
    if (end === null) {
      this.reset('ECONNREFUSED');
      return;
    }
    this.#end = end;
    this.#tell(() => {
      this.#isOpen = true;
      this.client.emit('connect');
    });
  }

  up(bytes: Buffer): void {
    const { scheduler } = this.#network;
    if (this.actor.state === 'dead' || !this.#isOpen) return;
    if (this.#upPending?.sentMs === scheduler.nowMs) {
      this.#upPending.parts.push(bytes);
      return;
    }
    const pending = { sentMs: scheduler.nowMs, parts: [bytes] };
    this.#upPending = pending;
    this.#upAtMs = Math.max(this.#upAtMs, scheduler.nowMs + this.#network.latencyMs());
    scheduler.world(this.#upAtMs - scheduler.nowMs, () => {
      if (this.#upPending === pending) this.#upPending = null;
      const all = pending.parts.length === 1 ? pending.parts[0] : Buffer.concat(pending.parts);
      if (all !== undefined) this.#through(() => this.#end?.bytes(all));
    });
  }

  /** From the server. */
  down(bytes: Buffer): void {
    this.#tell(() => {
      if (!this.client.destroyed) this.client.emit('data', bytes);
    });
  }

  /** The server closes: what it sent before arrives first. */
  closeServer(): void {
    this.#end = null;
    this.#tell(() => this.#closed('closed'));
  }

  /** Both ends lose it now; what is on its way is lost. `partial`: the client gets these bytes first. */
  reset(code: string, partial?: Buffer): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end?.gone();
    this.#end = null;
    this.#network.wires.delete(this);
    this.#network.scheduler.act(0, this.actor, 'io', () => {
      if (partial !== undefined && !this.client.destroyed) this.client.emit('data', partial);
      this.#closed(code);
    });
  }

  closeClient(error?: Error): void {
    const wasOpen = this.#end;
    this.client.destroyed = true;
    this.actor.onDeath.delete(this.#onDeath);
    if (this.actor.state === 'dead') return;
    const { scheduler } = this.#network;
    scheduler.act(0, this.actor, 'io', () => {
      if (error !== undefined) this.client.emit('error', error);
      this.client.emit('close', error !== undefined);
    });
    if (this.#isOver) return;
    this.#isOver = true;
    this.#network.wires.delete(this);
    // What was written before is sent all the same.
    const delayMs = Math.max(0, this.#upAtMs - scheduler.nowMs) + this.#network.latencyMs();
    scheduler.world(delayMs, () => {
      if (!this.#network.isBlackhole(this.link)) wasOpen?.gone();
    });
  }

  flush(): void {
    for (const work of this.#held.splice(0)) {
      this.#network.scheduler.world(this.#network.latencyMs(), work);
    }
  }

  #closed(code: string): void {
    this.#isOver = true;
    this.#network.wires.delete(this);
    this.actor.onDeath.delete(this.#onDeath);
    if (this.client.destroyed) return;
    this.client.destroyed = true;
    if (code !== 'closed') this.client.emit('error', new Error(code));
    this.client.emit('close', code !== 'closed');
  }

  /** To the client, in order. */
  #tell(work: () => void): void {
    const { scheduler } = this.#network;
    const wishMs = scheduler.nowMs + this.#network.latencyMs() + this.#network.lagMs(this.link);
    this.#downAtMs = Math.max(this.#downAtMs, wishMs);
    const deliver = (): void => {
      if (!this.#isOver) work();
    };
    scheduler.act(this.#downAtMs - scheduler.nowMs, this.actor, 'io', () =>
      this.#through(deliver, true),
    );
  }

  #through(work: () => void, isDown = false): void {
    if (!this.#network.isBlackhole(this.link)) work();
    else if (!isDown) this.#held.push(work);
    else this.#held.push(() => void this.#network.scheduler.act(0, this.actor, 'io', work));
  }

  #abandon(): void {
    const end = this.#end;
    this.#isOver = true;
    this.#end = null;
    this.#network.wires.delete(this);
    const delayMs = this.#network.latencyMs();
    this.#network.scheduler.world(delayMs, () => {
      if (!this.#network.isBlackhole(this.link)) end?.gone();
    });
  }
}
