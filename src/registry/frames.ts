import { ProtocolError } from '../util/errors.js';

/** Largest reply we accept; ZooKeeper's listing of a million children is about this large. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

/** Cuts a byte stream into ZooKeeper's frames (4 bytes of length, then as many bytes). One per connection. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #sizeBytes = 0;

  /** Gives the frames that are whole now, each with its length prefix. Throws ProtocolError on an impossible length. */
  push(bytes: Buffer): Buffer[] {
    this.#chunks.push(bytes);
    this.#sizeBytes += bytes.length;
    const frames: Buffer[] = [];
    for (let need = this.#need(); need !== null && this.#sizeBytes >= need; need = this.#need()) {
      const all = this.#joined();
      frames.push(all.subarray(0, need));
      this.#chunks = [all.subarray(need)];
      this.#sizeBytes = all.length - need;
    }
    return frames;
  }

  /** Length of the first frame with its prefix; null while even that is not known. */
  #need(): number | null {
    if (this.#sizeBytes < 4) return null;
    const first = this.#chunks[0];
    const head = first !== undefined && first.length >= 4 ? first : this.#joined();
    const length = head.readInt32BE(0);
    if (length < 0 || length > MAX_FRAME_BYTES) {
      throw new ProtocolError(`ZooKeeper sent a frame of ${length} bytes`);
    }
    return length + 4;
  }

  #joined(): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && this.#chunks.length === 1) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}
