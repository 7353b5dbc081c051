import type { Metrics } from '../../http/metrics.js';
import type { ReconcilerStatus } from '../../reconciler/status.js';
import type { HeldSet } from '../../topology/guard.js';
import { countHeld } from '../../topology/held.js';
import type { GuardRule } from '../../topology/node.js';
import { GUARD_RULES, WITNESS_FINDINGS } from '../../topology/node.js';
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
  const witnessed = metrics.gauge(
    'carna_reconciler_witnessed',
    'Nodes of which its own OPTIONS say something else than their agents, by finding: unsupervised (vanished, answers SIP), silent (vanished, does not answer), unasked (vanished, not asked yet), disagreed (up by its agent, does not answer).',
    ['finding'],
  );
  const held = metrics.gauge(
    'carna_reconciler_held',
    'Rows that the guards keep as they are, by rule.',
    ['rule'],
  );
  const limbo = metrics.gauge(
    'carna_reconciler_limbo',
    'Nodes that vanished and do not answer: their rows are inactive and go after the limbo, if no guard holds them.',
  );
  const viewAge = metrics.gauge(
    'carna_reconciler_view_age_seconds',
    'Since its view of the registry was up to date for the last time; 0 while it is.',
  );
  const linked = metrics.gauge(
    'carna_reconciler_remote_linked',
    '1 while the nodes of another data centre are read; at 0 their last known rows stay.',
    ['dc'],
  );
  const deposed = metrics.counter(
    'carna_reconciler_deposed_total',
    'Writes of ours that PostgreSQL refused: a newer leader has the table, or PostgreSQL forgot our epoch.',
  );
  let deposedBefore = 0;
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
    for (const finding of WITNESS_FINDINGS) {
      witnessed.set(now.witnessed?.counts[finding] ?? 0, { finding });
    }
    for (const rule of GUARD_RULES) held.set(rowsHeld(now.held, rule), { rule });
    limbo.set(now.witnessed?.counts.silent ?? 0);
    viewAge.set(now.viewAgeMs / 1_000);
    for (const { dc, link } of now.remotes) linked.set(link === 'linked' ? 1 : 0, { dc });
    deposed.inc({}, now.counters.deposed - deposedBefore);
    deposedBefore = now.counters.deposed;
    for (const [what, count] of Object.entries(now.counters)) counts.set(count as number, { what });
  };
}

function rowsHeld(held: readonly HeldSet[], rule: GuardRule): number {
  return held.filter((set) => set.rule === rule).reduce((rows, set) => rows + countHeld(set), 0);
}
