import { backoffMs } from '../util/backoff.js';
import type { BackoffLimits } from '../util/backoff.js';
import {
  CarnaError,
  RegistryNotSentError,
  RegistrySessionOverError,
  messageOf,
} from '../util/errors.js';

const RETRY: BackoffLimits = { minMs: 100, maxMs: 5_000 };

export interface PassWork {
  /** False while ZooKeeper is out of reach; whoever sees it come back calls `request`. */
  readonly canRun: () => boolean;
  /** Does one thing. True when another is due. */
  readonly step: () => Promise<boolean>;
  /** After each pass, however it ended. */
  readonly ended: () => void;
  /** The first failure in a row. */
  readonly failed: (err: CarnaError) => void;
  readonly random: () => number;
}

/**
 * Steps until nothing is due, one pass at a time; a request during a pass makes it look once more. What
 * fails is tried again after a growing pause, or at the next request. Never rejects.
 */
export class RetriedPass {
  readonly #work: PassWork;
  #isRequested = false;
  #isRunning = false;
  #failures = 0;
  #fault: string | null = null;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(work: PassWork) {
    this.#work = work;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Why the last pass failed; null when none did since. */
  get fault(): string | null {
    return this.#fault;
  }

  request(): void {
    this.#isRequested = true;
    if (this.#isRunning || !this.#work.canRun()) return;
    this.#isRunning = true;
    void this.#run();
  }

  /** No retry is left waiting. A pass under way ends by itself. */
  stop(): void {
    clearTimeout(this.#retryTimer);
  }

  async #run(): Promise<void> {
    clearTimeout(this.#retryTimer);
    try {
      while (this.#isRequested) {
        this.#isRequested = false;
        if (await this.#work.step()) this.#isRequested = true;
      }
      this.#failures = 0;
      this.#fault = null;
    } catch (err) {
      this.#onFailure(err);
    } finally {
      this.#isRunning = false;
    }
    this.#work.ended();
  }

  #onFailure(err: unknown): void {
    if (!(err instanceof CarnaError)) throw err;
    this.#isRequested = true;
    this.#fault = messageOf(err);
    const willComeBack =
      err instanceof RegistryNotSentError || err instanceof RegistrySessionOverError;
    if (willComeBack && !this.#work.canRun()) return;
    if (this.#failures === 0) this.#work.failed(err);
    const pauseMs = backoffMs(this.#failures, RETRY, this.#work.random);
    this.#failures += 1;
    this.#retryTimer = setTimeout(() => this.request(), pauseMs);
  }
}
