import type { Metrics } from '../../http/metrics.js';

/** Sets gauges from a state that is read when somebody asks for the metrics. */
export type Refresh = () => void;

/** Memory and processor time of this daemon. */
export function processGauges(metrics: Metrics): Refresh {
  const memory = metrics.gauge('carna_process_resident_bytes', 'Resident memory of this process.');
  const cpu = metrics.gauge('carna_process_cpu_seconds', 'Processor time used by this process.');
  return () => {
    memory.set(process.memoryUsage.rss());
    const { user, system } = process.cpuUsage();
    cpu.set((user + system) / 1_000_000);
  };
}

/** The metrics as text, after every gauge was refreshed. */
export async function refreshedText(
  metrics: Metrics,
  refreshers: readonly Refresh[],
): Promise<string> {
  for (const refresh of refreshers) refresh();
  return metrics.text();
}
