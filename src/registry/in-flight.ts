import {
  RegistryAmbiguousError,
  RegistryNotSentError,
  RegistryRejectedError,
  messageOf,
} from '../util/errors.js';
import type { CarnaError } from '../util/errors.js';
import type { ZkOperation } from './requests.js';
import type { ZkCallback } from './zk-client.js';
import { zkCodeName } from './zk-codes.js';

export interface Answer<T> {
  readonly value: T;
  /** Orders replies and watch events as the server sent them. */
  readonly arrival: number;
}

type Settle = (error: CarnaError | null, payload?: unknown) => void;

/** The operations of one connection that wait for their answer; each settles exactly once. */
export class InFlight {
  readonly #settles = new Map<ZkCallback, Settle>();

  get size(): number {
    return this.#settles.size;
  }

  /**
   * Hands `queue` the callback that takes the answer, and waits for it at most `deadlineMs`; a later one is
   * ignored. `arrivals` gives the number of frames so far. Rejects with one of the registry errors.
   */
  begin<T>(
    operation: ZkOperation<T>,
    deadlineMs: number,
    arrivals: () => number,
    queue: (callback: ZkCallback) => void,
  ): Promise<Answer<T>> {
    return new Promise((resolve, reject) => {
      const { what } = operation;
      const callback: ZkCallback = (error, reply) => {
        const failed = error && new RegistryRejectedError(what, zkCodeName(error.code));
        this.#settle(callback, failed, reply?.payload);
      };
      const timer = setTimeout(() => {
        const why = `no answer within ${deadlineMs} ms`;
        this.#settle(callback, new RegistryAmbiguousError(`${what}: ${why}`));
      }, deadlineMs);
      this.#settles.set(callback, (error, payload) => {
        clearTimeout(timer);
        if (error !== null) {
          reject(error);
          return;
        }
        try {
          resolve({ value: operation.read(payload), arrival: arrivals() });
        } catch (err) {
          reject(err instanceof Error ? err : new Error(messageOf(err)));
        }
      });
      queue(callback);
    });
  }

  /** The connection is gone: what `unsent` holds was never written, of the rest nobody knows. */
  connectionLost(cause: string, unsent: ReadonlySet<ZkCallback>): void {
    const ambiguous = new RegistryAmbiguousError(
      `the connection was lost before the answer: ${cause}`,
    );
    const notSent = new RegistryNotSentError(`the connection was lost before sending: ${cause}`);
    for (const callback of [...this.#settles.keys()])
      this.#settle(callback, unsent.has(callback) ? notSent : ambiguous);
  }

  /** All that wait reject with `error`. */
  end(error: CarnaError): void {
    for (const callback of [...this.#settles.keys()]) this.#settle(callback, error);
  }

  #settle(callback: ZkCallback, error: CarnaError | null, payload?: unknown): void {
    const settle = this.#settles.get(callback);
    this.#settles.delete(callback);
    settle?.(error, payload);
  }
}
