import type { CounterHandle, GaugeHandle, HistogramHandle, Metrics } from '../http/metrics.js';
import { LATENCY_BUCKETS } from '../http/metrics.js';

/** What an agent measures of itself. */
export interface AgentMetrics {
  readonly serverStarts: CounterHandle;
  readonly serverExits: CounterHandle;
  readonly probeSeconds: HistogramHandle;
  readonly probes: CounterHandle;
  readonly state: GaugeHandle;
  readonly changes: CounterHandle;
  readonly reloads: CounterHandle;
  readonly setStates: CounterHandle;
  readonly refusedEmpty: CounterHandle;
  readonly applierFailures: CounterHandle;
  readonly driftHealed: CounterHandle;
  readonly foreignRows: GaugeHandle;
  readonly lastProof: GaugeHandle;
  readonly appliedGeneration: GaugeHandle;
  readonly drift: GaugeHandle;
  readonly callsLeft: GaugeHandle;
  readonly checkSeconds: HistogramHandle;
  readonly checkOk: GaugeHandle;
  readonly load: GaugeHandle;
  readonly quarantined: GaugeHandle;
  readonly busMembers: GaugeHandle;
  readonly busPasses: CounterHandle;
  readonly busRemovals: CounterHandle;
  readonly busAnnouncements: CounterHandle;
  readonly busAlarm: GaugeHandle;
}

/** Registers them; call once per registry. */
export function agentMetrics(metrics: Metrics): AgentMetrics {
  return {
    serverStarts: metrics.counter('carna_agent_server_starts_total', 'Starts of the SIP server.'),
    serverExits: metrics.counter(
      'carna_agent_server_exits_total',
      'Ends of the SIP server that nobody asked for.',
    ),
    probeSeconds: metrics.histogram(
      'carna_agent_probe_seconds',
      'How long a probe of the SIP server took.',
      LATENCY_BUCKETS,
    ),
    probes: metrics.counter('carna_agent_probes_total', 'Probes by result.', ['result']),
    state: metrics.gauge('carna_agent_state', '1 for the state of the node, else 0.', ['state']),
    changes: metrics.counter('carna_agent_changes_total', 'Changes of state.', ['to']),
    reloads: metrics.counter(
      'carna_agent_reloads_total',
      'dispatcher.reload by answer: ok, failed (also when only one row was refused), too-early (the gate: nothing was done), unknown (the answer was lost).',
      ['answer'],
    ),
    setStates: metrics.counter('carna_agent_set_states_total', 'dispatcher.set_state calls.'),
    refusedEmpty: metrics.counter(
      'carna_agent_refused_empty_total',
      'Times that the table would have emptied a set without the leader saying so.',
    ),
    applierFailures: metrics.counter(
      'carna_agent_applier_failures_total',
      'Passes of the applier that could not be finished.',
    ),
    driftHealed: metrics.counter(
      'carna_agent_drift_healed_total',
      'Changes made to the live list by hand and undone, by kind: state, missing, extra, changed.',
      ['kind'],
    ),
    foreignRows: metrics.gauge(
      'carna_agent_foreign_rows',
      'Rows of somebody else in the sets that this Kamailio consumes.',
    ),
    lastProof: metrics.gauge(
      'carna_agent_last_proof_timestamp_seconds',
      'Unix time at which the live list was last read and found equal to the table; its age is time() minus this.',
    ),
    appliedGeneration: metrics.gauge(
      'carna_agent_applied_generation',
      'Generation proven by read-back.',
    ),
    drift: metrics.gauge('carna_agent_drift', '1 while the live list differs from the table.'),
    checkSeconds: metrics.histogram(
      'carna_agent_check_seconds',
      'How long the answer to one question took.',
      LATENCY_BUCKETS,
      ['check'],
    ),
    checkOk: metrics.gauge(
      'carna_agent_check_ok',
      '1 when the last answer to the question was good, 0 when it was not.',
      ['check'],
    ),
    load: metrics.gauge(
      'carna_agent_load',
      'What the SIP server says of its load: sessions, limit, ratePerSecond, idleCpuPercent, memoryUsedShare.',
      ['figure'],
    ),
    quarantined: metrics.gauge(
      'carna_agent_quarantined',
      '1 while the node is kept down because it flaps.',
    ),
    busMembers: metrics.gauge(
      'carna_agent_bus_members',
      'Other members of the DMQ bus as our server lists them, by status.',
      ['status'],
    ),
    busPasses: metrics.counter(
      'carna_agent_bus_passes_total',
      'Comparisons of the bus with the registry, made while the registry was up to date.',
    ),
    busRemovals: metrics.counter(
      'carna_agent_bus_removals_total',
      'Members that were removed from the bus of our server.',
    ),
    busAnnouncements: metrics.counter(
      'carna_agent_bus_announcements_total',
      'Members that our server was told of.',
    ),
    busAlarm: metrics.gauge('carna_agent_bus_alarm', '1 while something is amiss on the bus.'),
    callsLeft: metrics.gauge('carna_agent_drain_calls_left', 'Calls left while draining.'),
  };
}
