import type { NodeRecord } from '../../topology/node.js';
import { DEFAULT_DERIVE_LIMITS } from '../../topology/desired-rows.js';
import { applyChanges } from '../../topology/diff-rows.js';
import type { DispatcherRow } from '../../topology/dispatcher-row.js';
import { hashSets, planPass } from '../../topology/plan-pass.js';
import { DEFAULT_BUDGET_LIMITS } from '../../topology/guard-budget.js';
import { DEFAULT_WIRING } from '../../topology/wiring.js';
import { syntheticNode } from './synthetic-node.js';
import type { BenchRow } from './report.js';
import { summarise } from './stats.js';

const BUDGET_MS = 10;
const ROUNDS = 60;
/** The first passes compile the code. */
const WARM_UP = 10;

/** One node changes among many: the processor time of the pass that finds it, hashing included. */
export function benchPlan(count: number): readonly BenchRow[] {
  const nodes = new Map<string, { readonly record: NodeRecord }>();
  for (let n = 0; n < count; n++) {
    const record = syntheticNode(n);
    nodes.set(record.nodeId, { record });
  }
  let table: ReadonlyMap<string, DispatcherRow> = new Map();
  const pass = (): number => {
    const before = process.cpuUsage();
    const plan = planPass({
      nodes,
      intents: new Map(),
      wiring: DEFAULT_WIRING,
      previous: table,
      remembered: new Map(),
      evidence: new Map(),
      isSettled: true,
      nowMs: 0,
      limits: { ...DEFAULT_DERIVE_LIMITS, slowStartMs: 0 },
      heldSince: new Map(),
      spent: new Map(),
      overrides: new Map(),
      freshForMs: Number.POSITIVE_INFINITY,
      budget: DEFAULT_BUDGET_LIMITS,
      known: new Set(),
      passId: 'bench',
    });
    table = applyChanges(table, plan.changes);
    hashSets(table.values(), new Set(plan.changes.map((change) => change.row.setid)));
    const used = process.cpuUsage(before);
    return (used.user + used.system) / 1_000;
  };
  pass();
  const samples: number[] = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    const record = syntheticNode(round);
    const state = round % 2 === 0 ? 'down' : 'draining';
    nodes.set(record.nodeId, { record: { ...record, state } });
    const usedMs = pass();
    if (round >= WARM_UP) samples.push(usedMs);
  }
  const summary = summarise(samples);
  return [
    {
      name: `one change among ${count} nodes: plan`,
      budget: `≤ ${BUDGET_MS} CPU`,
      unit: 'ms',
      summary,
      isWithin: summary.median <= BUDGET_MS,
      note: 'processor time of the whole pass: derive, compare, guard, hash; judged by the median',
    },
  ];
}
