import type { Logger } from 'pino';
import type { Health } from '../topology/health.js';
import { INITIAL_HEALTH, judge } from '../topology/health.js';
import { messageOf, ServerStartError } from '../util/errors.js';
import type { Applier } from './applier.js';
import type { ProbeResult } from './checks/probe.js';
import { verdictOf } from './checks/probe.js';
import type { AgentMetrics } from './metrics.js';
import type { NodeStatus } from './node-status.js';
import type { Bell, Timekeeper } from './ports.js';
import { RestartPace } from './restart-pace.js';
import type { RunningServer, ServerExit, ServerRuntime } from './runtime/runtime.js';
import type { OpenControl, ServerControl } from './servers/server.js';
import type { AgentTiming } from './timing.js';

export interface SupervisorDeps {
  readonly runtime: ServerRuntime;
  readonly openControl: OpenControl;
  readonly status: NodeStatus;
  /** null for a server that consumes no destination set. */
  readonly applier: Applier | null;
  readonly time: Timekeeper;
  readonly timing: AgentTiming;
  readonly metrics: AgentMetrics;
  readonly log: Logger;
}

/** Keeps the server running: start, watch, judge, tell its state, start again. */
export class Supervisor {
  readonly #deps: SupervisorDeps;
  readonly #pace: RestartPace;
  #server: RunningServer | null = null;
  #control: ServerControl | null = null;
  #health: Health = INITIAL_HEALTH;
  #last: ProbeResult | null = null;
  #lastExit: string | null = null;
  #starts = 0;
  #fitSinceMs: number | null = null;

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
    this.#pace = new RestartPace(deps.timing.restart, deps.time.random);
    deps.applier?.onProven(() => this.#tell());
  }

  /** The running server's control; null while none runs. */
  get control(): ServerControl | null {
    return this.#control;
  }

  /** True when it may take calls: checks succeed and, beside a Kamailio, its list is proven. */
  get isFit(): boolean {
    const isListProven = this.#deps.applier === null || this.#deps.applier.isProven;
    return this.#server !== null && this.#health.isUp && isListProven;
  }

  /** Calls on the server by its last good probe; null when that did not tell. */
  get calls(): number | null {
    return this.#last?.kind === 'ok' ? (this.#last.calls ?? null) : null;
  }

  /** For /healthz. */
  report(): object {
    return {
      server: { pid: this.#server?.pid ?? null, starts: this.#starts, lastExit: this.#lastExit },
      checks: { isUp: this.#health.isUp, streak: this.#health.streak, last: this.#last },
    };
  }

  /**
   * Runs until `signal` aborts, then stops the server and resolves when nothing of it is left.
   * Throws CrashLoopError; ServerStartError when the last server cannot be cleared away.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { runtime, time, log } = this.#deps;
    let adopted = await runtime.adopt();
    while (!signal.aborted) {
      const cause = await this.#liveOnce(adopted, signal);
      adopted = null;
      if (signal.aborted) return;
      const endedMs = time.monoMs();
      const upMs = this.#fitSinceMs === null ? 0 : Math.max(1, endedMs - this.#fitSinceMs);
      const pauseMs = this.#pace.pauseAfter({ endedMs, upMs, cause });
      log.warn({ cause, pauseMs: Math.round(pauseMs) }, 'the server ended, starting it again');
      await time.wait(pauseMs, signal);
    }
  }

  /** One life, from start to cleared away; gives the cause of its end. */
  async #liveOnce(adopted: RunningServer | null, signal: AbortSignal): Promise<string> {
    const { runtime, openControl, status, applier, time, metrics } = this.#deps;
    this.#fitSinceMs = null;
    let server: RunningServer;
    try {
      server =
        adopted ?? (await runtime.start(status.newInstanceId(), (text) => status.describe(text)));
    } catch (err) {
      if (!(err instanceof ServerStartError)) throw err;
      const cause = `it could not be started: ${messageOf(err)}`;
      if (status.state !== 'gone') status.apply('exited', { cause });
      return messageOf(err);
    }
    this.#starts += 1;
    metrics.serverStarts.inc();
    const over = new AbortController();
    const exited = server.exited.then((exit) => {
      this.#noteExit(exit, signal.aborted);
      over.abort();
      return exit;
    });
    const bell = time.newBell();
    const control = openControl({ ring: () => bell.ring(), isAdopted: server.isAdopted });
    status.beginInstance(server.instanceId);
    this.#server = server;
    this.#control = control;
    applier?.serverStarted();
    const stopIt = (): void => void this.#stop(server, control);
    signal.addEventListener('abort', stopIt);
    if (signal.aborted) stopIt();
    try {
      await this.#watch(control, bell, over.signal);
      return (await exited).cause;
    } finally {
      signal.removeEventListener('abort', stopIt);
      await control.close();
      await server.cleared;
    }
  }

  /** First of all the news goes out; everything else can wait. */
  #noteExit(exit: ServerExit, wasWanted: boolean): void {
    this.#server = null;
    this.#control = null;
    this.#health = INITIAL_HEALTH;
    this.#last = null;
    this.#lastExit = exit.cause;
    if (wasWanted) return;
    const { status, applier, metrics } = this.#deps;
    if (status.state !== 'gone') {
      status.apply('exited', { cause: exit.cause, noticedAtMs: exit.noticedAtMs });
    }
    applier?.serverExited();
    metrics.serverExits.inc();
  }

