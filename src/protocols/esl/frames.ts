import { cutText } from '../../util/cut-text.js';
import { ProtocolError } from '../../util/errors.js';

/** A header block without its end after so many bytes is no ESL. */
export const MAX_HEADER_BYTES = 64 * 1024;
/** FreeSWITCH's largest replies (`show channels as json` of thousands of calls) are a few megabytes. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024;

const HEADER_END = '\n\n';

/**
 * Cuts a stream of the event socket into whole messages: header lines, a blank line, then as many
 * bytes of body as Content-Length says. Bytes are passed on unchanged.
 *
 * It stands before the esl package, whose own cutter recurses per message, copies quadratically, has
 * no limits and takes a Content-Length that is no number for an absent one.
 */
export class FrameCutter {
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  /** Whole length of the message under way, once its header is whole. */
  #wantedBytes: number | undefined;

  /** True when a message has begun and is not whole. */
  get isInsideMessage(): boolean {
    return this.#pieceBytes > 0;
  }

  /** Takes the next bytes, gives the messages that they complete. Throws ProtocolError; then the stream is lost. */
  push(chunk: Buffer): Buffer[] {
    this.#pieces.push(chunk);
    this.#pieceBytes += chunk.length;
    const messages: Buffer[] = [];
    for (;;) {
      this.#wantedBytes ??= this.#measure();
      const wanted = this.#wantedBytes;
      if (wanted === undefined || this.#pieceBytes < wanted) return messages;
      const all = this.#joined();
      messages.push(all.subarray(0, wanted));
      this.#pieces = [all.subarray(wanted)];
      this.#pieceBytes -= wanted;
      this.#wantedBytes = undefined;
    }
  }

  #measure(): number | undefined {
    const bytes = this.#joined();
    const end = bytes.subarray(0, MAX_HEADER_BYTES).indexOf(HEADER_END);
    if (end < 0) {
      if (bytes.length < MAX_HEADER_BYTES) return undefined;
      throw new ProtocolError(`ESL header of more than ${MAX_HEADER_BYTES} bytes`);
    }
    return end + HEADER_END.length + bodyBytes(bytes.toString('latin1', 0, end));
  }

  #joined(): Buffer {
    const [first] = this.#pieces;
    const all = this.#pieces.length === 1 && first ? first : Buffer.concat(this.#pieces);
    this.#pieces = [all];
    return all;
  }
}

/** The length of the body that a header block announces; 0 when it announces none. */
function bodyBytes(header: string): number {
  const lines = header.split('\n');
  if (!lines.some((line) => /^Content-Type: \S/.test(line))) {
    throw new ProtocolError(
      `ESL header without Content-Type: ${JSON.stringify(cutText(header, 80))}`,
    );
  }
  const length = lines.find((line) => line.startsWith('Content-Length:'));
  if (length === undefined) {
    if (!lines.includes('Content-Type: api/response')) return 0;
    throw new ProtocolError('ESL api/response without Content-Length');
  }
  const digits = /^Content-Length: (\d{1,10})$/.exec(length)?.[1];
  if (digits === undefined || Number(digits) > MAX_BODY_BYTES) {
    throw new ProtocolError(
      `ESL ${JSON.stringify(cutText(length, 60))}, expected a number up to ${MAX_BODY_BYTES}`,
    );
  }
  return Number(digits);
}
