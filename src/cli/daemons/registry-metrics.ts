import type { Metrics } from '../../http/metrics.js';
import type { Registry } from '../../registry/registry.js';
import type { ZkSessionState } from '../../registry/session-options.js';
import { systemClock } from '../../util/clock.js';
import type { Refresh } from './process-metrics.js';

const STATES: readonly ZkSessionState[] = [
  'connecting',
  'connected',
  'suspended',
  'lost',
  'closed',
];

/** How the connection to ZooKeeper fares, and what had to be contained on the way. */
export function registryGauges(metrics: Metrics, registry: Registry): Refresh {
  const connected = metrics.gauge('carna_registry_connected', '1 while connected to ZooKeeper.');
  const timeout = metrics.gauge(
    'carna_registry_session_timeout_seconds',
    'Negotiated session time-out.',
  );
  const events = metrics.gauge(
    'carna_registry_events',
    'Expired and recycled sessions, cut connections, contained exceptions, since the start.',
    ['event'],
  );
  const operations = metrics.gauge('carna_registry_operations', 'Operations by how they ended.', [
    'result',
  ]);
  const state = metrics.gauge('carna_registry_state', '1 for the state of the zkSession.', [
    'state',
  ]);
  const fresh = metrics.gauge('carna_registry_view_fresh', '1 while all views are up to date.');
  const stale = metrics.gauge(
    'carna_registry_view_stale_seconds',
    'How long the view that is stale for longest is stale; 0 while all are up to date.',
  );
  const views = metrics.gauge(
    'carna_registry_view',
    'Of all views together: znodes mirrored, unreadable ones, revision, trees found wiped, audits done, differences found.',
    ['what'],
  );
  return () => {
    for (const one of STATES) state.set(registry.state === one ? 1 : 0, { state: one });
    const { staleSinceMs, znodes, unreadable, revision, ...found } = registry.viewStats();
    fresh.set(staleSinceMs === null ? 1 : 0);
    stale.set(staleSinceMs === null ? 0 : Math.max(0, systemClock.wallMs() - staleSinceMs) / 1_000);
    const sizes = { znodes, unreadable, revision };
    const { wipes, audits, auditDifferences } = found;
    const counts = { wipes, audits, audit_differences: auditDifferences };
    for (const [what, count] of Object.entries({ ...sizes, ...counts })) views.set(count, { what });
    connected.set(registry.state === 'connected' ? 1 : 0);
    timeout.set(registry.zkSessionTimeoutMs / 1_000);
    const { ops, ...faults } = registry.counters;
    for (const [event, count] of Object.entries(faults)) events.set(count, { event });
    for (const [result, count] of Object.entries(ops)) operations.set(count, { result });
  };
}
