import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;

export interface CounterHandle {
  inc(labels?: Labels, by?: number): void;
}

export interface GaugeHandle {
  set(value: number, labels?: Labels): void;
}

export interface HistogramHandle {
  /** In the unit that the metric's name ends with (seconds). */
  observe(value: number, labels?: Labels): void;
}

/** What a daemon needs to be measured, without knowing the package behind it. */
export interface Metrics {
  /** Throws RangeError when the name is taken: each metric has one owner. */
  counter(name: string, help: string, labelNames?: readonly string[]): CounterHandle;
  gauge(name: string, help: string, labelNames?: readonly string[]): GaugeHandle;
  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames?: readonly string[],
  ): HistogramHandle;
  /** Everything registered, in Prometheus' text format. */
  text(): Promise<string>;
}

/** Seconds, from a fast local answer to a hung one. */
export const LATENCY_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** A registry of its own: two daemons in one process do not meet. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const common = (name: string, help: string, labelNames: readonly string[] = []) => {
    if (registry.getSingleMetric(name) !== undefined) {
      throw new RangeError(`the metric ${name} is registered twice`);
    }
    return { name, help, labelNames: [...labelNames], registers: [registry] };
  };
  return {
    counter: (name, help, labelNames) => {
      const counter = new Counter(common(name, help, labelNames));
      return { inc: (labels = {}, by = 1) => counter.inc(labels, by) };
    },
    gauge: (name, help, labelNames) => {
      const gauge = new Gauge(common(name, help, labelNames));
      return { set: (value, labels = {}) => gauge.set(labels, value) };
    },
    histogram: (name, help, buckets, labelNames) => {
      const histogram = new Histogram({
        ...common(name, help, labelNames),
        buckets: [...buckets],
      });
      return { observe: (value, labels = {}) => histogram.observe(labels, value) };
    },
    text: () => registry.metrics(),
  };
}
