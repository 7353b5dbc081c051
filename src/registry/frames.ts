import { ProtocolError } from '../util/errors.js';

/** Largest reply we keep; a listing of 200,000 children with the longest names is about this large. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;
/** A length beyond this is no reply of any ZooKeeper but garbage. */
const MAX_PLAUSIBLE_BYTES = 2 ** 30;
/** Length prefix, xid, zxid, error code: what tells whose reply it is. */
const HEAD_BYTES = 20;

/** One frame with its length prefix; of an oversized one only the first 20 bytes, the rest is thrown away. */
export interface Frame {
  readonly bytes: Buffer;
  readonly isOversized: boolean;
}

/** Cuts a byte stream into ZooKeeper's frames (4 bytes of length, then as many bytes). One per connection. */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #sizeBytes = 0;
  /** Of an oversized frame, still to come. */
  #skipBytes = 0;

  constructor(maxBytes = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Gives the frames that are whole now. Throws ProtocolError on an impossible length. */
  push(bytes: Buffer): Frame[] {
    const skipped = Math.min(this.#skipBytes, bytes.length);
    this.#skipBytes -= skipped;
    this.#chunks.push(bytes.subarray(skipped));
    this.#sizeBytes += bytes.length - skipped;
    const frames: Frame[] = [];
    for (let next = this.#next(); next !== null; next = this.#next()) frames.push(next);
    return frames;
  }

  #next(): Frame | null {
    if (this.#sizeBytes < 4) return null;
    const length = this.#head().readInt32BE(0);
    if (length < 0 || length > MAX_PLAUSIBLE_BYTES) {
      throw new ProtocolError(`ZooKeeper sent a frame of ${length} bytes`);
    }
    const isOversized = length > this.#maxBytes && length + 4 > HEAD_BYTES;
    const need = isOversized ? HEAD_BYTES : length + 4;
    if (this.#sizeBytes < need) return null;
    const bytes = this.#take(need);
    if (isOversized) this.#skip(length + 4 - need);
    return { bytes, isOversized };
  }

  #take(count: number): Buffer {
    const all = this.#joined();
    this.#chunks = [all.subarray(count)];
    this.#sizeBytes = all.length - count;
    return all.subarray(0, count);
  }

  #skip(count: number): void {
    const here = Math.min(count, this.#sizeBytes);
    this.#take(here);
    this.#skipBytes = count - here;
  }

  #head(): Buffer {
    const first = this.#chunks[0];
    return first !== undefined && first.length >= 4 ? first : this.#joined();
  }

  #joined(): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && this.#chunks.length === 1) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}
