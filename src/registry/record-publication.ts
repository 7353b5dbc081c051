import { encodeNodeRecord } from '../topology/node-codec.js';
import type { NodeRecord } from '../topology/node.js';
import type { EphemeralPublication } from './publish.js';

/** What of an EphemeralPublication is used here. */
type BytesPublication = Pick<EphemeralPublication, 'set' | 'newIncarnation' | 'settled' | 'close'>;

/** Load changes alone are written at most this often. */
export const LOAD_REWRITE_MS = 1_000;

/**
 * Publishes a node's record. A change of identity (address, kind, role, data centre) makes a new znode; a change of state is written at once; changes of load alone at most once a second, the last one wins.
 */
export class NodePublication {
  readonly #bytes: BytesPublication;
  readonly #nowMs: () => number;
  #written: NodeRecord | null = null;
  /** Survives a `set(null)`: the next life is another incarnation all the same. */
  #identity: string | null = null;
  #waiting: NodeRecord | null = null;
  #writtenAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(bytes: BytesPublication, nowMs: () => number = () => performance.now()) {
    this.#bytes = bytes;
    this.#nowMs = nowMs;
  }

  /** Null withdraws the node. Throws InvalidInputError for a record that must not be published. */
  set(record: NodeRecord | null): void {
    if (record === null) {
      this.#clearWaiting();
      this.#written = null;
      this.#bytes.set(null);
      return;
    }
    const leftMs = this.#writtenAtMs + LOAD_REWRITE_MS - this.#nowMs();
    if (this.#written === null || leftMs <= 0 || !differsInLoadOnly(this.#written, record)) {
      this.#write(record);
      return;
    }
    encodeNodeRecord(record); // A bad record is the caller's fault now, not a surprise in a timer.
    this.#waiting = record;
    this.#timer ??= setTimeout(() => {
      if (this.#waiting !== null) this.#write(this.#waiting);
    }, leftMs);
  }

  /** True when ZooKeeper holds what was last asked for, false when not within `timeoutMs`. */
  async settled(timeoutMs: number): Promise<boolean> {
    return this.#bytes.settled(timeoutMs);
  }

  /** Removes the znode; see EphemeralPublication.close. */
  async close(): Promise<void> {
    this.#clearWaiting();
    await this.#bytes.close();
  }

  #write(record: NodeRecord): void {
    const bytes = encodeNodeRecord(record);
    this.#clearWaiting();
    const identity = identityOf(record);
    if (this.#identity !== null && this.#identity !== identity) this.#bytes.newIncarnation();
    this.#identity = identity;
    this.#written = record;
    this.#writtenAtMs = this.#nowMs();
    this.#bytes.set(Buffer.from(bytes));
  }

  #clearWaiting(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = null;
  }
}

/** What must not change within the life of one znode, as a comparable text. Pure. */
export function identityOf(record: NodeRecord): string {
  const { nodeId, role, kind, dc, sip } = record;
  const endpoints = sip.map(({ transport, host, port }) => [transport, host, port]);
  return JSON.stringify([nodeId, role, kind, dc, endpoints]);
}

/** True when nothing but weight, capacity, load class or agent data differs. Pure. */
export function differsInLoadOnly(a: NodeRecord, b: NodeRecord): boolean {
  return (
    identityOf(a) === identityOf(b) &&
    a.instanceId === b.instanceId &&
    a.state === b.state &&
    a.reason === b.reason
  );
}
