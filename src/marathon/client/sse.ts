import { MarathonAnswerError } from '../../util/errors.js';

/** One event as the stream carries it. */
export interface SseFrame {
  /** `message` when the stream names none. */
  readonly event: string;
  readonly data: string;
}

/** The largest event that is taken: a deployment_info of a group of 1,000 apps has about 1 MB. */
export const MAX_FRAME_CHARS = 8 * 1024 * 1024;

/**
 * Cuts the bytes of an event stream into events. Lines end with LF, CR LF or CR; comments (Marathon's sign of life)
 * and `id`, `retry` are left out; an event without data is none.
 */
export class SseReader {
  readonly #decoder = new TextDecoder('utf-8');
  readonly #maxChars: number;
  #rest = '';
  #event = '';
  #data: string[] = [];
  #sizeChars = 0;

  constructor(maxChars = MAX_FRAME_CHARS) {
    this.#maxChars = maxChars;
  }

  /** The events that these bytes complete. Throws MarathonAnswerError when one grows too large. */
  read(bytes: Uint8Array): SseFrame[] {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    const frames: SseFrame[] = [];
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.#rest);
      if (end === null) break;
      const frame = this.#line(this.#rest.slice(0, end.index));
      this.#rest = this.#rest.slice(end.index + end[0].length);
      if (frame !== undefined) frames.push(frame);
    }
    if (this.#sizeChars + this.#rest.length > this.#maxChars) {
      throw new MarathonAnswerError(
        `event stream: an event of more than ${this.#maxChars} characters`,
      );
    }
    return frames;
  }

  #line(line: string): SseFrame | undefined {
    if (line === '') return this.#end();
    const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === 'event') this.#event = value;
    if (name === 'data') {
      this.#data.push(value);
      this.#sizeChars += value.length + 1;
    }
    return undefined;
  }

  #end(): SseFrame | undefined {
    const frame = { event: this.#event || 'message', data: this.#data.join('\n') };
    const isEmpty = this.#data.length === 0;
    this.#event = '';
    this.#data = [];
    this.#sizeChars = 0;
    return isEmpty ? undefined : frame;
  }
}
