import type { ServerResponse } from 'node:http';
import type { MarathonEvent } from './events.js';
import { streamAttached, streamDetached } from './events.js';
import { misfits } from './schemas.js';
import type { Timers } from './timers.js';

/** Shuffled events leave in batches of what happened within that time (ms). */
const SHUFFLE_MS = 5;

export interface HubOptions {
  readonly heartbeatMs: number;
  readonly maxUnread: number;
  readonly shuffle: boolean;
  readonly timers: Timers;
  readonly onFault: (message: string) => void;
}

interface Consumer {
  readonly response: ServerResponse;
  readonly types: readonly string[];
  readonly address: string;
  /** Of whoever does not read. */
  readonly unread: string[];
  isFull: boolean;
}

/** GET /v2/events: all consumers, and what a fault does to them. */
export class EventHub {
  readonly #options: HubOptions;
  readonly #consumers = new Set<Consumer>();
  #batch: MarathonEvent[] = [];
  #isSilent = false;

  constructor(options: HubOptions) {
    this.#options = options;
    options.timers.every(options.heartbeatMs, () => {
      for (const consumer of this.#consumers) this.#write(consumer, '\r\n');
    });
  }

  get consumers(): number {
    return this.#consumers.size;
  }

  /** Attaches a stream; no types: all. */
  attach(response: ServerResponse, types: readonly string[], address: string): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream;charset=utf-8',
      'cache-control': 'no-cache',
    });
    response.flushHeaders();
    const consumer = { response, types, address, unread: [], isFull: false };
    this.#consumers.add(consumer);
    response.on('drain', () => this.#drain(consumer));
    response.on('error', () => undefined);
    response.on('close', () => this.#detach(consumer));
    this.publish(streamAttached(address));
  }

  publish(event: MarathonEvent): void {
    const faults = misfits('events', event);
    if (faults.length > 0) {
      const texts = faults.map((fault) => `${fault.instancePath} ${fault.message ?? ''}`);
      this.#options.onFault(`event ${event.eventType}: ${texts.join('; ')}`);
    }
    if (!this.#options.shuffle) return this.#send(event);
    this.#batch.push(event);
    if (this.#batch.length > 1) return;
    this.#options.timers.after(SHUFFLE_MS, () => {
      const batch = this.#batch.reverse();
      this.#batch = [];
      for (const one of batch) this.#send(one);
    });
  }

  /** Ends all streams at once. */
  drop(): void {
    for (const consumer of [...this.#consumers]) {
      this.#consumers.delete(consumer);
      consumer.response.destroy();
    }
  }

  silence(on: boolean): void {
    this.#isSilent = on;
  }

  #send(event: MarathonEvent): void {
    const text = `event: ${event.eventType}\r\ndata: ${JSON.stringify(event)}\r\n\r\n`;
    for (const consumer of [...this.#consumers]) {
      const { types } = consumer;
      if (types.length === 0 || types.includes(event.eventType)) this.#write(consumer, text);
    }
  }

  #write(consumer: Consumer, text: string): void {
    if (this.#isSilent) return;
    if (!consumer.isFull) {
      consumer.isFull = !consumer.response.write(text);
      return;
    }
    consumer.unread.push(text);
    if (consumer.unread.length > this.#options.maxUnread) consumer.response.destroy();
  }

  #drain(consumer: Consumer): void {
    consumer.isFull = false;
    while (!consumer.isFull) {
      const text = consumer.unread.shift();
      if (text === undefined) return;
      consumer.isFull = !consumer.response.write(text);
    }
  }

  #detach(consumer: Consumer): void {
    if (this.#consumers.delete(consumer)) this.publish(streamDetached(consumer.address));
  }
}
