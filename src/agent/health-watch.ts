import type { Health } from '../topology/health.js';
import { INITIAL_HEALTH, judge } from '../topology/health.js';
import type { LoadLimits } from '../topology/load.js';
import { classifyLoad, usedShare } from '../topology/load.js';
import type { LoadClass } from '../topology/node.js';
import type { LoadSample, ProbeResult } from './checks/probe.js';
import { verdictOf } from './checks/probe.js';
import type { Evidence } from './evidence.js';
import { EvidenceLog } from './evidence.js';
import type { AgentMetrics } from './metrics.js';
import type { Bell, Timekeeper } from './ports.js';
import type { ServerControl } from './servers/server.js';
import type { ProbeTiming } from './timing.js';

export interface HealthWatchDeps {
  readonly time: Timekeeper;
  readonly probe: ProbeTiming;
  readonly load: LoadLimits;
  /** The node's own setting; 0 = unknown. */
  readonly maxSessions: number;
  readonly metrics: AgentMetrics;
  /** The server answers for the first time in this life. */
  readonly onAnswer: () => void;
  /** Same process or address, another life. */
  readonly onOwnRestart: () => void;
  /** After every judgement. */
  readonly onJudged: () => void;
}

/** Between two probes at least so long, however late the last answer was. */
const MIN_GAP_MS = 10;

/** Asks one life of the server how it is, again and again, and judges the answers. */
export class HealthWatch {
  readonly #deps: HealthWatchDeps;
  readonly #evidence: EvidenceLog;
  #health: Health = INITIAL_HEALTH;
  #last: ProbeResult | null = null;
  #sample: LoadSample | null = null;
  #loadClass: LoadClass = 'normal';
  #lifeId: string | null = null;
  #hasAnswered = false;
  #notUpSinceMs = 0;

  constructor(deps: HealthWatchDeps) {
    this.#deps = deps;
    this.#evidence = new EvidenceLog(deps.metrics);
  }

  get health(): Health {
    return this.#health;
  }

  get last(): ProbeResult | null {
    return this.#last;
  }

  get evidence(): readonly Evidence[] {
    return this.#evidence.all;
  }

  get sample(): LoadSample | null {
    return this.#sample;
  }

  get loadClass(): LoadClass {
    return this.#loadClass;
  }

  /** Calls that it can carry: the smaller one of our own setting and what the server says; 0 = unknown. */
  get capacity(): number {
    const known = [this.#deps.maxSessions, this.#sample?.limit ?? 0].filter((limit) => limit > 0);
    return known.length === 0 ? 0 : Math.min(...known);
  }

  /** Nothing is known of the server any more: it ended, or another life began. */
  reset(): void {
    this.#health = INITIAL_HEALTH;
    this.#last = null;
    this.#sample = null;
    this.#loadClass = 'normal';
    this.#hasAnswered = false;
    this.#evidence.clear();
  }

  /** Probes until `over` aborts. From start to start an interval, so that a late answer delays nothing. */
  async run(control: ServerControl, bell: Bell, over: AbortSignal): Promise<void> {
    const { time, probe } = this.#deps;
    this.#lifeId = null;
    this.#notUpSinceMs = time.monoMs();
    let isSoon = true;
    while (!over.aborted) {
      const beganMs = time.monoMs();
      const result = await control.probe(isSoon ? probe.fastDeadlineMs : probe.deadlineMs);
      if (over.aborted) return;
      this.#note(result);
      isSoon = !this.#health.isUp && time.monoMs() - this.#notUpSinceMs < probe.fastForMs;
      const everyMs = isSoon ? probe.fastMs : probe.intervalMs * (0.9 + 0.1 * time.random());
      await bell.wait(Math.max(MIN_GAP_MS, beganMs + everyMs - time.monoMs()), over);
    }
  }

  #note(result: ProbeResult): void {
    const { time, metrics, probe } = this.#deps;
    metrics.probes.inc({ result: result.kind });
    metrics.probeSeconds.observe(result.latencyMs / 1_000);
    if (result.kind === 'ok') this.#noteAnswer(result);
    this.#last = result;
    this.#evidence.note(result, time.wallMs());
    this.#noteLoad(result);
    this.#health = judge(this.#health, verdictOf(result), probe.limits);
    if (this.#health.isUp) this.#notUpSinceMs = time.monoMs();
    this.#deps.onJudged();
  }

  #noteAnswer({ lifeId }: Extract<ProbeResult, { kind: 'ok' }>): void {
    if (lifeId !== null) {
      const isAnother = this.#lifeId !== null && this.#lifeId !== lifeId;
      this.#lifeId = lifeId;
      if (isAnother) {
        this.reset();
        this.#deps.onOwnRestart();
      }
    }
    if (this.#hasAnswered) return;
    this.#hasAnswered = true;
    this.#deps.onAnswer();
  }

  #noteLoad(result: ProbeResult): void {
    if (result.kind === 'unknown' || result.load === undefined) return;
    const { metrics, maxSessions, load } = this.#deps;
    this.#sample = result.load;
    const share = usedShare(result.load, maxSessions);
    this.#loadClass = classifyLoad(this.#loadClass, share, load);
    const { sessions, limit, ratePerSecond, idleCpuPercent, memoryUsedShare } = result.load;
    const figures = { sessions, limit, ratePerSecond, idleCpuPercent, memoryUsedShare };
    for (const [figure, value] of Object.entries(figures)) {
      if (value !== null) metrics.load.set(value, { figure });
    }
  }
}
