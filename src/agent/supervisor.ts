import { messageOf, ServerStartError } from '../util/errors.js';
import { Comeback } from './comeback.js';
import { FlapGuard } from './flap-guard.js';
import { HealthWatch } from './health-watch.js';
import type { RunningServer, ServerExit } from './runtime/runtime.js';
import type { ServerControl } from './servers/server.js';
import type { ServerReport } from './server-report.js';
import { describeServer } from './server-report.js';
import type { StopManner, SupervisorDeps } from './supervisor-ports.js';

/**
 * Keeps the server running: take over or start, watch, judge, tell its state, start again.
 *
 * It stops the server only when told to (`stopServer`): an agent that ends for any other reason leaves it
 * to its successor, with every call on it.
 */
export class Supervisor {
  readonly #deps: SupervisorDeps;
  readonly #comeback: Comeback;
  readonly #watch: HealthWatch;
  readonly #flaps: FlapGuard;
  #server: RunningServer | null = null;
  #control: ServerControl | null = null;
  #lastExit: string | null = null;
  #starts = 0;
  #fitSinceMs: number | null = null;
  #onControl: () => void = () => undefined;
  readonly #stopping = new AbortController();
  #manner: StopManner = 'in its own way';

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
    const { time, timing, metrics, maxSessions, status } = deps;
    this.#comeback = new Comeback(deps);
    this.#flaps = new FlapGuard(timing.flap, status, time, metrics, deps.log);
    this.#watch = new HealthWatch({
      time,
      probe: timing.probe,
      load: timing.load,
      maxSessions,
      metrics,
      onAnswer: () => deps.applier?.wake(),
      onOwnRestart: () => this.#noteOwnRestart(),
      onJudged: () => this.#tell(),
    });
    deps.applier?.onProven(() => this.#tell());
    deps.bus?.onSynced(() => this.#tell());
  }

  /** The running server's control; null while none runs. */
  get control(): ServerControl | null {
    return this.#control;
  }

  /** Called whenever another control stands. */
  onControl(listener: () => void): void {
    this.#onControl = listener;
  }

  /** True when it may take calls: checks succeed, it refuses none, its list is proven and its contacts are here. */
  get isFit(): boolean {
    const { applier, bus } = this.#deps;
    const hasAll = (applier?.isProven ?? true) && (bus?.isSynced ?? true);
    const mayRefuse = this.#control === null || this.#control.mayRefuse();
    return this.#watch.health.isUp && hasAll && !mayRefuse;
  }

  /** Calls on the server by its last good probe; null when that did not tell. */
  get calls(): number | null {
    const { last } = this.#watch;
    return last?.kind === 'ok' ? (last.calls ?? null) : null;
  }

  /** For /healthz. */
  report(): ServerReport {
    return describeServer({
      server: this.#server,
      starts: this.#starts,
      lastExit: this.#lastExit,
      trouble: this.#comeback.trouble,
      watch: this.#watch,
      quarantine: this.#flaps.report(),
    });
  }

  /** Stops the server, and with it `run`. The first call counts. */
  stopServer(manner: StopManner): void {
    if (this.#stopping.signal.aborted) return;
    this.#manner = manner;
    this.#stopping.abort();
  }

  /**
   * Runs until `stopServer`, then resolves when nothing of the server is left; or until `signal` aborts,
   * leaving it as it is. Throws CrashLoopError, MissingPartError; ServerStartError when the last server
   * cannot be cleared away.
   */
  async run(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const end = (): void => over.abort();
    const both = [signal, this.#stopping.signal];
    for (const one of both) one.addEventListener('abort', end);
    if (both.some((one) => one.aborted)) end();
    try {
      await this.#keepRunning(over.signal, signal);
    } finally {
      for (const one of both) one.removeEventListener('abort', end);
    }
  }

  async #keepRunning(over: AbortSignal, left: AbortSignal): Promise<void> {
    let adopted = await this.#comeback.adopt(over);
    this.#deps.status.announce(adopted?.instanceId ?? null);
    while (!over.aborted || adopted !== null) {
      const cause = await this.#liveOnce(adopted, left);
      adopted = null;
      if (over.aborted) return;
      await this.#comeback.pauseAfter(cause, this.#fitSinceMs, over);
    }
  }

  /** One life, from start to cleared away; gives the cause of its end. `left` leaves the server running. */
  async #liveOnce(adopted: RunningServer | null, left: AbortSignal): Promise<string> {
    const { openControl, status, applier, bus, time } = this.#deps;
    this.#fitSinceMs = null;
    const server = adopted ?? (await this.#start());
    if (typeof server === 'string') return server;
    const over = new AbortController();
    const exited = server.exited.then((exit) => {
      this.#noteExit(exit);
      over.abort();
      return exit;
    });
    const bell = time.newBell();
    const control = openControl({ ring: () => bell.ring(), isAdopted: server.isAdopted });
    status.beginInstance(server.instanceId);
    this.#server = server;
    this.#control = control;
    applier?.serverStarted();
    bus?.serverStarted(server.isAdopted);
    this.#onControl();
    const stopIt = (): void => void this.#stop(server, control);
    const leave = (): void => over.abort();
    const stopping = this.#stopping.signal;
    stopping.addEventListener('abort', stopIt);
    left.addEventListener('abort', leave);
    if (stopping.aborted) stopIt();
    if (left.aborted) leave();
    try {
      await this.#watch.run(control, bell, over.signal);
      if (left.aborted && !stopping.aborted) return 'it was left running';
      return (await exited).cause;
    } finally {
      stopping.removeEventListener('abort', stopIt);
      left.removeEventListener('abort', leave);
      await control.close();
      if (stopping.aborted || !left.aborted) await server.cleared;
    }
  }

  /** The server, or why there is none. */
  async #start(): Promise<RunningServer | string> {
    const { runtime, status, metrics } = this.#deps;
    try {
      const server = await runtime.start(status.newInstanceId(), (text) => status.describe(text));
      this.#starts += 1;
      metrics.serverStarts.inc();
      return server;
    } catch (err) {
      if (!(err instanceof ServerStartError)) throw err;
      const cause = runtime.isObserver
        ? messageOf(err)
        : `it could not be started: ${messageOf(err)}`;
      if (status.state === 'down') status.describe(cause);
      else if (status.state !== 'gone') status.apply('exited', { cause });
      return messageOf(err);
    }
  }

  /** First of all the news goes out; everything else can wait. */
  #noteExit(exit: ServerExit): void {
    this.#server = null;
    this.#control = null;
    this.#lastExit = exit.cause;
    const wasWanted = this.#stopping.signal.aborted;
    const { status, applier, bus, metrics } = this.#deps;
    if (!wasWanted && status.state !== 'gone') {
      const wasUp = status.state === 'up';
      status.apply('exited', { cause: exit.cause, noticedAtMs: exit.noticedAtMs });
      if (wasUp) this.#flaps.noteFall();
    }
    this.#watch.reset();
    if (wasWanted) return;
    applier?.serverExited();
    bus?.serverExited();
    metrics.serverExits.inc();
  }

  /** Same process or address, another life: nothing known of the former one holds. */
  #noteOwnRestart(): void {
    const { status, applier, bus } = this.#deps;
    status.beginInstance(status.newInstanceId());
    if (status.state === 'up') {
      status.apply('failed', { cause: 'it restarted by itself' });
      this.#flaps.noteFall();
    }
    applier?.serverExited();
    applier?.serverStarted();
    bus?.serverStarted(false);
    this.#onControl();
  }

  /** Says what changed, if anything did. A draining node stays draining whatever the checks say. */
  #tell(): void {
    const { status, bus, time } = this.#deps;
    if (this.#server === null) return;
    if (this.#watch.health.isUp) bus?.serverAnswers();
    this.#flaps.look();
    status.setLoad(this.#watch.loadClass, this.#watch.capacity);
    if (this.isFit) this.#fitSinceMs ??= time.monoMs();
    if (this.isFit && (status.state === 'starting' || status.state === 'down')) {
      if (this.#flaps.mayRise(status.state === 'down')) this.#rise();
    } else if (!this.#watch.health.isUp && status.state === 'up') {
      const { last } = this.#watch;
      const reason = last?.kind === 'fail' ? last.reason : 'its checks fail';
      status.apply('failed', { cause: reason });
      bus?.serverFailed();
      this.#flaps.noteFall();
    } else if (bus !== null && status.state === 'up') status.describe(bus.fault ?? 'up');
  }

  #rise(): void {
    const { status, bus } = this.#deps;
    const isTakenOver = status.state === 'starting' && this.#server?.isAdopted === true;
    const cause = isTakenOver ? 'another agent took it over' : 'its checks succeed';
    status.apply('healthy', { cause, reason: bus?.fault ?? 'up' });
  }

  async #stop(server: RunningServer, control: ServerControl): Promise<void> {
    const { termMs } = this.#deps.timing.stop;
    const gracefulMs = this.#manner === 'at once' ? 0 : control.gracefulMs;
    await server
      .stop({ graceful: () => control.shutDown(), gracefulMs, termMs })
      .catch((err: unknown) => this.#deps.log.error({ err }, 'the server did not stop cleanly'));
  }
}