  async #watch(control: ServerControl, bell: Bell, over: AbortSignal): Promise<void> {
    const { time, metrics } = this.#deps;
    const probe = this.#deps.timing.probe;
    let lifeId: string | null = null;
    let notUpSinceMs = time.monoMs();
    let hasAnswered = false;
    let isSoon = true;
    while (!over.aborted) {
      const result = await control.probe(isSoon ? probe.fastDeadlineMs : probe.deadlineMs);
      if (over.aborted) return;
      metrics.probes.inc({ result: result.kind });
      metrics.probeSeconds.observe(result.latencyMs / 1_000);
      if (result.kind === 'ok' && result.lifeId !== null) {
        if (lifeId !== null && lifeId !== result.lifeId) this.#noteOwnRestart();
        lifeId = result.lifeId;
      }
      if (result.kind === 'ok' && !hasAnswered) {
        hasAnswered = true;
        this.#deps.applier?.wake();
      }
      this.#last = result;
      this.#health = judge(this.#health, verdictOf(result), probe.limits);
      this.#tell();
      if (this.#health.isUp) notUpSinceMs = time.monoMs();
      isSoon = !this.#health.isUp && time.monoMs() - notUpSinceMs < probe.fastForMs;
      const pauseMs = probe.intervalMs * (0.9 + 0.2 * time.random());
      await bell.wait(isSoon ? probe.fastMs : pauseMs, over);
    }
  }

  /** Same process or address, another life: nothing known of the former one holds. */
  #noteOwnRestart(): void {
    const { status, applier } = this.#deps;
    this.#health = INITIAL_HEALTH;
    status.beginInstance(status.newInstanceId());
    if (status.state === 'up') status.apply('failed', { cause: 'it restarted by itself' });
    applier?.serverExited();
    applier?.serverStarted();
  }

  /** Says what changed, if anything did. A draining node stays draining whatever the checks say. */
  #tell(): void {
    const { status, time } = this.#deps;
    if (this.isFit) this.#fitSinceMs ??= time.monoMs();
    if (this.isFit && (status.state === 'starting' || status.state === 'down')) {
      status.apply('healthy', { cause: 'its checks succeed', reason: 'up' });
    } else if (!this.#health.isUp && this.#server !== null && status.state === 'up') {
      const reason = this.#last?.kind === 'fail' ? this.#last.reason : 'its checks fail';
      status.apply('failed', { cause: reason });
    }
  }

  async #stop(server: RunningServer, control: ServerControl): Promise<void> {
    const { termMs } = this.#deps.timing.stop;
    await server
      .stop({ graceful: () => control.shutDown(), gracefulMs: control.gracefulMs, termMs })
      .catch((err: unknown) => this.#deps.log.error({ err }, 'the server did not stop cleanly'));
  }
}
