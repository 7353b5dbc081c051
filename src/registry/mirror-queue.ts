export interface MirrorTask {
  readonly kind: 'list' | 'read';
  readonly at: string;
}

/** Reads and listings on their way at once: more only delays other users of the session. */
const MAX_IN_FLIGHT = 100;

/** Which znodes are to be read or listed, and which are being, by relative path. A znode is never read twice at once. */
export class MirrorQueue {
  readonly #toRead = new Set<string>();
  readonly #toList = new Set<string>();
  readonly #reading = new Set<string>();
  /** Arrival of the notice that a znode was deleted while it was being read. */
  readonly #deletedAt = new Map<string, number>();
  #listing = 0;

  add({ kind, at }: MirrorTask): void {
    (kind === 'list' ? this.#toList : this.#toRead).add(at);
  }

  /** The next to begin with, listings first; null when there is none or enough is on its way. */
  begin(): MirrorTask | null {
    if (this.#reading.size + this.#listing >= MAX_IN_FLIGHT) return null;
    for (const at of this.#toList) {
      this.#toList.delete(at);
      this.#listing += 1;
      return { kind: 'list', at };
    }
    for (const at of this.#toRead) {
      if (this.#reading.has(at)) continue;
      this.#toRead.delete(at);
      this.#reading.add(at);
      return { kind: 'read', at };
    }
    return null;
  }

  /** To be called once for each that began, unless `clear` came between. */
  ended({ kind, at }: MirrorTask): void {
    if (kind === 'list') this.#listing -= 1;
    else {
      this.#reading.delete(at);
      this.#deletedAt.delete(at);
    }
  }

  noteDeleted(at: string, arrival: number): void {
    if (this.#reading.has(at)) this.#deletedAt.set(at, arrival);
  }

  /** The znode was deleted after the answer with this arrival. */
  wasDeletedAfter(at: string, arrival: number): boolean {
    return arrival < (this.#deletedAt.get(at) ?? 0);
  }

  get isIdle(): boolean {
    return !this.hasReads && !this.hasListings;
  }

  get hasReads(): boolean {
    return this.#toRead.size + this.#reading.size > 0;
  }

  get hasListings(): boolean {
    return this.#toList.size + this.#listing > 0;
  }

  isReading(at: string): boolean {
    return this.#toRead.has(at) || this.#reading.has(at);
  }

  /** Forgets all, also what is on its way. */
  clear(): void {
    this.#listing = 0;
    this.#deletedAt.clear();
    for (const set of [this.#toRead, this.#toList, this.#reading]) set.clear();
  }
}
