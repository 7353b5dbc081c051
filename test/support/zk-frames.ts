/** What passes on one direction of a ZooKeeper connection, frame by frame, however TCP splits it. */
export class ZkFrames {
  #rest = Buffer.alloc(0);

  /** The frames that are whole now, each with its length prefix. */
  push(bytes: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const frames: Buffer[] = [];
    while (this.#rest.length >= 4 && this.#rest.length >= 4 + this.#rest.readInt32BE(0)) {
      const size = 4 + this.#rest.readInt32BE(0);
      frames.push(this.#rest.subarray(0, size));
      this.#rest = this.#rest.subarray(size);
    }
    return frames;
  }
}

/** Operation of a request; null for the handshake and for pings. */
export function operationOf(request: Buffer): number | null {
  if (request.length < 12 || request.readInt32BE(4) < 0) return null;
  // The handshake begins with the protocol version 0 and is longer than any header.
  const isHandshake = request.readInt32BE(4) === 0 && request.length >= 44 && request.length <= 49;
  return isHandshake ? null : request.readInt32BE(8);
}

/** True for a notice of a watch. */
export function isNotice(reply: Buffer): boolean {
  return reply.length >= 20 && reply.readInt32BE(4) === -1;
}
