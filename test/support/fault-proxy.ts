import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

export interface FaultPair {
  readonly client: Socket;
  readonly server: Socket;
  /** One end closed while the link was a black hole; the other does not know yet. */
  isOrphan: boolean;
}

/**
 * What to do with bytes on their way: pass them (undefined), pass others instead (a Buffer), or lose
 * them (null). The pair may be destroyed in the hook.
 */
export type FaultHook = (bytes: Buffer, pair: FaultPair) => Buffer | null | undefined;

/** A connection of which one direction stands still; nothing is lost. */
export interface HeldLink {
  readonly isHolding: boolean;
  /** Passes on what was held, in its order; from then on everything as before. */
  release(): void;
}

/** A TCP proxy on loopback that breaks a link in every way a network does. */
export class FaultProxy {
  /** Accepted connections so far, refused ones included. */
  accepted = 0;
  /** Bytes lost in the black hole. */
  heldBytes = 0;
  onServerBytes: FaultHook | null = null;
  onClientBytes: FaultHook | null = null;

  readonly #host: string;
  readonly #port: number;
  #targetPort: number;
  #mode: 'pass' | 'refuse' | 'black-hole' = 'pass';
  #server: Server | null = null;
  readonly #pairs = new Set<FaultPair>();

  /** Listens on `host:port` and passes everything to `host:targetPort`. */
  static async open(host: string, port: number, targetPort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(host, port, targetPort);
    await proxy.up();
    return proxy;
  }

  private constructor(host: string, port: number, targetPort: number) {
    this.#host = host;
    this.#port = port;
    this.#targetPort = targetPort;
  }

  get address(): string {
    return `${this.#host}:${this.#port}`;
  }

  /** Connections that pass now. */
  get open(): number {
    return this.#pairs.size;
  }

  /** New connections go to another server. */
  retarget(port: number): void {
    this.#targetPort = port;
  }

  /** Ends all present connections on both sides. */
  cut(): void {
    for (const pair of [...this.#pairs]) this.#end(pair);
  }

  /** Accepts and closes at once, from now on; present connections stay. */
  refuse(): void {
    this.#mode = 'refuse';
  }

  /** All bytes and closes are lost, also of new connections; nobody is told. */
  blackHole(): void {
    this.#mode = 'black-hole';
  }

  /** Passes again. Connections that one end left meanwhile are reset, as a real network would. */
  heal(): void {
    this.#mode = 'pass';
    for (const pair of [...this.#pairs]) if (pair.isOrphan) this.#end(pair);
  }

  /** Refuses at TCP level from now on, and cuts. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    const closed = new Promise<void>((resolve) => {
      if (server === null) resolve();
      else server.close(() => resolve());
    });
    this.cut();
    await closed;
  }

  /** Listens again. */
  async up(): Promise<void> {
    if (this.#server !== null) return;
    const server = createServer((client) => this.#accept(client));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, this.#host, resolve);
    });
  }

  /** Passes exactly `sizeBytes` more bytes of the server's, then cuts that connection. */
  cutServerBytesAt(sizeBytes: number): void {
    let left = sizeBytes;
    this.onServerBytes = (bytes, pair) => {
      if (bytes.length < left) {
        left -= bytes.length;
        return undefined;
      }
      this.onServerBytes = null;
      pair.client.end(bytes.subarray(0, left));
      setImmediate(() => this.#end(pair));
      return null;
    };
  }

  /**
   * Holds back what the client sends on one connection, from the first bytes that `matches` accepts on:
   * the client has sent them, and the server does not know of them until `release`.
   */
  holdClientBytes(matches: (bytes: Buffer) => boolean): HeldLink {
    const held: Buffer[] = [];
    let link: FaultPair | null = null;
    const hook: FaultHook = (bytes, pair) => {
      if (link === null && matches(bytes)) link = pair;
      if (pair !== link) return undefined;
      held.push(bytes);
      return null;
    };
    this.onClientBytes = hook;
    const release = (): void => {
      if (this.onClientBytes === hook) this.onClientBytes = null;
      for (const bytes of held.splice(0))
        if (link?.server.destroyed === false) link.server.write(bytes);
    };
    return {
      get isHolding() {
        return held.length > 0;
      },
      release,
    };
  }

  async close(): Promise<void> {
    this.#mode = 'pass';
    await this.down();
  }

  #accept(client: Socket): void {
    this.accepted += 1;
    client.on('error', () => undefined);
    if (this.#mode === 'refuse') {
      client.destroy();
      return;
    }
    const server = connect({ host: this.#host, port: this.#targetPort, noDelay: true });
    client.setNoDelay();
    const pair: FaultPair = { client, server, isOrphan: false };
    this.#pairs.add(pair);
    server.on('error', () => undefined);
    client.on('data', (bytes) => this.#pass(bytes, this.onClientBytes, pair, server));
    server.on('data', (bytes) => this.#pass(bytes, this.onServerBytes, pair, client));
    client.on('close', () => this.#onClose(pair));
    server.on('close', () => this.#onClose(pair));
  }

  #pass(bytes: Buffer, hook: FaultHook | null, pair: FaultPair, to: Socket): void {
    if (this.#mode === 'black-hole') {
      this.heldBytes += bytes.length;
      return;
    }
    const changed = hook === null ? undefined : hook(bytes, pair);
    if (changed !== null && !to.destroyed) to.write(changed ?? bytes);
  }

  #onClose(pair: FaultPair): void {
    if (this.#mode === 'black-hole') pair.isOrphan = true;
    else this.#end(pair);
  }

  #end(pair: FaultPair): void {
    this.#pairs.delete(pair);
    pair.client.destroy();
    pair.server.destroy();
  }
}
