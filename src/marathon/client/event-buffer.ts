import { InvalidInputError } from '../../util/errors.js';
import type { MarathonEvent } from './events-codec.js';
import { readEvent } from './events-codec.js';
import { SseReader } from './sse.js';

/** Events that wait for the follower; a follower further behind needs a snapshot anyway. */
export const MAX_WAITING_EVENTS = 1_024;

/** The events of one stream that were not taken yet, and whether some were lost. */
export class EventBuffer {
  readonly #reader = new SseReader();
  #events: MarathonEvent[] = [];
  #hasLost = false;

  /** Takes the stream's bytes. Throws MarathonAnswerError when an event grows too large. */
  add(bytes: Uint8Array): void {
    for (const frame of this.#reader.read(bytes)) this.#push(frame.data);
  }

  /** The events in the order in which they came; none of them stays. */
  takeAll(): readonly MarathonEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** Whether an event was unreadable or had no room since the last time. */
  takeLoss(): boolean {
    const hasLost = this.#hasLost;
    this.#hasLost = false;
    return hasLost;
  }

  #push(data: string): void {
    if (this.#events.length >= MAX_WAITING_EVENTS) {
      this.#events = [];
      this.#hasLost = true;
    }
    try {
      this.#events.push(readEvent(data));
    } catch (err) {
      if (!(err instanceof InvalidInputError)) throw err;
      this.#hasLost = true;
    }
  }
}
