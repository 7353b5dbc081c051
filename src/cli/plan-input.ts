import type { AdmissionInput } from '../topology/admission.js';
import type { DeriveInput, Evidence } from '../topology/desired-rows.js';
import { DEFAULT_DERIVE_LIMITS } from '../topology/desired-rows.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { DEFAULT_BUDGET_LIMITS } from '../topology/guard-budget.js';
import type { WitnessedRecord, WitnessFinding } from '../topology/node.js';
import type { PassInput } from '../topology/plan-pass.js';
import type { Wiring } from '../topology/wiring.js';
import type { TopologyData } from './operator-data.js';

/** What of the registry a plan is made of. */
export type PlanTopology = Pick<TopologyData, 'nodes' | 'intents' | 'overrides' | 'generation'>;

/** What the witness found of vanished nodes. */
const EVIDENCE: Readonly<Record<Exclude<WitnessFinding, 'disagreed'>, Evidence>> = {
  unsupervised: 'answers',
  silent: 'silent',
  unasked: 'unknown',
};

/**
 * What a reconciler that has led for a while would derive rows from, as far as it can be known from
 * outside: the witness's evidence is the leader's last word, its memory of vanished nodes is not known. Pure.
 */
export function deriveInputOf(
  topology: PlanTopology,
  table: readonly DispatcherRow[],
  wiring: Wiring,
  nowMs: number,
): DeriveInput {
  const witnessed = topology.generation?.witnessed?.nodes ?? [];
  const evidence = witnessed.flatMap(({ nodeId, finding }) =>
    finding === 'disagreed' ? [] : [[nodeId, EVIDENCE[finding]] as const],
  );
  const unanswered = witnessed.filter(({ finding }) => finding === 'silent');
  return {
    nodes: topology.nodes,
    intents: topology.intents,
    wiring,
    previous: table,
    remembered: new Map(),
    evidence: new Map(evidence),
    silentSinceMs: new Map(unanswered.map(({ nodeId, sinceMs }) => [nodeId, sinceMs])),
    admission: admissionOf(topology.nodes, witnessed),
    isSettled: true,
    nowMs,
    limits: DEFAULT_DERIVE_LIMITS,
  };
}

/** The same for a whole pass: nothing spent of the budgets, a view that has long been whole. Pure. */
export function passInputOf(derive: DeriveInput, topology: PlanTopology): PassInput {
  const held = topology.generation?.held ?? [];
  return {
    ...derive,
    heldSince: new Map(held.map(({ setid, sinceMs }) => [setid, sinceMs])),
    spent: new Map(),
    freshForMs: Number.MAX_SAFE_INTEGER,
    budget: DEFAULT_BUDGET_LIMITS,
    overrides: topology.overrides,
    known: new Set(),
    passId: 'plan',
  };
}

/** Nobody asks here: of nodes that say up the agents' word counts where the leader's witness found nothing else. */
function admissionOf(
  nodes: PlanTopology['nodes'],
  witnessed: readonly WitnessedRecord[],
): AdmissionInput {
  const disagreed = witnessed.filter(({ finding }) => finding === 'disagreed');
  const evidence = new Map<string, Evidence>();
  for (const nodeId of nodes.keys()) evidence.set(nodeId, 'answers');
  for (const { nodeId } of disagreed) evidence.set(nodeId, 'silent');
  return { evidence, sinceMs: new Map(), monoMs: 0 };
}
