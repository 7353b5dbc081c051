import type { Logger } from 'pino';
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

  constructor(deps: ComebackDeps) {
    this.#deps = deps;
    this.#pace = new RestartPace(deps.timing.restart, deps.time.random);
  }

  /**
   * The server that an earlier agent left, or null. A runtime that cannot be asked now may hold it, so it is
   * asked again: nothing may be started before that is known. Throws CrashLoopError, MissingPartError.
   */
  async adopt(signal: AbortSignal): Promise<RunningServer | null> {
    for (;;) {
      try {
        return await this.#deps.runtime.adopt();
      } catch (err) {
        if (!(err instanceof ServerStartError)) throw err;
        this.#deps.log.warn({ err }, 'cannot tell whether the server of an earlier agent runs');
        await this.#wait(`what runs here cannot be told: ${messageOf(err)}`, 0, signal);
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
    await this.#wait(cause, upMs, signal);
  }

  async #wait(cause: string, upMs: number, signal: AbortSignal): Promise<void> {
    const { time, log } = this.#deps;
    const pauseMs = this.#pace.pauseAfter({ endedMs: time.monoMs(), upMs, cause });
    log.warn({ cause, pauseMs: Math.round(pauseMs) }, 'the server does not run, trying again');
    await time.wait(pauseMs, signal);
  }
}
