import type { Clock } from '../../util/clock.js';
import { Doorbell } from '../../util/doorbell.js';
import { CarnaError, MarathonUnavailableError } from '../../util/errors.js';
import { EventBuffer } from './event-buffer.js';

/** The part of a Node stream that is used. */
export interface ByteStream {
  on(event: 'data', listener: (bytes: Uint8Array) => void): unknown;
  on(event: 'error', listener: (err: Error) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  destroy(): unknown;
}

/** One life of an event stream: what came, when, and why it ended. */
export class Attachment {
  /** Rings when there is something new to look at. */
  readonly bell = new Doorbell();
  readonly buffer = new EventBuffer();
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  #heardMs: number;
  #end: CarnaError | undefined;

  constructor(stream: ByteStream, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
    this.#heardMs = clock.monoMs();
    stream.on('error', (err) => this.#over(err.message));
    stream.on('close', () => this.#over('closed by the other side'));
    stream.on('data', (bytes) => this.#take(bytes));
  }

  /** When the last byte came, on the monotonic clock. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Throws why the stream ended, also when it has been silent for `silentMs`. */
  check(silentMs: number): void {
    if (this.#clock.monoMs() - this.#heardMs >= silentMs) this.#over(`silent for ${silentMs} ms`);
    if (this.#end !== undefined) throw this.#end;
  }

  /** Ends the connection. Safe to call twice. */
  close(): void {
    this.#stream.destroy();
  }

  #take(bytes: Uint8Array): void {
    this.#heardMs = this.#clock.monoMs();
    try {
      this.buffer.add(bytes);
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      this.#end ??= err;
      this.close();
    }
    this.bell.ring();
  }

  #over(why: string): void {
    this.#end ??= new MarathonUnavailableError(`event stream: ${why}`);
    this.bell.ring();
  }
}
