import { StringDecoder } from 'node:string_decoder';
import { lineSplitter } from './line-splitter.js';

const NEWLINE = 0x0a;

/**
 * Turns the bytes of a file into lines and knows where each stands: `at` is the next byte to read, `lineAt`
 * the beginning of the line that is not told yet, where a later reader has to begin. No I/O.
 */
export class OffsetLines {
  readonly #lines: ReturnType<typeof lineSplitter>;
  #decoder = new StringDecoder('utf8');
  #at: number;
  #lineAt: number;
  /** The rest of a line whose beginning was skipped is no line. */
  #isInSkipped = false;

  constructor(at: number, emit: (line: string) => void) {
    this.#at = at;
    this.#lineAt = at;
    this.#lines = lineSplitter(emit);
  }

  get at(): number {
    return this.#at;
  }

  get lineAt(): number {
    return this.#lineAt;
  }

  /** The bytes at `at`. */
  push(bytes: Buffer): void {
    const from = this.#isInSkipped ? bytes.indexOf(NEWLINE) + 1 : 0;
    const lastNewline = bytes.lastIndexOf(NEWLINE);
    this.#isInSkipped &&= from === 0;
    if (lastNewline >= 0) this.#lineAt = this.#at + lastNewline + 1;
    this.#at += bytes.length;
    if (this.#isInSkipped) this.#lineAt = this.#at;
    else this.#lines.push(this.#decoder.write(bytes.subarray(from)));
  }

  /** Leaves out so many bytes and what belongs to the line that they end in. */
  skip(sizeBytes: number): void {
    this.#tellHeld();
    this.#at += sizeBytes;
    this.#lineAt = this.#at;
    this.#isInSkipped = true;
  }

  /** The file was emptied: the next byte is its first. A line that began before goes on. */
  rewind(): void {
    this.#at = 0;
    this.#lineAt = 0;
  }

  /** Tells the last line, also without its newline. */
  end(): void {
    this.#tellHeld();
    this.#lineAt = this.#at;
  }

  #tellHeld(): void {
    this.#lines.push(this.#decoder.end());
    this.#lines.end();
    this.#decoder = new StringDecoder('utf8');
  }
}
