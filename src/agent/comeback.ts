import type { Logger } from 'pino';
import { backoffMs } from '../util/backoff.js';
import { messageOf, ServerStartError } from '../util/errors.js';
import type { Timekeeper } from './ports.js';
import { RestartPace } from './restart-pace.js';
import type { RunningServer, ServerRuntime } from './runtime/runtime.js';
import type { AgentTiming } from './timing.js';

export interface ComebackDeps {
  readonly runtime: ServerRuntime;
  readonly time: Timekeeper;
  readonly timing: AgentTiming;
  readonly log: Logger;
}

/** How an agent comes back to its server, and a server to its agent: what runs already, and when to start it again. */
export class Comeback {
  readonly #deps: ComebackDeps;
  readonly #pace: RestartPace;
  #trouble: string | null = null;

  constructor(deps: ComebackDeps) {
    this.#deps = deps;
    this.#pace = new RestartPace(deps.timing.restart, deps.time.random);
  }

  /** Why it is not known yet whether a server runs here; null when it is. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /**
   * The server that an earlier agent left, or null. A runtime that cannot be asked now may hold it, so it is
   * asked again for as long as it takes: nothing may be started before that is known, and giving up could end
   * a server with calls on it. Throws MissingPartError.
   */
  async adopt(signal: AbortSignal): Promise<RunningServer | null> {
    const { runtime, time, timing, log } = this.#deps;
    for (let attempt = 0; ; attempt++) {
      try {
        const found = await runtime.adopt();
        this.#trouble = null;
        return found;
      } catch (err) {
        if (!(err instanceof ServerStartError)) throw err;
        const trouble = `cannot tell what runs here: ${messageOf(err)}`;
        if (trouble !== this.#trouble) log.warn({ err }, 'cannot tell what runs here, will retry');
        this.#trouble = trouble;
        await time.wait(backoffMs(attempt, timing.restart.backoff, time.random), signal);
        if (signal.aborted) return null;
      }
    }
  }

  /**
   * Waits before the next start. `fitSinceMs` (monotonic) tells since when the last life was fit, null =
   * never. Throws CrashLoopError when it was one too many. An observer only looks again.
   */
  async pauseAfter(cause: string, fitSinceMs: number | null, signal: AbortSignal): Promise<void> {
    const { runtime, time, timing, log } = this.#deps;
    if (runtime.isObserver) {
      log.info({ cause }, 'no server to observe, looking again');
      await time.wait(timing.probe.intervalMs, signal);
      return;
    }
    const upMs = fitSinceMs === null ? 0 : Math.max(1, time.monoMs() - fitSinceMs);
    const pauseMs = this.#pace.pauseAfter({ endedMs: time.monoMs(), upMs, cause });
    log.warn({ cause, pauseMs: Math.round(pauseMs) }, 'the server does not run, trying again');
    await time.wait(pauseMs, signal);
  }
}
