import { ProtocolError } from '../../util/errors.js';

/** Docker cuts output into frames of at most 16 KiB of a log and 32 KiB of an attached stream. */
export const MAX_FRAME_BYTES = 1 << 20;
const HEADER_BYTES = 8;

export interface OutputFrame {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/**
 * Takes a container's multiplexed output apart: each frame is a header of 8 bytes (stream, three zeros,
 * length in four bytes, the highest first) and its content. The result takes pieces, cut anywhere, and gives
 * the frames that they complete; it throws ProtocolError for what is no such stream.
 */
export function frameDecoder(): (piece: Buffer) => readonly OutputFrame[] {
  let held: Buffer = Buffer.alloc(0);
  return (piece) => {
    const frames: OutputFrame[] = [];
    held = held.length === 0 ? piece : Buffer.concat([held, piece]);
    while (held.length >= HEADER_BYTES) {
      const kind = held.readUInt8(0);
      const sizeBytes = held.readUInt32BE(4);
      if (kind > 2 || sizeBytes > MAX_FRAME_BYTES) {
        throw new ProtocolError('the output of the container is no multiplexed stream');
      }
      if (held.length < HEADER_BYTES + sizeBytes) break;
      const text = held.toString('utf8', HEADER_BYTES, HEADER_BYTES + sizeBytes);
      frames.push({ stream: kind === 2 ? 'stderr' : 'stdout', text });
      held = held.subarray(HEADER_BYTES + sizeBytes);
    }
    return frames;
  };
}
