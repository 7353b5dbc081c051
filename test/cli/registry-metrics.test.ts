import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registryGauges } from '../../src/cli/daemons/registry-metrics.js';
import { createMetrics } from '../../src/http/metrics.js';
import type { Registry } from '../../src/registry/registry.js';

const STATE: Pick<Registry, 'state' | 'zkSessionTimeoutMs' | 'counters' | 'viewStats'> = {
  state: 'suspended',
  zkSessionTimeoutMs: 6_000,
  counters: {
    expired: 1,
    recycled: 2,
    silentCuts: 3,
    connectCuts: 4,
    contained: 5,
    ops: { ok: 10, notSent: 11, rejected: 12, ambiguous: 13, sessionOver: 14 },
  },
  viewStats: () => ({
    views: 2,
    znodes: 40,
    unreadable: 1,
    staleSinceMs: Date.now() - 60_000,
    revision: 99,
    wipes: 6,
    audits: 7,
    auditDifferences: 8,
  }),
};

test('E4 state, time-out, faults, operations and views are all told', async () => {
  const metrics = createMetrics();
  registryGauges(metrics, STATE as Registry)();
  const text = await metrics.text();
  const has = (line: string): void => assert.ok(text.includes(`\n${line}\n`), line);
  has('carna_registry_connected 0');
  has('carna_registry_state{state="suspended"} 1');
  has('carna_registry_state{state="connected"} 0');
  has('carna_registry_session_timeout_seconds 6');
  for (const [event, count] of Object.entries({
    expired: 1,
    recycled: 2,
    silentCuts: 3,
    connectCuts: 4,
    contained: 5,
  })) {
    has(`carna_registry_events{event="${event}"} ${count}`);
  }
  for (const [result, count] of Object.entries(STATE.counters.ops)) {
    has(`carna_registry_operations{result="${result}"} ${count}`);
  }
  has('carna_registry_view_fresh 0');
  const age = Number(/carna_registry_view_stale_seconds ([\d.]+)/.exec(text)?.[1]);
  assert.ok(age >= 60 && age < 120);
  const views = {
    znodes: 40,
    unreadable: 1,
    revision: 99,
    wipes: 6,
    audits: 7,
    audit_differences: 8,
  };
  for (const [what, count] of Object.entries(views))
    has(`carna_registry_view{what="${what}"} ${count}`);
});
