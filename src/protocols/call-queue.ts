import { DeadlineError, ServerUnavailableError } from '../util/errors.js';

interface Job {
  readonly begin: () => void;
  readonly fail: (err: Error) => void;
}

/**
 * One call at a time on a connection that answers in order. The rest wait in order, up to `limit`.
 *
 * A call has one deadline for waiting and work together. A call that is late while it still waits is
 * only taken out; one that is late at work has lost its place in the stream of answers, so `onLate`
 * must close the connection before the next call begins.
 */
export class CallQueue {
  readonly #limit: number;
  readonly #waiting: Job[] = [];
  #current: Job | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Settles like `work`. Rejects with a DeadlineError naming `what` after `timeoutMs`, and with a
   * ServerUnavailableError at once when `limit` calls wait already.
   */
  async run<T>(
    what: string,
    timeoutMs: number,
    work: () => Promise<T>,
    onLate: (err: DeadlineError) => void,
  ): Promise<T> {
    if (this.#waiting.length >= this.#limit) {
      throw new ServerUnavailableError(`${what}: ${this.#limit} calls wait already`);
    }
    return new Promise<T>((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        settle();
        if (this.#current !== job) return;
        this.#current = undefined;
        this.#next();
      };
      const job: Job = {
        begin: () => {
          work().then(
            (value) => finish(() => resolve(value)),
            (err: Error) => finish(() => reject(err)),
          );
        },
        fail: (err) => finish(() => reject(err)),
      };
      const timer = setTimeout(() => {
        const err = new DeadlineError(what, timeoutMs);
        this.#forget(job);
        if (this.#current === job) onLate(err);
        job.fail(err);
      }, timeoutMs);
      this.#waiting.push(job);
      this.#next();
    });
  }

  /** Rejects every call that has not begun. The one at work is left to its own end. */
  failWaiting(err: Error): void {
    for (const job of this.#waiting.splice(0)) job.fail(err);
  }

  #next(): void {
    if (this.#current !== undefined) return;
    this.#current = this.#waiting.shift();
    this.#current?.begin();
  }

  #forget(job: Job): void {
    const at = this.#waiting.indexOf(job);
    if (at >= 0) this.#waiting.splice(at, 1);
  }
}
