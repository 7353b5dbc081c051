import { EventEmitter } from 'node:events';
import type { Actor } from './actor.js';
import type { Network } from './network.js';

/** The server's end of a connection. */
export interface ServerEnd {
  bytes(data: Buffer): void;
  /** The client's end is gone. */
  gone(): void;
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
