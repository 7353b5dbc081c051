import type { Metrics } from '../../http/metrics.js';
import type { ReconcilerStatus } from '../../reconciler/status.js';
import type { Refresh } from './process-metrics.js';

/** What the reconciler did and what it holds back. */
export function reconcilerGauges(metrics: Metrics, status: () => ReconcilerStatus): Refresh {
  const leader = metrics.gauge('carna_reconciler_leader', '1 while this reconciler leads.');
  const epoch = metrics.gauge('carna_reconciler_epoch', 'Epoch of its term; 0 on standby.');
  const generation = metrics.gauge('carna_reconciler_generation', 'Last generation known.');
  const fresh = metrics.gauge('carna_reconciler_view_fresh', '1 while its view is up to date.');
  const lastPass = metrics.gauge(
    'carna_reconciler_last_pass_seconds',
    'Duration of the last pass.',
  );
  const findings = metrics.gauge(
    'carna_reconciler_findings',
    'Sets held by a guard, rows refused, addresses in conflict, rows of others, silent nodes.',
    ['finding'],
  );
  const counts = metrics.gauge('carna_reconciler_count', 'What it counted since its start.', [
    'what',
  ]);
  return () => {
    const now = status();
    leader.set(now.isLeader ? 1 : 0);
    epoch.set(now.epoch ?? 0);
    generation.set(now.generation);
    fresh.set(now.isFresh ? 1 : 0);
    if (now.lastPassMs !== null) lastPass.set(now.lastPassMs / 1_000);
    for (const finding of ['held', 'refused', 'conflicts', 'foreign', 'silent'] as const) {
      findings.set(now[finding].length, { finding });
    }
    for (const [what, count] of Object.entries(now.counters)) counts.set(count as number, { what });
  };
}
