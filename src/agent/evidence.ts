import type { CheckResult, ProbeResult } from './checks/probe.js';
import type { AgentMetrics } from './metrics.js';

/** One check's last result, as /healthz shows it. */
export interface Evidence extends CheckResult {
  /** Wall clock in ms. */
  readonly atMs: number;
  /** Wall clock in ms since when the verdict is what it is. */
  readonly sinceMs: number;
}

/** Checks beyond this many are not kept: their names come from our own code, so a bug is all it could be. */
const MAX_CHECKS = 32;

/** The last result of every check of one life of the server. */
export class EvidenceLog {
  readonly #metrics: Pick<AgentMetrics, 'checkSeconds' | 'checkOk'>;
  readonly #byName = new Map<string, Evidence>();

  constructor(metrics: Pick<AgentMetrics, 'checkSeconds' | 'checkOk'>) {
    this.#metrics = metrics;
  }

  /** In the order in which the checks were first made. */
  get all(): readonly Evidence[] {
    return [...this.#byName.values()];
  }

  note(result: ProbeResult, atMs: number): void {
    for (const found of result.evidence ?? []) {
      const before = this.#byName.get(found.check);
      if (before === undefined && this.#byName.size >= MAX_CHECKS) continue;
      const sinceMs = before?.verdict === found.verdict ? before.sinceMs : atMs;
      const latencyMs = Math.round(found.latencyMs * 100) / 100;
      this.#byName.set(found.check, { ...found, latencyMs, atMs, sinceMs });
      const labels = { check: found.check };
      this.#metrics.checkSeconds.observe(found.latencyMs / 1_000, labels);
      if (found.verdict !== 'unknown') {
        this.#metrics.checkOk.set(found.verdict === 'ok' ? 1 : 0, labels);
      }
    }
  }

  /** Another life: what was seen of the former one is no evidence. */
  clear(): void {
    this.#byName.clear();
  }
}
