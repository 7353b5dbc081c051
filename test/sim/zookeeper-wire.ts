/** Reads ZooKeeper's records (jute) from a request. Throws RangeError behind its end. */
export class JuteReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  int(): number {
    const value = this.#bytes.readInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  long(): bigint {
    const value = this.#bytes.readBigUInt64BE(this.#at);
    this.#at += 8;
    return value;
  }

  bool(): boolean {
    const value = this.#bytes[this.#at] !== 0;
    this.#at += 1;
    return value;
  }

  /** Null for a buffer that was not given. */
  buffer(): Buffer | null {
    const length = this.int();
    if (length < 0) return null;
    const value = Buffer.from(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return value;
  }

  text(): string {
    return this.buffer()?.toString() ?? '';
  }

  skipAcl(): void {
    const count = this.int();
    for (let at = 0; at < count; at++) {
      this.int();
      this.text();
      this.text();
    }
  }
}

/** Writes ZooKeeper's records. */
export class JuteWriter {
  readonly #parts: Buffer[] = [];

  int(value: number): this {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeInt32BE(value, 0);
    this.#parts.push(bytes);
    return this;
  }

  long(value: bigint | number): this {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigUInt64BE(BigInt(value), 0);
    this.#parts.push(bytes);
    return this;
  }

  buffer(value: Buffer | null): this {
    if (value === null) return this.int(-1);
    this.int(value.length);
    this.#parts.push(value);
    return this;
  }

  text(value: string): this {
    return this.buffer(Buffer.from(value));
  }

  append(other: JuteWriter): this {
    this.#parts.push(...other.#parts);
    return this;
  }

  /** With its length before it. */
  frame(): Buffer {
    const length = this.#parts.reduce((sum, part) => sum + part.length, 0);
    const head = Buffer.allocUnsafe(4);
    head.writeInt32BE(length, 0);
    return Buffer.concat([head, ...this.#parts]);
  }
}

/** Cuts a stream of requests into frames without their length. */
export class RequestFrames {
  #rest: Buffer = Buffer.alloc(0);

  push(bytes: Buffer): Buffer[] {
    let all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const frames: Buffer[] = [];
    while (all.length >= 4) {
      const length = all.readInt32BE(0);
      if (all.length < length + 4) break;
      frames.push(all.subarray(4, length + 4));
      all = all.subarray(length + 4);
    }
    this.#rest = all;
    return frames;
  }
}
