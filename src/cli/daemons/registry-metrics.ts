import type { Metrics } from '../../http/metrics.js';
import type { Registry } from '../../registry/registry.js';
import type { Refresh } from './process-metrics.js';

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
  return () => {
    connected.set(registry.state === 'connected' ? 1 : 0);
    timeout.set(registry.zkSessionTimeoutMs / 1_000);
    const { ops, ...counts } = registry.counters;
    for (const [event, count] of Object.entries(counts)) events.set(count, { event });
    for (const [result, count] of Object.entries(ops)) operations.set(count, { result });
  };
}
