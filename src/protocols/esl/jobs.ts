import type { FreeSwitchResponse } from 'esl';
import { ProtocolError } from '../../util/errors.js';

/** A background job that was asked for: its body arrives as an event under its id. */
export interface ExpectedJob {
  readonly id: string;
  /** The output; empty when there is none. Rejects when the connection ends first. */
  readonly body: Promise<string>;
  readonly forget: () => void;
}

interface Waiter {
  readonly resolve: (body: string) => void;
  readonly reject: (err: Error) => void;
}

/**
 * Sorts BACKGROUND_JOB events. FreeSWITCH sends those of every client to every client, and the esl
 * package keeps for ever what nobody awaits: each one is taken out of its store as it arrives.
 */
export class EslJobs {
  readonly #waiters = new Map<string, Waiter>();

  constructor(esl: FreeSwitchResponse) {
    // Runs after the package's own listener, which has just stored the event.
    esl.on('BACKGROUND_JOB', ({ body }) => {
      const id = body['Job-UUID'];
      esl.waitAsync(`BACKGROUND_JOB ${id}`, 0, 'taking it out').catch(() => undefined);
      if (id === undefined) return;
      const text = body['_body'] ?? '';
      if (typeof text === 'string') this.#waiters.get(id)?.resolve(text);
      else
        this.#waiters.get(id)?.reject(new ProtocolError('a BACKGROUND_JOB whose body is no text'));
    });
  }

  expect(id: string): ExpectedJob {
    const body = new Promise<string>((resolve, reject) => {
      this.#waiters.set(id, { resolve, reject });
    });
    body.catch(() => undefined); // The caller may have left before it settles.
    return { id, body, forget: () => this.#waiters.delete(id) };
  }

  failAll(err: Error): void {
    for (const waiter of this.#waiters.values()) waiter.reject(err);
    this.#waiters.clear();
  }
}
